"""`deploy` refuses what would hurt, before it changes anything."""

import json
from pathlib import Path
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from storygate.deployment.bring_up import deploy
from storygate.deployment.preflight import LOCAL_ACCOUNT, check_before_deploy
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from tests.storygate.conftest import Configure, Screen

OTHERS = "999999999999"
FOREIGN = "arn:aws:sqs:eu-west-1:123456789012:audit"
TRIGGER = "arn:aws:lambda:eu-west-1:123456789012:function:storygate-dev-start_execution"


@pytest.fixture
def recorded(project: Path) -> Any:
    """Writes Chalice's record of a deployment of stage dev."""

    def record(*resources: Any, text: str | None = None) -> None:
        path = project / ".chalice" / "deployed" / "dev.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text if text is not None else json.dumps({"resources": resources, "schema_version": "2.0"}))

    return record


def function(account: Any, region: Any = "eu-west-1") -> dict[str, Any]:
    return {
        "name": "f",
        "resource_type": "lambda_function",
        "lambda_arn": f"arn:aws:lambda:{region}:{account}:function:f",
    }


def role(account: Any) -> dict[str, Any]:
    return {"name": "r", "resource_type": "iam_role", "role_arn": f"arn:aws:iam::{account}:role/r"}


def made(aws: Aws) -> Any:
    return [
        *aws.client("s3").list_buckets()["Buckets"],
        *aws.client("cloudformation").list_stacks()["StackSummaries"],
        *aws.client("secretsmanager").list_secrets()["SecretList"],
    ]


@pytest.mark.parametrize("resources", [[role(OTHERS)], [role(OTHERS), function(OTHERS)]])
def test_another_account_than_the_last_time_is_refused_before_anything_is_made(
    context: Context, aws: Aws, screen: Screen, recorded: Any, resources: Any
) -> None:
    recorded(*resources)
    with pytest.raises(OperatorError, match=f"account {OTHERS}") as caught:
        deploy(context, screen.terminal)
    assert f"account {DEFAULT_ACCOUNT_ID}" in caught.value.message
    assert "AWS_PROFILE" in caught.value.hint
    assert ".chalice/deployed/dev.json" in caught.value.hint
    assert made(aws) == []


class Caller:
    """STS for a caller in one account."""

    def __init__(self, account: Any) -> None:
        self.account = account

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/deployer"}


class Bucket:
    """S3 with our bucket, whose events go where the test says; without one if it says nothing."""

    class exceptions:
        class ClientError(Exception):
            pass

        class NoSuchBucket(Exception):
            pass

    def __init__(self, notifications: Any = None) -> None:
        self.notifications = notifications

    def head_bucket(self, **_: Any) -> None:
        pass

    def get_bucket_notification_configuration(self, **_: Any) -> Any:
        if self.notifications is None:
            raise self.exceptions.NoSuchBucket
        return self.notifications


class Machines:
    """A Step Functions with no state machine, or with one that is being deleted and has no run left."""

    class exceptions:
        StateMachineDoesNotExist = LookupError

    def __init__(self, status: str | None) -> None:
        self.status = status

    def describe_state_machine(self, **_: Any) -> Any:
        if self.status is None:
            raise LookupError
        return {"status": self.status}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Any:
        return [{"executions": []}]


def cloud(account: Any = OTHERS, notifications: Any = None, machine: str | None = None) -> Any:
    clients = {"sts": Caller(account), "s3": Bucket(notifications), "stepfunctions": Machines(machine)}
    return Aws(clients.__getitem__, "eu-west-1", {})


def test_another_region_than_the_last_time_is_refused(project: Path, stage: Stage, recorded: Any) -> None:
    recorded(role(OTHERS), function(OTHERS, "us-west-2"))
    with pytest.raises(OperatorError, match="us-west-2"):
        check_before_deploy(Context(project, stage, cloud()))
    recorded(role(OTHERS), function(OTHERS))
    check_before_deploy(Context(project, stage, cloud()))


def test_a_machine_that_is_being_deleted_and_has_no_run_left_is_soon_gone(project: Path, stage: Stage) -> None:
    with pytest.raises(OperatorError, match="being deleted") as caught:
        check_before_deploy(Context(project, stage, cloud(machine="DELETING")))
    assert "Wait a minute" in caught.value.hint
    check_before_deploy(Context(project, stage, cloud(machine="ACTIVE")))


