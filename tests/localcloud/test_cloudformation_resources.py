"""Alarms, settings of failed events, log groups and roles come from stacks, as on AWS; drift is refused."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import BREAKS, Bare, create_function, zipped
from tests.localcloud.templates import TRUST, Deploy, attribute, template

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


def alarms(cloud: Any) -> dict[str, Any]:
    return {alarm["AlarmName"]: alarm for alarm in cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]}


def test_an_alarm_is_made_updated_renamed_and_deleted_with_its_stack(cloud: LocalCloud, stack: Deploy) -> None:
    outputs = stack(ALARMS, Name="before")
    assert outputs == {"Name": "before", "Arn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:before"}
    made = alarms(cloud)["before"]
    assert (made["Threshold"], made["Dimensions"]) == (1.0, [{"Name": "QueueName", "Value": "q"}])
    assert made["Statistic"] == "Maximum"
    assert (made["TreatMissingData"], made["ActionsEnabled"]) == ("notBreaching", True)
    assert made["AlarmActions"] == ["arn:aws:sns:us-east-1:123456789012:oncall"]

    stack(ALARMS, Name="before", Threshold="5")
    assert alarms(cloud)["before"]["Threshold"] == 5.0
    stack(ALARMS, Name="after", Threshold="5")
    assert list(alarms(cloud)) == ["after"]

    cloud.client("cloudwatch").delete_alarms(AlarmNames=["after"])  # by hand; the deletion of the stack succeeds anyway
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert alarms(cloud) == {}


def test_a_replaced_alarm_survives_if_the_template_says_so(cloud: LocalCloud, stack: Deploy) -> None:
    keeping = {**ALARMS, "Resources": {"Alarm": {**ALARM, "UpdateReplacePolicy": "Retain"}}}
    stack(keeping, Name="kept")
    stack(keeping, Name="new")
    assert sorted(alarms(cloud)) == ["kept", "new"]
    cloud.client("cloudwatch").delete_alarms(AlarmNames=["kept"])


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


def test_log_groups_and_roles_are_updated_in_place(cloud: LocalCloud, stack: Deploy) -> None:
    logs, iam = cloud.client("logs"), cloud.client("iam")

    def body(days: int, action: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        policy = {"PolicyName": "inline", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
        return template(
            outputs={"Log": attribute("Log", "Arn"), "Role": {"Ref": "Role"}},
            Log=("AWS::Logs::LogGroup", {"LogGroupName": "/log", "RetentionInDays": days}),
            Role=("AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST, "Policies": [policy]}),
        )

    before = stack(body(30, "s3:GetObject"))
    assert before["Log"].endswith(":log-group:/log:*")
    logs.create_log_stream(logGroupName="/log", logStreamName="kept")
    assert stack(body(90, "s3:PutObject")) == before
    assert logs.describe_log_groups(logGroupNamePrefix="/log")["logGroups"][0]["retentionInDays"] == 90
    assert logs.describe_log_streams(logGroupName="/log")["logStreams"]
    inline = iam.get_role_policy(RoleName=before["Role"], PolicyName="inline")["PolicyDocument"]
    assert inline["Statement"][0]["Action"] == "s3:PutObject"


def test_a_metric_filter_is_made_changed_and_deleted_with_its_stack_in_a_log_group_that_exists(
    cloud: LocalCloud, stack: Deploy
) -> None:
    logs = cloud.client("logs")

    def body(group: str, pattern: str) -> dict[str, Any]:
        transformation = {"MetricNamespace": "ours", "MetricName": "lines", "MetricValue": "1"}
        properties = {"FilterName": "count", "LogGroupName": group, "FilterPattern": pattern}
        kind = "AWS::Logs::MetricFilter"
        return template(Count=(kind, {**properties, "MetricTransformations": [transformation]}))

    logs.create_log_group(logGroupName="/lines")
    for pattern in ("first", "second"):
        stack(body("/lines", pattern))
        (made,) = logs.describe_metric_filters(logGroupName="/lines")["metricFilters"]
        assert (made["filterName"], made["filterPattern"]) == ("count", pattern)
        assert made["metricTransformations"] == [{"metricNamespace": "ours", "metricName": "lines", "metricValue": "1"}]
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert logs.describe_metric_filters(logGroupName="/lines")["metricFilters"] == []
    logs.delete_log_group(logGroupName="/lines")


def test_drift_is_refused_in_a_form_that_sdks_read(cloud: LocalCloud, stack: Deploy) -> None:
    stack(ALARMS, Name="drifted")
    with pytest.raises(ClientError, match="cannot detect drift"):
        cloud.client("cloudformation").detect_stack_drift(StackName="stack")


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::CloudWatch::Alarm",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::StepFunctions::StateMachineAlias",
        "AWS::StepFunctions::StateMachineVersion",
    ],
)
def test_moto_still_makes_nothing_of_the_type(bare_moto: Bare, kind: str) -> None:
    client, name = bare_moto.client("cloudformation"), f"nothing-{kind.rpartition(':')[2]}"
    client.create_stack(StackName=name, TemplateBody=json.dumps(template(It=(kind, {}))))  # without its properties
    assert client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def test_moto_still_ignores_properties_and_references(bare_moto: Bare) -> None:
    reference = "{{resolve:secretsmanager:tokens}}"
    body = template(
        Bucket=("AWS::S3::Bucket", {"BucketName": "ignored", "VersioningConfiguration": {"Status": "Enabled"}}),
        Table=(
            "AWS::DynamoDB::Table",
            {
                "TableName": "ignored",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "story", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "story", "AttributeType": "S"}],
                "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
            },
        ),
        Log=("AWS::Logs::LogGroup", {"LogGroupName": "ignored"}),
        Role=("AWS::IAM::Role", {"RoleName": "ignored", "AssumeRolePolicyDocument": TRUST}),
        P=("AWS::SSM::Parameter", {"Name": "ignored", "Type": "String", "Value": reference}),
        outputs={"Log": attribute("Log", "Arn")},
    )
    client = bare_moto.client("cloudformation")
    client.create_stack(StackName="ignored", TemplateBody=json.dumps(body))
    assert "Status" not in bare_moto.client("s3").get_bucket_versioning(Bucket="ignored")
    expiry = bare_moto.client("dynamodb").describe_time_to_live(TableName="ignored")["TimeToLiveDescription"]
    assert expiry["TimeToLiveStatus"] == "DISABLED"
    outputs = client.describe_stacks(StackName="ignored")["Stacks"][0]["Outputs"]
    assert outputs[0]["OutputValue"].endswith(":ignored")
    assert bare_moto.client("ssm").get_parameter(Name="ignored")["Parameter"]["Value"] == reference
    policy = {"PolicyName": "new", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}
    body["Resources"]["Role"]["Properties"]["Policies"] = [policy]
    client.update_stack(StackName="ignored", TemplateBody=json.dumps(body))
    assert bare_moto.client("iam").list_role_policies(RoleName="ignored")["PolicyNames"] == []


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
