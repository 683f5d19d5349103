"""`deploy` refuses what would hurt, before it changes anything."""

import json

import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from storygate.deployment.bring_up import deploy
from storygate.deployment.preflight import LOCAL_ACCOUNT, check
from storygate.stage.aws import Aws
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

OTHERS = "999999999999"
FOREIGN = "arn:aws:sqs:eu-west-1:123456789012:audit"
TRIGGER = "arn:aws:lambda:eu-west-1:123456789012:function:storygate-dev-start_execution"


@pytest.fixture
def recorded(project):
    """Writes Chalice's record of a deployment of stage dev."""

    def record(*resources, text=None):
        path = project / ".chalice" / "deployed" / "dev.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text if text is not None else json.dumps({"resources": resources, "schema_version": "2.0"}))

    return record


def function(account, region="eu-west-1"):
    return {
        "name": "f",
        "resource_type": "lambda_function",
        "lambda_arn": f"arn:aws:lambda:{region}:{account}:function:f",
    }


def role(account):
    return {"name": "r", "resource_type": "iam_role", "role_arn": f"arn:aws:iam::{account}:role/r"}


def made(aws):
    return [
        *aws.client("s3").list_buckets()["Buckets"],
        *aws.client("cloudformation").list_stacks()["StackSummaries"],
        *aws.client("secretsmanager").list_secrets()["SecretList"],
    ]


@pytest.mark.parametrize("resources", [[role(OTHERS)], [role(OTHERS), function(OTHERS)]])
def test_another_account_than_the_last_time_is_refused_before_anything_is_made(
    context, aws, screen, recorded, resources
):
    recorded(*resources)
    with pytest.raises(OperatorError, match=f"account {OTHERS}") as caught:
        deploy(context, screen.terminal)
    assert f"account {DEFAULT_ACCOUNT_ID}" in caught.value.message
    assert "AWS_PROFILE" in caught.value.hint
    assert ".chalice/deployed/dev.json" in caught.value.hint
    assert made(aws) == []


class Caller:
    """STS for somebody in one account."""

    def __init__(self, account):
        self.account = account

    def get_caller_identity(self):
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/deployer"}


class Bucket:
    """S3 with our bucket, whose events go where the test says; without one if it says nothing."""

    class exceptions:
        class ClientError(Exception):
            pass

        class NoSuchBucket(Exception):
            pass

    def __init__(self, notifications=None):
        self.notifications = notifications

    def head_bucket(self, **_):
        pass

    def get_bucket_notification_configuration(self, **_):
        if self.notifications is None:
            raise self.exceptions.NoSuchBucket
        return self.notifications


def cloud(account=OTHERS, notifications=None):
    clients = {"sts": Caller(account), "s3": Bucket(notifications)}
    return Aws(clients.__getitem__, "eu-west-1", {})


def test_another_region_than_the_last_time_is_refused(project, stage, recorded):
    recorded(role(OTHERS), function(OTHERS, "us-west-2"))
    with pytest.raises(OperatorError, match="us-west-2"):
        check(Context(project, stage, cloud()))
    recorded(role(OTHERS), function(OTHERS))
    check(Context(project, stage, cloud()))


def test_what_a_local_cloud_left_is_no_reason_to_refuse(project, stage, recorded):
    assert LOCAL_ACCOUNT == DEFAULT_ACCOUNT_ID
    recorded(function(LOCAL_ACCOUNT, "us-east-1"))
    check(Context(project, stage, cloud()))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"resources": [1, {"name": "rest_api", "rest_api_id": "x"}]}'])
def test_a_record_that_tells_nothing_is_no_reason_to_refuse(project, stage, recorded, text):
    recorded(text=text)
    check(Context(project, stage, cloud()))


def test_the_bucket_of_another_stage_is_refused_with_its_name(project, stage, configure):
    configure(lambda config: config["stages"]["prod"]["environment_variables"].update(STORYGATE_BUCKET=stage.bucket))
    with pytest.raises(OperatorError, match="bucket of stage prod, too") as caught:
        check(Context(project, stage, cloud()))
    assert "STORYGATE_BUCKET" in caught.value.hint


def telling(kind="Queue", arn=FOREIGN, events=("s3:ObjectCreated:*",), **rules):
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
def test_somebody_else_who_is_told_of_inputs_is_refused(project, stage, notifications):
    with pytest.raises(OperatorError, match="under inputs/") as caught:
        check(Context(project, stage, cloud(notifications=notifications)))
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
def test_who_is_told_of_other_things_and_our_own_trigger_may_stay(project, stage, notifications):
    check(Context(project, stage, cloud(notifications=notifications)))


def test_a_second_trigger_is_named_by_the_deploy_and_nothing_is_made(context, stage, aws, screen):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=stage.bucket, CreateBucketConfiguration={"LocationConstraint": stage.region})
    aws.client("sqs").create_queue(QueueName="audit")
    s3.put_bucket_notification_configuration(Bucket=stage.bucket, NotificationConfiguration=telling())
    with pytest.raises(OperatorError, match=FOREIGN):
        deploy(context, screen.terminal)
    assert [kind["Name"] for kind in made(aws)] == [stage.bucket]
