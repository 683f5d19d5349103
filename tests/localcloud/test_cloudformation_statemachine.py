"""State machines, their versions and aliases come from stacks, as on AWS."""

import json
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import BREAKS, Bare
from tests.localcloud.templates import ROLE, Deploy, attribute, template

MACHINE = (
    "AWS::StepFunctions::StateMachine",
    {
        "StateMachineName": "machine",
        "RoleArn": ROLE,
        "DefinitionS3Location": {"Bucket": "definitions", "Key": "workflow.json", "Version": {"Ref": "Version"}},
        "DefinitionSubstitutions": {"Url": {"Fn::Sub": "https://${Version}"}, "Seconds": 60},
    },
)

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}}
VERSIONS = {
    "Parameters": {"Definition": {"Type": "String"}, "Alias": {"Type": "String", "Default": "live"}},
    "Resources": {
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"StateMachineName": "m", "RoleArn": ROLE, "DefinitionString": {"Ref": "Definition"}},
        },
        "Numbered": {
            "Type": "AWS::StepFunctions::StateMachineVersion",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "StateMachineArn": {"Ref": "Machine"},
                "StateMachineRevisionId": {"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
            },
        },
        "Live": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {
                "Name": {"Ref": "Alias"},
                "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "Numbered"}, "Weight": 100}],
            },
        },
    },
    "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}, "Alias": {"Value": {"Ref": "Live"}}},
}


def test_a_state_machine_comes_from_a_file_with_substitutions_and_is_updated_in_place(
    cloud: LocalCloud, stack: Deploy
) -> None:
    s3, states = cloud.client("s3"), cloud.client("stepfunctions")
    s3.create_bucket(Bucket="definitions")
    s3.put_bucket_versioning(Bucket="definitions", VersioningConfiguration={"Status": "Enabled"})
    versions = [
        s3.put_object(
            Bucket="definitions",
            Key="workflow.json",
            Body=json.dumps(
                {
                    "StartAt": "A",
                    "States": {"A": {"Type": "Pass", "Comment": f"{n} ${{Url}} ${{Seconds}}", "End": True}},
                }
            ),
        )["VersionId"]
        for n in (1, 2)
    ]
    log = "arn:aws:logs:us-east-1:123456789012:log-group:l:*"
    logging = {"Level": "ALL", "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": log}}]}
    kind, properties = MACHINE
    body = template(
        ["Version"],
        {"Ref": {"Ref": "Machine"}, "Arn": attribute("Machine", "Arn"), "Name": attribute("Machine", "Name")},
        Machine=(kind, {**properties, "LoggingConfiguration": logging}),
    )

    def described() -> Any:
        return states.describe_state_machine(stateMachineArn=outputs["Ref"])

    outputs = stack(body, Version=versions[0])
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
    assert outputs == {"Ref": arn, "Arn": arn, "Name": "machine"}
    first = described()
    assert json.loads(first["definition"])["States"]["A"]["Comment"] == f"1 https://{versions[0]} 60"
    assert first["loggingConfiguration"]["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"] == log
    stack(body, Version=versions[1])
    second = described()
    assert json.loads(second["definition"])["States"]["A"]["Comment"] == f"2 https://{versions[1]} 60"
    assert second["creationDate"] == first["creationDate"]
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert states.list_state_machines()["stateMachines"] == []


def numbers(states: Any, machine: str) -> list[str]:
    listed = states.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"]
    return [version["stateMachineVersionArn"].removeprefix(f"{machine}:") for version in listed]


def test_a_definition_gets_a_number_and_the_alias_follows_it(cloud: LocalCloud, stack: Deploy) -> None:
    states = cloud.client("stepfunctions")
    made = stack(VERSIONS, Definition=json.dumps(WAIT))
    machine, alias = made["Machine"], made["Alias"]
    assert alias == f"{machine}:live"
    begun = states.start_execution(stateMachineArn=machine)["executionArn"]
    stack(VERSIONS, Definition=json.dumps(PASS))
    stack({**VERSIONS, "Description": "changes nothing in the state machine"}, Definition=json.dumps(PASS))
    assert numbers(states, machine) == ["2", "1"]
    routes = states.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]
    assert routes == [{"stateMachineVersionArn": f"{machine}:2", "weight": 100}]

    kept, first, newest = (
        states.describe_state_machine_for_execution(executionArn=begun),
        states.describe_state_machine(stateMachineArn=f"{machine}:1"),
        states.describe_state_machine(stateMachineArn=machine),
    )
    assert json.loads(kept["definition"]) == json.loads(first["definition"]) == WAIT
    assert kept.get("revisionId") == first.get("revisionId")
    assert newest["revisionId"] == states.describe_state_machine(stateMachineArn=f"{machine}:2")["revisionId"]
    states.stop_execution(executionArn=begun)

    renamed = stack(VERSIONS, Definition=json.dumps(PASS), Alias="current")["Alias"]
    aliases = states.list_state_machine_aliases(stateMachineArn=machine)["stateMachineAliases"]
    assert [entry["stateMachineAliasArn"] for entry in aliases] == [renamed] == [f"{machine}:current"]


def test_a_stack_goes_only_when_the_executions_of_its_machine_are_over(cloud: LocalCloud, stack: Deploy) -> None:
    states, stacks = cloud.client("stepfunctions"), cloud.client("cloudformation")
    machine = stack(VERSIONS, name="held", Definition=json.dumps(WAIT))["Machine"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    stacks.delete_stack(StackName="held")
    found = stacks.describe_stacks(StackName="held")["Stacks"][0]
    assert found["StackStatus"] == "DELETE_FAILED"
    assert "DELETING" in found["StackStatusReason"]
    states.stop_execution(executionArn=execution)
    stacks.delete_stack(StackName="held")
    assert "held" not in {stack["StackName"] for stack in stacks.describe_stacks()["Stacks"]}
    assert machine not in {found["stateMachineArn"] for found in states.list_state_machines()["stateMachines"]}


def test_moto_still_gives_a_state_machine_no_arn(bare_moto: Bare) -> None:
    machine = ("AWS::StepFunctions::StateMachine", {"RoleArn": ROLE, "DefinitionString": "{}"})
    body = template(outputs={"Out": attribute("It", "Arn")}, It=machine)
    with pytest.raises(BREAKS):
        bare_moto.client("cloudformation").create_stack(StackName="lacks-arn", TemplateBody=json.dumps(body))


def test_moto_still_knows_no_revision_and_lists_no_versions(bare_moto: Bare) -> None:
    states = bare_moto.client("stepfunctions")
    machine = states.create_state_machine(name="bare", definition=json.dumps(WAIT), roleArn=ROLE)["stateMachineArn"]
    begun = states.start_execution(stateMachineArn=machine)["executionArn"]
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))
    assert "revisionId" not in states.describe_state_machine(stateMachineArn=machine)
    assert json.loads(states.describe_state_machine_for_execution(executionArn=begun)["definition"]) == PASS
    with pytest.raises(BREAKS):
        states.list_state_machine_versions(stateMachineArn=machine)
