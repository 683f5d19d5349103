"""Each resource type that storygate's stacks use has the properties AWS gives it, also after an update."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import BREAKS, Bare, create_function

Deploy = Callable[..., dict[str, str]]

ROLE = "arn:aws:iam::123456789012:role/any"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}}]}


def template(
    parameters: list[str] | None = None, outputs: dict[str, Any] | None = None, **resources: Any
) -> dict[str, Any]:
    return {
        "Parameters": {name: {"Type": "String"} for name in parameters or []},
        "Resources": {name: {"Type": kind, "Properties": properties} for name, (kind, properties) in resources.items()},
        "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()},
    }


def attribute(resource: str, name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, name]}


CONNECTION = (
    "AWS::Events::Connection",
    {
        "Name": "connection",
        "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": {
                "ApiKeyName": "Authorization",
                "ApiKeyValue": {
                    "Fn::Sub": "Bearer {{resolve:secretsmanager:tokens:SecretString:validation::${Version}}}"
                },
            }
        },
    },
)
MACHINE = (
    "AWS::StepFunctions::StateMachine",
    {
        "StateMachineName": "machine",
        "RoleArn": ROLE,
        "DefinitionS3Location": {"Bucket": "definitions", "Key": "workflow.json", "Version": {"Ref": "Version"}},
        "DefinitionSubstitutions": {"Url": {"Fn::Sub": "https://${Version}"}, "Seconds": 60},
    },
)

ALARM = (
    "AWS::CloudWatch::Alarm",
    {
        "AlarmName": "alarm",
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    },
)


@pytest.fixture(scope="module")
def tokens(cloud: LocalCloud) -> dict[str, str]:
    """A secret with two versions: token to version id."""
    client = cloud.client("secretsmanager")
    first = client.create_secret(Name="tokens", SecretString='{"validation": "first"}')["VersionId"]
    second = client.put_secret_value(SecretId="tokens", SecretString='{"validation": "second"}')["VersionId"]
    return {"first": first, "second": second}


def test_a_connection_keeps_its_arn_and_takes_the_new_token_when_the_reference_changes(
    cloud: LocalCloud, stack: Deploy, tokens: dict[str, str]
) -> None:
    outputs = {name: attribute("Connection", name) for name in ("Arn", "ArnForPolicy", "SecretArn")}
    body = template(["Version"], outputs, Connection=CONNECTION)
    events, secrets = cloud.client("events"), cloud.client("secretsmanager")

    def held() -> str:
        found = events.describe_connection(Name="connection")
        assert found["ConnectionState"] == "AUTHORIZED"
        value = secrets.get_secret_value(SecretId=found["SecretArn"])
        assert value["Name"].startswith("events!connection/connection/")
        return str(json.loads(value["SecretString"])["api_key_value"])

    before = stack(body, Version=tokens["first"])
    assert held() == "Bearer first"
    assert before["Arn"].startswith(f"{before['ArnForPolicy']}/")
    assert stack(body, Version=tokens["second"]) == before
    assert held() == "Bearer second"
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert events.list_connections()["Connections"] == []
    assert [secret["Name"] for secret in secrets.list_secrets()["SecretList"]] == ["tokens"]


def test_a_rotated_secret_reaches_a_connection_only_when_one_of_its_properties_changes(
    cloud: LocalCloud, stack: Deploy
) -> None:
    events, secrets = cloud.client("events"), cloud.client("secretsmanager")
    secrets.create_secret(Name="rotated", SecretString="old")
    key = {"ApiKeyName": "Authorization", "ApiKeyValue": "{{resolve:secretsmanager:rotated}}"}
    kind, properties = CONNECTION
    properties = {**properties, "AuthParameters": {"ApiKeyAuthParameters": key}}

    def held(description: str, days: int) -> str:
        connection = (kind, {**properties, "Description": description})
        stack(template(Connection=connection, Log=("AWS::Logs::LogGroup", {"RetentionInDays": days})))
        arn = events.describe_connection(Name="connection")["SecretArn"]
        return str(json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])["api_key_value"])

    assert held("first", 30) == "old"
    secrets.put_secret_value(SecretId="rotated", SecretString="new")
    assert held("first", 90) == "old"
    assert held("second", 90) == "new"
    secrets.delete_secret(SecretId="rotated", ForceDeleteWithoutRecovery=True)


def test_secrets_keep_the_version_before_the_current_one(cloud: LocalCloud, tokens: dict[str, str]) -> None:
    client = cloud.client("secretsmanager")
    previous = client.get_secret_value(SecretId="tokens", VersionStage="AWSPREVIOUS")
    assert previous["VersionId"] == tokens["first"]
    assert client.get_secret_value(SecretId="tokens")["VersionId"] == tokens["second"]


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("{{resolve:secretsmanager:tokens:SecretString:validation}}", "second"),
        ("{{resolve:secretsmanager:tokens:SecretString:validation:AWSPREVIOUS}}", "first"),
        (
            "{{resolve:secretsmanager:ARN:SecretString:validation::}} twice {{resolve:secretsmanager:tokens}}",
            'second twice {"validation": "second"}',
        ),
    ],
)
@pytest.mark.usefixtures("tokens")
def test_references_are_resolved_by_stage_by_arn_and_several_in_one_text(
    cloud: LocalCloud, stack: Deploy, reference: str, resolved: str
) -> None:
    arn = cloud.client("secretsmanager").describe_secret(SecretId="tokens")["ARN"]
    stack(template(P=("AWS::SSM::Parameter", {"Name": "p", "Type": "String", "Value": reference.replace("ARN", arn)})))
    assert cloud.client("ssm").get_parameter(Name="p")["Parameter"]["Value"] == resolved


@pytest.mark.usefixtures("tokens")
def test_a_reference_to_nothing_fails_the_stack(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation")
    for name, reference in {"no-key": "tokens:SecretString:other", "no-secret": "nothing:SecretString:a"}.items():
        value = f"{{{{resolve:secretsmanager:{reference}}}}}"
        body = template(P=("AWS::SSM::Parameter", {"Name": "p", "Type": "String", "Value": value}))
        client.create_stack(StackName=name, TemplateBody=json.dumps(body))
        assert client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_FAILED"
        client.delete_stack(StackName=name)


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


def test_a_bucket_is_configured_and_has_its_policy(cloud: LocalCloud, stack: Deploy) -> None:
    s3 = cloud.client("s3")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::configured/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    rule = {"Id": "stale", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    blocks = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    properties: dict[str, Any] = {
        "BucketName": "configured",
        "VersioningConfiguration": {"Status": "Enabled"},
        "PublicAccessBlockConfiguration": blocks,
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "LifecycleConfiguration": {"Rules": [rule]},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    }
    policy = ("AWS::S3::BucketPolicy", {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [deny]}})
    stack(template(Bucket=("AWS::S3::Bucket", properties), Policy=policy))
    assert s3.get_bucket_versioning(Bucket="configured")["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket="configured")["PublicAccessBlockConfiguration"] == blocks
    owner = s3.get_bucket_ownership_controls(Bucket="configured")["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket="configured")["Rules"][0]
    assert lifecycle["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert s3.get_bucket_encryption(Bucket="configured")["ServerSideEncryptionConfiguration"]["Rules"]
    assert json.loads(s3.get_bucket_policy(Bucket="configured")["Policy"])["Statement"] == [deny]
    s3.put_object(Bucket="configured", Key="k", Body=b"")  # the condition does not hold here

    rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": 1}
    stack(template(Bucket=("AWS::S3::Bucket", properties)))
    assert s3.get_bucket_lifecycle_configuration(Bucket="configured")["Rules"][0]["AbortIncompleteMultipartUpload"] == {
        "DaysAfterInitiation": 1
    }
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="configured")
    version = s3.list_object_versions(Bucket="configured")["Versions"][0]["VersionId"]
    s3.delete_object(Bucket="configured", Key="k", VersionId=version)


def test_an_unconditional_bucket_policy_still_counts(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="closed")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::closed/*"}
    s3.put_bucket_policy(Bucket="closed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket="closed", Key="k", Body=b"")


def test_a_table_has_its_settings_and_is_updated_in_place(cloud: LocalCloud, stack: Deploy) -> None:
    dynamodb = cloud.client("dynamodb")
    properties: dict[str, Any] = {
        "TableName": "table",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "story", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "story", "AttributeType": "S"}],
        "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
    }

    def recovery() -> str:
        found = dynamodb.describe_continuous_backups(TableName="table")["ContinuousBackupsDescription"]
        return str(found["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"])

    stack(template(Table=("AWS::DynamoDB::Table", properties)))
    expiry = dynamodb.describe_time_to_live(TableName="table")["TimeToLiveDescription"]
    assert expiry == {"AttributeName": "expiresAt", "TimeToLiveStatus": "ENABLED"}
    assert recovery() == "ENABLED"
    described = dynamodb.describe_table(TableName="table")["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["SSEDescription"]["Status"] == "ENABLED"

    dynamodb.put_item(TableName="table", Item={"story": {"S": "PROJ-1"}})
    properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": False}
    stack(template(Table=("AWS::DynamoDB::Table", properties)))
    assert recovery() == "DISABLED"
    assert dynamodb.scan(TableName="table")["Count"] == 1


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


def test_an_alarm_is_made_updated_and_deleted(cloud: LocalCloud, stack: Deploy) -> None:
    client = cloud.client("cloudwatch")

    def body(threshold: int) -> dict[str, Any]:
        return template(
            outputs={"Arn": attribute("Alarm", "Arn"), "Ref": {"Ref": "Alarm"}},
            Alarm=(ALARM[0], {**ALARM[1], "Threshold": threshold}),
        )

    assert stack(body(1)) == {"Ref": "alarm", "Arn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:alarm"}
    stack(body(2))
    (alarm,) = client.describe_alarms()["MetricAlarms"]
    assert (alarm["Threshold"], alarm["Statistic"], alarm["TreatMissingData"]) == (2, "Sum", "notBreaching")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "f"}]
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert client.describe_alarms()["MetricAlarms"] == []


def test_an_event_invoke_config_belongs_to_its_function(cloud: LocalCloud, stack: Deploy) -> None:
    create_function(cloud, "started", "")
    client = cloud.client("lambda")
    queue = "arn:aws:sqs:us-east-1:123456789012:failed"
    properties = {
        "FunctionName": "started",
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 1,
        "DestinationConfig": {"OnFailure": {"Destination": queue}},
    }
    stack(template(Config=("AWS::Lambda::EventInvokeConfig", properties)))
    config = client.get_function_event_invoke_config(FunctionName="started")
    assert (config["MaximumRetryAttempts"], config["DestinationConfig"]["OnFailure"]["Destination"]) == (1, queue)
    stack(template(Config=("AWS::Lambda::EventInvokeConfig", {**properties, "MaximumRetryAttempts": 0})))
    assert client.get_function_event_invoke_config(FunctionName="started")["MaximumRetryAttempts"] == 0
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert client.list_function_event_invoke_configs(FunctionName="started")["FunctionEventInvokeConfigs"] == []
    client.delete_function(FunctionName="started")


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::CloudWatch::Alarm",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::S3::BucketPolicy",
        "AWS::StepFunctions::StateMachineAlias",
        "AWS::StepFunctions::StateMachineVersion",
    ],
)
def test_moto_still_makes_nothing_of_the_type(bare_moto: Bare, kind: str) -> None:
    client, name = bare_moto.client("cloudformation"), f"nothing-{kind.rpartition(':')[2]}"
    client.create_stack(StackName=name, TemplateBody=json.dumps(template(It=(kind, {}))))  # without its properties
    assert client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("resource", "output"),
    [
        (CONNECTION, "Arn"),
        (("AWS::StepFunctions::StateMachine", {"RoleArn": ROLE, "DefinitionString": "{}"}), "Arn"),
    ],
)
def test_moto_still_lacks_the_type_or_its_attribute(bare_moto: Bare, resource: Any, output: str) -> None:
    body = template(["Version"], {"Out": attribute("It", output)}, It=resource)
    with pytest.raises(BREAKS):
        bare_moto.client("cloudformation").create_stack(
            StackName=f"lacks-{resource[0][-5:]}",
            TemplateBody=json.dumps(body),
            Parameters=[{"ParameterKey": "Version", "ParameterValue": "1"}],
        )


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


def test_moto_still_takes_a_conditional_denial_for_an_unconditional_one(bare_moto: Bare) -> None:
    s3 = bare_moto.client("s3")
    s3.create_bucket(Bucket="denied")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::denied/*",
        "Condition": {"Bool": {"aws:SecureTransport": "nonsense"}},
    }
    s3.put_bucket_policy(Bucket="denied", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket="denied", Key="k", Body=b"")
