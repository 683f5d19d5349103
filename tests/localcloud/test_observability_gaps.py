"""Alarms, the fate of failed events and versions come from stacks, as on AWS; drift is refused in words."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import BREAKS, Bare, create_function, zipped

Deploy = Callable[..., dict[str, str]]

ALARM = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "AlarmName": {"Ref": "Name"},
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": "q"}],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": {"Ref": "Threshold"},
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:oncall"],
    },
}
ALARMS = {
    "Parameters": {"Name": {"Type": "String"}, "Threshold": {"Type": "Number", "Default": 1}},
    "Resources": {"Alarm": ALARM},
    "Outputs": {"Name": {"Value": {"Ref": "Alarm"}}, "Arn": {"Value": {"Fn::GetAtt": ["Alarm", "Arn"]}}},
}
QUEUE = "arn:aws:sqs:us-east-1:123456789012:failed"
RETRIES = {
    "Parameters": {"Attempts": {"Type": "Number"}},
    "Resources": {
        "Retries": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": "wakes",
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": {"Ref": "Attempts"},
                "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
            },
        }
    },
}

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/any"
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


def alarms(cloud: Any) -> dict[str, Any]:
    return {alarm["AlarmName"]: alarm for alarm in cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]}


def test_an_alarm_is_made_updated_renamed_and_deleted_with_its_stack(cloud: LocalCloud, stack: Deploy) -> None:
    outputs = stack(ALARMS, Name="before")
    assert outputs == {"Name": "before", "Arn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:before"}
    made = alarms(cloud)["before"]
    assert (made["Threshold"], made["Dimensions"]) == (1.0, [{"Name": "QueueName", "Value": "q"}])
    assert (made["TreatMissingData"], made["ActionsEnabled"]) == ("notBreaching", True)
    assert made["AlarmActions"] == ["arn:aws:sns:us-east-1:123456789012:oncall"]

    stack(ALARMS, Name="before", Threshold="5")
    assert alarms(cloud)["before"]["Threshold"] == 5.0
    stack(ALARMS, Name="after", Threshold="5")
    assert list(alarms(cloud)) == ["after"]

    cloud.client("cloudwatch").delete_alarms(AlarmNames=["after"])  # by hand; the stack goes all the same
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert alarms(cloud) == {}


def test_failed_events_go_where_the_stack_says(cloud: LocalCloud, stack: Deploy) -> None:
    create_function(cloud, "wakes", "def handler(event, context): return 1")
    functions = cloud.client("lambda")

    def config() -> Any:
        return functions.get_function_event_invoke_config(FunctionName="wakes")

    stack(RETRIES, Attempts="2")
    assert config()["MaximumRetryAttempts"] == 2
    assert config()["DestinationConfig"]["OnFailure"]["Destination"] == QUEUE
    stack(RETRIES, Attempts="0")
    assert config()["MaximumRetryAttempts"] == 0
    cloud.client("cloudformation").delete_stack(StackName="stack")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        config()


def test_drift_is_refused_in_a_form_that_sdks_read(cloud: LocalCloud, stack: Deploy) -> None:
    stack(ALARMS, Name="drifted")
    with pytest.raises(ClientError, match="cannot detect drift"):
        cloud.client("cloudformation").detect_stack_drift(StackName="stack")


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


def test_moto_still_knows_no_revision_and_lists_no_versions(bare_moto: Bare) -> None:
    states = bare_moto.client("stepfunctions")
    machine = states.create_state_machine(name="bare", definition=json.dumps(WAIT), roleArn=ROLE)["stateMachineArn"]
    begun = states.start_execution(stateMachineArn=machine)["executionArn"]
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))
    assert "revisionId" not in states.describe_state_machine(stateMachineArn=machine)
    assert json.loads(states.describe_state_machine_for_execution(executionArn=begun)["definition"]) == PASS
    with pytest.raises(BREAKS):
        states.list_state_machine_versions(stateMachineArn=machine)


def test_moto_still_makes_no_alarm_from_a_stack(bare_moto: Bare) -> None:
    parameters = [{"ParameterKey": "Name", "ParameterValue": "lacking"}]
    body = json.dumps({**ALARMS, "Outputs": {}})
    bare_moto.client("cloudformation").create_stack(StackName="alarms", TemplateBody=body, Parameters=parameters)
    assert alarms(bare_moto) == {}


def test_moto_still_makes_no_event_invoke_config_from_a_stack(bare_moto: Bare) -> None:
    functions = bare_moto.client("lambda")
    role = bare_moto.client("iam").create_role(RoleName="wakes", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions.create_function(
        FunctionName="wakes",
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": zipped("def handler(event, context): return 1")},
    )
    bare_moto.client("cloudformation").create_stack(
        StackName="retries",
        TemplateBody=json.dumps(RETRIES),
        Parameters=[{"ParameterKey": "Attempts", "ParameterValue": "2"}],
    )
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_event_invoke_config(FunctionName="wakes")


def test_moto_still_breaks_on_drift(bare_moto: Bare) -> None:
    with pytest.raises(BREAKS):
        bare_moto.client("cloudformation").detect_stack_drift(StackName="any")
