"""Checks made before `deploy` changes anything: for what would do harm, or fail halfway."""

from typing import Any

from chalicelib.drop import PREFIX, SUFFIX
from storygate.deployment.functions import recorded_home
from storygate.deployment.stop_runs import DELETING, machine_status, running
from storygate.stage.config import CONFIG, Stage, sharing_bucket
from storygate.stage.context import Context
from storygate.stage.policies import missing
from storygate.support.errors import OperatorError
from storygate.support.own_command import command_line

# moto's account, the number that AWS's documentation uses: a record of it is of a local cloud that may be gone.
LOCAL_ACCOUNT = "123456789012"
EVENT = "s3:ObjectCreated:"  # the trigger's, as in app.py
DESTINATIONS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}


def check_before_deploy(context: Context) -> None:
    """Refuse another account than the last time, a bucket that is taken or shared, a second trigger, a dying machine.

    Raises OperatorError.
    """
    check_home(context)
    _check_policies(context)
    _check_sharing(context)
    check_access(context)
    check_not_deleting(context)
    _check_triggers(context.stage, context.client("s3"))


def check_access(context: Context) -> None:
    """Raise OperatorError if the bucket belongs to another account or is in another region; a free name is fine."""
    s3, stage = context.client("s3"), context.stage
    try:
        # Without the owner's number, another account's public bucket would pass for this stage's.
        s3.head_bucket(Bucket=stage.bucket, ExpectedBucketOwner=context.account)
    except s3.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        region = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if status == 403:
            raise OperatorError(
                f"Bucket {stage.bucket} belongs to another account, or you may not list it.",
                f'Bucket names are shared by all of AWS: give STORYGATE_BUCKET of stage "{stage.name}" in {CONFIG} '
                "another name, or grant s3:ListBucket on it.",
            ) from error
        if status in {301, 400} and region and region != stage.region:
            raise OperatorError(
                f"Bucket {stage.bucket} is in {region}, and this deployment goes to {stage.region}.",
                f"Set AWS_DEFAULT_REGION={region}, or another STORYGATE_BUCKET in {CONFIG}.",
            ) from error
        if status != 404:
            raise


def check_home(context: Context) -> None:
    """Refuse another account or region than that of the last deployment from here; a clone has no such record."""
    stage, account, aws = context.stage, context.account, context.aws
    before, region = recorded_home(context)
    if before in {None, LOCAL_ACCOUNT} or (before == account and region in {None, aws.region}):
        return
    here = f"account {account}, {aws.region}" + (f", at {aws.endpoint_url}" if aws.endpoint_url else "")
    raise OperatorError(
        f"Stage {stage.name} was last deployed to account {before}{f', {region}' if region else ''}; this is {here}.",
        "Set AWS_PROFILE, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL as they were. To move the stage here, run "
        f"`{stage.command('destroy')}` there first. Or remove .chalice/deployed/"
        f"{stage.name}.json: then nothing deletes what was deployed there.",
    )


def check_not_deleting(context: Context) -> None:
    """Refuse a state machine that is being deleted: AWS makes no other one of its name until it is gone."""
    if machine_status(context) != DELETING:
        return
    left = len(running(context))
    raise OperatorError(
        f"State machine {context.stage.state_machine} is being deleted; that ends when its runs are over, and "
        f"{left or 'none'} still run{'s' if left == 1 else ''}.",
        f"Run `{context.stage.command('destroy')}`: it stops them and waits. Then run this again."
        if left
        else "Wait a minute, then run this again.",
    )


def _check_policies(context: Context) -> None:
    """Refuse a stage that lacks a policy; Chalice would notice it after the storage stack was made."""
    if lacking := missing(context.project, context.stage.name):
        raise OperatorError(
            f"Stage {context.stage.name} lacks the policy of {', '.join(lacking)}.",
            f"Run `{command_line(f'new-stage {context.stage.name}')}`: it writes what the stage lacks.",
        )


def _check_sharing(context: Context) -> None:
    """Refuse a bucket that another stage of config.json names.

    Each drop would start runs of both stages, and S3 refuses the second trigger.
    """
    stage = context.stage
    if others := sharing_bucket(context.project, stage):
        raise OperatorError(
            f"Bucket {stage.bucket} is the bucket of stage {' and '.join(others)}, too.",
            f'Give each stage of {CONFIG} a STORYGATE_BUCKET of its own, such as "storygate-{stage.name}".',
        )


def _check_triggers(stage: Stage, s3: Any) -> None:
    """Refuse a bucket that sends events of inputs/ to another target as well.

    S3 refuses two configurations for one event whose prefixes and whose suffixes both overlap, "Configuration is
    ambiguously defined" (S3 user guide, notification-how-to-filtering). Chalice keeps the existing configurations and
    adds its own (awsclient.py, `connect_s3_bucket_to_lambda`), so it would fail in the middle of its work.
    """
    try:
        configured = s3.get_bucket_notification_configuration(Bucket=stage.bucket)
    except s3.exceptions.NoSuchBucket:
        return
    for kind, destination in DESTINATIONS.items():
        for entry in configured.get(kind, []):
            target = entry[destination]
            if target.endswith(f":function:{stage.trigger}") or not _overlaps(entry):
                continue
            name = f'configuration "{entry["Id"]}"' if "Id" in entry else "a configuration"
            raise OperatorError(
                f"Bucket {stage.bucket} already sends events of objects under {PREFIX} to {target}, by {name} of its "
                "notifications, and S3 allows only one for the same keys.",
                "Remove it, or give it a prefix or suffix that no input has (`aws s3api "
                f"get-bucket-notification-configuration --bucket {stage.bucket}` shows all), or give STORYGATE_BUCKET "
                f"in {CONFIG} another name.",
            )


def _overlaps(entry: Any) -> bool:
    """Whether a notification configuration and the trigger's own could match the same key."""
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    wanted = {rule["Name"].lower(): rule["Value"] for rule in rules}
    prefix, suffix = wanted.get("prefix", ""), wanted.get("suffix", "")
    return (
        any(event.startswith(EVENT) for event in entry["Events"])
        and (prefix.startswith(PREFIX) or PREFIX.startswith(prefix))
        and (suffix.endswith(SUFFIX) or SUFFIX.endswith(suffix))
    )