def test_what_a_local_cloud_left_is_no_reason_to_refuse(project: Path, stage: Stage, recorded: Any) -> None:
    assert LOCAL_ACCOUNT == DEFAULT_ACCOUNT_ID
    recorded(function(LOCAL_ACCOUNT, "us-east-1"))
    check_before_deploy(Context(project, stage, cloud()))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"resources": [1, {"name": "rest_api", "rest_api_id": "x"}]}'])
def test_an_unreadable_record_is_no_reason_to_refuse(project: Path, stage: Stage, recorded: Any, text: str) -> None:
    recorded(text=text)
    check_before_deploy(Context(project, stage, cloud()))


def test_a_missing_policy_is_named_with_the_command_that_writes_it(project: Path, stage: Stage) -> None:
    (project / ".chalice" / "policy-dev-trigger.json").unlink()
    with pytest.raises(OperatorError, match=r"start_execution \(.chalice/policy-dev-trigger.json\)") as caught:
        check_before_deploy(Context(project, stage, cloud()))
    assert "new-stage dev" in caught.value.hint


def test_the_bucket_of_another_stage_is_refused_with_its_name(
    project: Path, stage: Stage, configure: Configure
) -> None:
    configure(lambda config: config["stages"]["prod"]["environment_variables"].update(STORYGATE_BUCKET=stage.bucket))
    with pytest.raises(OperatorError, match="bucket of stage prod, too") as caught:
        check_before_deploy(Context(project, stage, cloud()))
    assert "STORYGATE_BUCKET" in caught.value.hint


def telling(
    kind: Any = "Queue", arn: Any = FOREIGN, events: Any = ("s3:ObjectCreated:*",), **rules: Any
) -> dict[str, Any]:
    """A notification configuration as S3 answers it (API reference, GetBucketNotificationConfiguration)."""
    key = {"Queue": "QueueArn", "Topic": "TopicArn", "LambdaFunction": "LambdaFunctionArn"}[kind]
    filters = [{"Name": name.capitalize(), "Value": value} for name, value in rules.items()]
    entry = {"Id": "audit", key: arn, "Events": list(events)} | (
        {"Filter": {"Key": {"FilterRules": filters}}} if filters else {}
    )
    return {f"{kind}Configurations": [entry]}


@pytest.mark.parametrize(
    "notifications",
    [
        telling(),
        telling(prefix="inputs/"),
        telling(prefix="in"),
        telling(prefix="inputs/team-a/", suffix=".json"),
        telling(suffix="json"),
        telling(suffix="release.json"),
        telling(prefix="inputs/", suffix=".json", events=("s3:ObjectRemoved:*", "s3:ObjectCreated:Put")),
        telling("Topic"),
        telling("LambdaFunction"),
        telling("LambdaFunction", TRIGGER.replace("dev", "prod")),
    ],
)
def test_another_target_of_input_events_is_refused(project: Path, stage: Stage, notifications: Any) -> None:
    with pytest.raises(OperatorError, match="under inputs/") as caught:
        check_before_deploy(Context(project, stage, cloud(notifications=notifications)))
    assert '"audit"' in caught.value.message
    assert "get-bucket-notification-configuration" in caught.value.hint


@pytest.mark.parametrize(
    "notifications",
    [
        {},
        {"EventBridgeConfiguration": {}},
        telling(prefix="outputs/"),
        telling(prefix="inputs/", suffix=".csv"),
        telling(events=("s3:ObjectRemoved:*",)),
        telling("LambdaFunction", TRIGGER),
    ],
)
def test_targets_of_other_events_and_our_own_trigger_may_stay(project: Path, stage: Stage, notifications: Any) -> None:
    check_before_deploy(Context(project, stage, cloud(notifications=notifications)))


def test_a_second_trigger_is_named_by_the_deploy_and_nothing_is_made(
    context: Context, stage: Stage, aws: Aws, screen: Screen
) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=stage.bucket, CreateBucketConfiguration={"LocationConstraint": stage.region})
    aws.client("sqs").create_queue(QueueName="audit")
    s3.put_bucket_notification_configuration(Bucket=stage.bucket, NotificationConfiguration=telling())
    with pytest.raises(OperatorError, match=FOREIGN):
        deploy(context, screen.terminal)
    assert [kind["Name"] for kind in made(aws)] == [stage.bucket]
