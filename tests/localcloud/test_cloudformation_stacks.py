"""Stacks: parameters are checked, only changes are updated, failures are reported, retained resources survive."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import BREAKS, Bare

Deploy = Callable[..., dict[str, str]]


def group(name: Any, **extra: Any) -> dict[str, Any]:
    """Return a log group, the simplest resource."""
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}, **extra}


def template(resources: dict[str, Any], parameters: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"Parameters": parameters or {}, "Resources": resources, **more}


def names(client: Any) -> list[str]:
    return [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]


NAMED = template({"Group": group({"Fn::Sub": "${Name}-group"})}, {"Name": {"Type": "String"}})


@pytest.mark.parametrize(
    ("rules", "value", "complaint"),
    [
        ({"AllowedPattern": "[a-z]+"}, "abc1", r"Parameter 'P' must match pattern \[a-z\]\+"),
        (
            {"AllowedPattern": "x", "ConstraintDescription": "be x"},
            "y",
            "Parameter P failed to satisfy constraint: be x",
        ),
        ({"AllowedValues": ["a", "b"]}, "c", "Parameter 'P' must be one of AllowedValues"),
        ({"MinLength": 2}, "a", "Parameter 'P' must contain at least 2 characters"),
        ({"MaxLength": 2}, "abc", "Parameter 'P' must contain at most 2 characters"),
        ({"Type": "Number", "MinValue": 2}, "1", "Parameter 'P' must be a number not less than 2"),
        ({"Type": "Number", "MaxValue": 2}, "3", "Parameter 'P' must be a number not greater than 2"),
        ({"Type": "Number"}, "many", "Parameter 'P' must be a number"),
    ],
)
def test_a_parameter_that_breaks_its_rules_is_refused(
    stack: Deploy, rules: dict[str, Any], value: str, complaint: str
) -> None:
    with pytest.raises(ClientError, match=complaint):
        stack(template({"Group": group("q")}, {"P": {"Type": "String", **rules}}), name="refused", P=value)


def test_missing_and_unknown_parameters_are_refused(stack: Deploy) -> None:
    with pytest.raises(ClientError, match=r"Parameters: \[Name\] must have values"):
        stack(NAMED, name="missing")
    with pytest.raises(ClientError, match=r"Parameters: \[Colour\] do not exist in the template"):
        stack(NAMED, name="unknown", Name="a", Colour="blue")


def test_a_secret_parameter_is_not_shown(cloud: LocalCloud, stack: Deploy) -> None:
    stack(template({"Group": group("q")}, {"Token": {"Type": "String", "NoEcho": True}}), Token="s3cret")
    shown = cloud.client("cloudformation").describe_stacks(StackName="stack")["Stacks"][0]["Parameters"]
    assert shown == [{"ParameterKey": "Token", "ParameterValue": "****"}]


def test_a_parameter_inside_a_sub_updates_what_uses_it(cloud: LocalCloud, stack: Deploy) -> None:
    stack(NAMED, Name="old")
    stack(NAMED, Name="new")
    assert names(cloud.client("logs")) == ["new-group"]


def test_a_condition_that_turns_adds_and_removes(cloud: LocalCloud, stack: Deploy) -> None:
    conditional = template(
        {"Always": group("always"), "Mock": group("mock", Condition="UseMock")},
        {"Url": {"Type": "String", "Default": ""}},
        Conditions={"UseMock": {"Fn::Equals": [{"Ref": "Url"}, ""]}},
        Outputs={"Chosen": {"Value": {"Fn::If": ["UseMock", {"Ref": "Mock"}, {"Ref": "Url"}]}}},
    )
    assert stack(conditional)["Chosen"] == "mock"
    assert stack(conditional, Url="https://real")["Chosen"] == "https://real"
    assert names(cloud.client("logs")) == ["always"]
    stack(conditional, Url="")
    assert names(cloud.client("logs")) == ["always", "mock"]


def test_an_unchanged_stack_is_told_so(stack: Deploy) -> None:
    stack(NAMED, Name="same")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack(NAMED, Name="same")


def test_what_is_to_be_retained_survives_update_and_deletion(cloud: LocalCloud, stack: Deploy) -> None:
    s3 = cloud.client("s3")
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    two = {
        key: {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"kept-{key.lower()}"}, **kept} for key in "AB"
    }
    stack(template({**two, "Gone": group("gone")}))
    s3.put_object(Bucket="kept-a", Key="k", Body=b"data")
    del two["B"]
    two["A"] = {**two["A"], "Properties": {"BucketName": "kept-a2"}}
    stack(template(two))
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {"kept-a", "kept-b", "kept-a2"}
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {"kept-a", "kept-b", "kept-a2"}
    assert s3.get_object(Bucket="kept-a", Key="k")["Body"].read() == b"data"


def change(cloud: LocalCloud, kind: str, body: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """Change the stack as `aws cloudformation deploy` does; return the change set."""
    client = cloud.client("cloudformation")
    made = client.create_change_set(
        StackName="changed",
        ChangeSetName=f"change-{kind.lower()}",
        ChangeSetType=kind,
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": k, **v} for k, v in parameters.items()],
    )
    described: dict[str, Any] = client.describe_change_set(ChangeSetName=made["Id"], StackName="changed")
    if described["Status"] == "CREATE_COMPLETE":
        client.execute_change_set(ChangeSetName=made["Id"], StackName="changed")
    client.delete_change_set(ChangeSetName=made["Id"], StackName="changed")
    return described


def test_change_sets_create_update_and_tell_when_there_is_nothing_to_do(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation")
    parameters = NAMED["Parameters"] | {"Other": {"Type": "String", "Default": "left at its default"}}
    body = template(NAMED["Resources"], parameters, Outputs={"Name": {"Value": {"Ref": "Group"}}})

    def output() -> str:
        found = client.describe_stacks(StackName="changed")["Stacks"][0]
        return f"{found['StackStatus']} {found['Outputs'][0]['OutputValue']}"

    change(cloud, "CREATE", body, Name={"ParameterValue": "one"})
    assert output() == "CREATE_COMPLETE one-group"
    previous = {"UsePreviousValue": True}  # what `aws cloudformation deploy` sends for each that it is not given
    nothing = change(cloud, "UPDATE", body, Name=previous, Other=previous)
    assert nothing["Status"] == "FAILED"
    assert "The submitted information didn't contain changes." in nothing["StatusReason"]
    change(cloud, "UPDATE", body, Name={"ParameterValue": "two"})
    assert output() == "UPDATE_COMPLETE two-group"
    client.delete_stack(StackName="changed")
    assert names(cloud.client("logs")) == []


def test_a_stack_that_fails_says_why_in_its_events_and_can_be_deleted(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation")
    lost = {"Bucket": "not-there", "Key": "workflow.asl.json"}
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": "arn:aws:iam::123456789012:role/r", "DefinitionS3Location": lost},
    }
    outputs = {"Arn": {"Value": {"Ref": "Machine"}}}
    body = template({"Machine": machine, "Q": group("q")}, Outputs=outputs)
    change(cloud, "CREATE", body)
    assert client.describe_stacks(StackName="changed")["Stacks"][0]["StackStatus"] == "CREATE_FAILED"
    client.delete_stack(StackName="changed")
    client.create_stack(StackName="fails", TemplateBody=json.dumps(body))
    assert client.describe_stacks(StackName="fails")["Stacks"][0]["StackStatus"] == "CREATE_FAILED"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in client.describe_stack_events(StackName="fails")["StackEvents"]
    ]
    assert any("bucket does not exist" in reason for reason in reasons)
    client.describe_stack_resources(StackName="fails")
    client.delete_stack(StackName="fails")
    assert names(cloud.client("logs")) == []


def test_a_stack_whose_bucket_is_not_empty_stays_until_it_is(cloud: LocalCloud) -> None:
    client, s3 = cloud.client("cloudformation"), cloud.client("s3")
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}
    client.create_stack(StackName="full", TemplateBody=json.dumps(template({"Bucket": bucket})))
    s3.put_object(Bucket="full", Key="k", Body=b"")
    client.delete_stack(StackName="full")
    found = client.describe_stacks(StackName="full")["Stacks"][0]
    assert found["StackStatus"] == "DELETE_FAILED"
    s3.delete_object(Bucket="full", Key="k")
    client.delete_stack(StackName="full")
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName="full")


def test_moto_still_checks_no_parameter_and_shows_secret_ones(bare_moto: Bare) -> None:
    client = bare_moto.client("cloudformation")
    rules = {"Type": "String", "NoEcho": True, "AllowedPattern": "x"}
    body = json.dumps(template({"Group": group("shown")}, {"Token": rules}))
    parameters = [{"ParameterKey": "Token", "ParameterValue": "y"}]
    client.create_stack(StackName="shown", TemplateBody=body, Parameters=parameters)
    assert client.describe_stacks(StackName="shown")["Stacks"][0]["Parameters"] == parameters


def test_moto_still_overlooks_a_sub_and_updates_a_stack_that_did_not_change(bare_moto: Bare) -> None:
    client = bare_moto.client("cloudformation")

    def deploy(call: Any, value: str) -> None:
        call(
            StackName="overlooked",
            TemplateBody=json.dumps(NAMED),
            Parameters=[{"ParameterKey": "Name", "ParameterValue": value}],
        )

    deploy(client.create_stack, "before")
    deploy(client.update_stack, "after")
    assert "before-group" in names(bare_moto.client("logs"))
    body = json.dumps(template({"Group": group("unchanged")}))
    client.create_stack(StackName="unchanged", TemplateBody=body)
    client.update_stack(StackName="unchanged", TemplateBody=body)


def test_moto_still_leaves_a_failed_stack_in_progress(bare_moto: Bare) -> None:
    client = bare_moto.client("cloudformation")
    role = {"Type": "AWS::IAM::Role", "Properties": {}}
    with pytest.raises(BREAKS):
        client.create_stack(StackName="left", TemplateBody=json.dumps(template({"Role": role})))
    stacks = client.list_stacks()["StackSummaries"]
    assert [stack["StackStatus"] for stack in stacks if stack["StackName"] == "left"] == ["CREATE_IN_PROGRESS"]
