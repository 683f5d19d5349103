"""What `deploy` refuses before it changes anything: what would hurt somebody, or fail only when half of it is done."""

from pathlib import Path
from typing import Any

from storygate.deployment.functions import recorded_home
from storygate.stage.aws import Aws
from storygate.stage.config import CONFIG, Stage, sharing_bucket
from storygate.support.errors import OperatorError

# moto's account, the number that AWS's documentation uses: a record of it tells of a local cloud that may be gone.
LOCAL_ACCOUNT = "123456789012"
# The trigger's own, as in app.py.
EVENT, PREFIX, SUFFIX = "s3:ObjectCreated:", "inputs/", ".json"
DESTINATIONS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}


def check(project: Path, stage: Stage, aws: Aws) -> None:
    """Raises OperatorError for another account than the last time, a bucket that is taken or shared, two triggers."""
    account = str(aws.client("sts").get_caller_identity()["Account"])
    _check_home(project, stage, account, aws)
    _check_sharing(project, stage)
    check_access(stage, aws)
    _check_triggers(stage, aws.client("s3"))


def check_access(stage: Stage, aws: Aws) -> None:
    """Raises OperatorError if the bucket's name is taken, or the bucket lies elsewhere; a free name is fine."""
    account = aws.client("sts").get_caller_identity()["Account"]
    s3 = aws.client("s3")
    try:
        # Without the owner's number a public bucket of somebody else's would pass for ours.
        s3.head_bucket(Bucket=stage.bucket, ExpectedBucketOwner=account)
    except s3.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        region = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if status == 403:
            raise OperatorError(
                f"Bucket {stage.bucket} belongs to another account, or you may not list it.",
                f'Bucket names are shared by all of AWS: give STORYGATE_BUCKET of stage "{stage.name}" in {CONFIG} '
                "(and in the stage's policies beside it) another name, or grant s3:ListBucket on it.",
            ) from error
        if status in {301, 400} and region and region != stage.region:
            raise OperatorError(
                f"Bucket {stage.bucket} is in {region}, and this deployment goes to {stage.region}.",
                f"Set AWS_DEFAULT_REGION={region}, or another STORYGATE_BUCKET in {CONFIG}.",
            ) from error
        if status != 404:
            raise


def _check_home(project: Path, stage: Stage, account: str, aws: Aws) -> None:
    """The stage's record of its last deployment names this account and region; no record, as in a clone, is fine."""
    before, region = recorded_home(project, stage)
    if before in {None, LOCAL_ACCOUNT} or (before == account and region in {None, aws.region}):
        return
    here = f"account {account}, {aws.region}" + (f", at {aws.endpoint_url}" if aws.endpoint_url else "")
    raise OperatorError(
        f"Stage {stage.name} was last deployed to account {before}{f', {region}' if region else ''}; this is {here}.",
        "Set AWS_PROFILE, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL as they were. If the stage shall live here from now "
        f"on, run `python -m storygate destroy --stage {stage.name}` there first, or remove "
        f".chalice/deployed/{stage.name}.json and leave there what is there.",
    )


def _check_sharing(project: Path, stage: Stage) -> None:
    """No other stage of config.json names the bucket: each drop would wake both, and S3 refuses the second trigger."""
    if others := sharing_bucket(project, stage):
        raise OperatorError(
            f"Bucket {stage.bucket} is the bucket of stage {' and '.join(others)}, too.",
            f'Give each stage of {CONFIG} a STORYGATE_BUCKET of its own, as "storygate-{stage.name}", and name it in '
            "the stage's policies beside it.",
        )


def _check_triggers(stage: Stage, s3: Any) -> None:
    """Nobody else is told of what arrives under inputs/.

    S3 refuses two configurations for one event whose prefixes and whose suffixes both overlap, "Configuration is
    ambiguously defined" (S3 user guide, notification-how-to-filtering). Chalice keeps the others' configurations and
    adds its own (awsclient.py, `connect_s3_bucket_to_lambda`), so it would meet that in the middle of its work.
    """
    try:
        told = s3.get_bucket_notification_configuration(Bucket=stage.bucket)
    except s3.exceptions.NoSuchBucket:
        return
    for kind, destination in DESTINATIONS.items():
        for entry in told.get(kind, []):
            target = entry[destination]
            if target.endswith(f":function:{stage.trigger}") or not _overlaps(entry):
                continue
            name = f'configuration "{entry["Id"]}"' if "Id" in entry else "a configuration"
            raise OperatorError(
                f"Bucket {stage.bucket} tells {target} of what arrives under {PREFIX}, by {name} of its events; S3 "
                "takes no second one for the same keys.",
                "Remove it, or give it a prefix or suffix that no input has (`aws s3api "
                f"get-bucket-notification-configuration --bucket {stage.bucket}` shows all), or give STORYGATE_BUCKET "
                f"in {CONFIG} another name.",
            )


def _overlaps(entry: Any) -> bool:
    """Whether a notification configuration would be told of a key that the trigger is told of."""
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    wanted = {rule["Name"].lower(): rule["Value"] for rule in rules}
    prefix, suffix = wanted.get("prefix", ""), wanted.get("suffix", "")
    return (
        any(event.startswith(EVENT) for event in entry["Events"])
        and (prefix.startswith(PREFIX) or PREFIX.startswith(prefix))
        and (suffix.endswith(SUFFIX) or SUFFIX.endswith(suffix))
    )
