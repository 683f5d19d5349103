"""The two stacks: their properties, and that they fit the definition and the configuration."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storygate.deployment.kept_storage import INDEX, INDEX_KEYS, KEYS
from storygate.stage.config import STORAGE_TEMPLATE, WORKFLOW_TEMPLATE
from storygate.stage.definition import NO_RELEASE
from storygate.stage.templates import read_template
from tests import ROOT
from tests.statemachine.machine import PLACEHOLDERS, TEXT

# Actions for which IAM knows no resource (service authorization reference), so that "*" is the only one to name.
WITHOUT_RESOURCE = {
    "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
    "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
}  # fmt: skip
FOLDER, SAMPLES = ROOT / "statemachine", ROOT / "samples" / "pipelines"
APIS = ["Validation", "Deployment", "Notification"]


STORAGE, WORKFLOW = (read_template(ROOT, path)["Resources"] for path in (STORAGE_TEMPLATE, WORKFLOW_TEMPLATE))


def the_only(stack: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = [resource for resource in stack.values() if resource["Type"] == kind]
    return found


TEMPLATES = [FOLDER / "storage.yaml", FOLDER / "workflow.yaml", *sorted(SAMPLES.glob("*.yaml"))]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(template: Path) -> None:
    from cfnlint.api import lint_file  # importing it takes a second, in every worker that collects this file

    assert lint_file(template) == []


@pytest.mark.parametrize("template", TEMPLATES[:2], ids=lambda path: path.name)
def test_a_template_is_small_enough_to_be_part_of_the_request(template: Path) -> None:
    assert template.stat().st_size < 51_200  # bytes of a TemplateBody (CloudFormation API reference, CreateChangeSet)


def test_each_placeholder_of_the_definition_is_substituted_and_no_other() -> None:
    given = the_only(WORKFLOW, "AWS::StepFunctions::StateMachine")["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w*)\}", TEXT)) == set(given) == set(PLACEHOLDERS)
    assert TEXT.count("${") == len(re.findall(r"\$\{\w+\}", TEXT))


def test_the_bucket_is_versioned_encrypted_and_closed_to_the_public() -> None:
    bucket = the_only(STORAGE, "AWS::S3::Bucket")["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
    }  # fmt: skip
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_is_reached_by_tls_alone() -> None:
    policy = the_only(STORAGE, "AWS::S3::BucketPolicy")["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}"},
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/*"},
    ]


def test_the_table_is_paid_by_use_forgets_by_itself_and_can_be_restored() -> None:
    table = the_only(STORAGE, "AWS::DynamoDB::Table")["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["KeySchema"] == [
        {"AttributeName": "story", "KeyType": "HASH"},
        {"AttributeName": "entry", "KeyType": "RANGE"},
    ]
    assert table["DeletionProtectionEnabled"] is True


def test_the_index_of_waiting_runs_holds_keys_alone_and_a_kept_table_gets_the_same() -> None:
    table = the_only(STORAGE, "AWS::DynamoDB::Table")["Properties"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert index["IndexName"] == INDEX
    assert {key["AttributeName"]: key["KeyType"] for key in index["KeySchema"]} == INDEX_KEYS
    assert {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]} == KEYS


@pytest.mark.parametrize("name", STORAGE)
def test_what_lives_long_survives_its_stack(name: str) -> None:
    assert (STORAGE[name]["DeletionPolicy"], STORAGE[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_log_ends_and_holds_no_execution_data() -> None:
    assert the_only(WORKFLOW, "AWS::Logs::LogGroup")["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    logging = the_only(WORKFLOW, "AWS::StepFunctions::StateMachine")["Properties"]["LoggingConfiguration"]
    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == "ALL"
    assert logging["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["LogGroup", "Arn"]}}}]


def statements() -> list[dict[str, Any]]:
    (policy,) = WORKFLOW["Role"]["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def actions(statement: dict[str, Any]) -> set[str]:
    return set(statement["Action"]) if isinstance(statement["Action"], list) else {statement["Action"]}


def parts(value: Any) -> Iterator[Any]:
    """Yield a value and everything in it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


def test_the_role_may_do_what_the_states_do_and_nothing_else() -> None:
    assert set().union(*map(actions, statements())) - WITHOUT_RESOURCE == {
        "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject",
        "dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem",
        "states:InvokeHTTPEndpoint", "events:RetrieveConnectionCredentials",
        "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret",
    }  # fmt: skip


@pytest.mark.parametrize("statement", statements(), ids=lambda statement: statement["Sid"])
def test_a_statement_of_the_role_covers_everything_only_where_iam_knows_no_resource(statement: Any) -> None:
    if actions(statement) <= WITHOUT_RESOURCE:
        assert statement["Resource"] == "*"
        return
    assert actions(statement).isdisjoint(WITHOUT_RESOURCE)
    assert statement["Resource"] != "*"
    assert "'*'" not in str(statement["Resource"])
    arns = re.findall(r"arn:[^'\"]*", str(statement["Resource"]))
    assert not [arn for arn in arns if "*" in arn.removesuffix("/*")]


def test_only_the_state_machine_itself_may_assume_its_role() -> None:
    (trust,) = WORKFLOW["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    arn = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${StateMachineName}"
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": [{"Fn::Sub": arn}, {"Fn::Sub": f"{arn}:*"}]},
    }


def test_only_the_named_urls_may_be_called_and_only_by_post() -> None:
    (call,) = [s for s in statements() if s["Action"] == "states:InvokeHTTPEndpoint"]
    assert call["Condition"] == {
        "StringEquals": {
            "states:HTTPMethod": "POST",
            "states:HTTPEndpoint": [
                *({"Ref": f"{api}Url"} for api in APIS),
                {"Fn::If": ["HasRelease", {"Ref": "ReleaseUrl"}, {"Ref": "AWS::NoValue"}]},
            ],
        }
    }


@pytest.mark.parametrize("api", APIS)
def test_each_connection_takes_its_own_token_from_the_secret_in_the_version_given(api: str) -> None:
    connection = WORKFLOW[f"{api}Connection"]["Properties"]
    token = "{{resolve:secretsmanager:${SecretName}:SecretString:" + api.lower() + "::${SecretVersion}}}"
    assert connection["AuthorizationType"] == "API_KEY"
    assert connection["AuthParameters"] == {
        "ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": {"Fn::Sub": f"Bearer {token}"}}
    }


def test_a_stage_without_a_release_api_has_a_valid_definition_that_never_calls_it() -> None:
    given = the_only(WORKFLOW, "AWS::StepFunctions::StateMachine")["Properties"]["DefinitionSubstitutions"]
    assert given["ReleaseUrl"] == {"Fn::If": ["HasRelease", {"Ref": "ReleaseUrl"}, NO_RELEASE]}
    assert given["RollbackOn"] == {"Fn::If": ["HasRelease", "States.Timeout", PLACEHOLDERS["RollbackOn"]]}
    assert PLACEHOLDERS["ReleaseUrl"] == NO_RELEASE
    nothing = {"Ref": "AWS::NoValue"}
    for sid in ("CallTheApis", "UseTheConnections", "ReadTheConnectionsSecrets"):
        (statement,) = [one for one in statements() if one["Sid"] == sid]
        conditional = [part for part in parts(statement) if isinstance(part, dict) and "Fn::If" in part]
        assert [part["Fn::If"][2] for part in conditional if part["Fn::If"][0] == "HasRelease"] == [nothing]


@pytest.mark.parametrize("api", APIS)
def test_a_real_api_needs_no_more_than_its_url_and_connection(api: str) -> None:
    given = the_only(WORKFLOW, "AWS::StepFunctions::StateMachine")["Properties"]["DefinitionSubstitutions"]
    own = {"Fn::GetAtt": [f"{api}Connection", "Arn"]}
    assert given[f"{api}Url"] == {"Ref": f"{api}Url"}
    assert given[f"{api}Connection"] == {"Fn::If": [f"Own{api}Connection", own, {"Ref": f"{api}ConnectionArn"}]}
    assert WORKFLOW[f"{api}Connection"]["Condition"] == f"Own{api}Connection"
