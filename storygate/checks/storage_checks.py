"""Bucket and table: versions, encryption, access, and how long data is kept."""

import json
import shlex
from typing import Any

from storygate.checks.finding import Examination, Finding, check, fail, ok
from storygate.deployment.kept_storage import INDEX
from storygate.support.errors import error_code

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
EXPIRY = "expiresAt"


@check("bucket versions", "a run reads the version that started it; without versions it may read a later upload")
def versioning(context: Examination) -> Finding:
    """Versioning is on."""
    status = context.client("s3").get_bucket_versioning(Bucket=context.stage.bucket).get("Status", "never set")
    if status == "Enabled":
        return ok("kept")
    return fail(
        f"versioning is {status}",
        f"aws s3api put-bucket-versioning --bucket {context.stage.bucket} --versioning-configuration Status=Enabled",
    )


@check("bucket encryption", "inputs and results describe your releases")
def encryption(context: Examination) -> Finding:
    """Objects are encrypted at rest. S3 does so by default since 2023."""
    s3, bucket = context.client("s3"), context.stage.bucket
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except s3.exceptions.ClientError as error:
        if error_code(error) != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        put = ["aws", "s3api", "put-bucket-encryption", "--bucket", bucket]
        return fail(
            "none by default",
            shlex.join([*put, "--server-side-encryption-configuration", json.dumps(rule)]),
        )
    return ok(", ".join(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules))


@check("bucket public access", "whoever can write to inputs/ can start a deployment")
def public_access(context: Examination) -> Finding:
    """All four blocks are on."""
    s3, bucket = context.client("s3"), context.stage.bucket
    try:
        blocks = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except s3.exceptions.ClientError as error:
        if error_code(error) != "NoSuchPublicAccessBlockConfiguration":
            raise
        blocks = {}
    open_ = [block for block in BLOCKS if not blocks.get(block)]
    if not open_:
        return ok("blocked")
    return fail(
        f"not blocked: {', '.join(open_)}",
        f"aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration "
        + ",".join(f"{block}=true" for block in BLOCKS),
    )


@check("bucket TLS only", "without TLS, others on the network can read inputs and results")
def tls_only(context: Examination) -> Finding:
    """A statement of the policy denies requests without TLS."""
    s3, bucket = context.client("s3"), context.stage.bucket
    try:
        policy: dict[str, Any] = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    except s3.exceptions.ClientError as error:
        if error_code(error) != "NoSuchBucketPolicy":
            raise
        policy = {"Version": "2012-10-17", "Statement": []}
    wanted = _deny_plain(f"arn:{context.partition}:s3:::{bucket}")
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    if any(_unnamed(statement) == _unnamed(wanted) for statement in statements):
        return ok("the policy denies all other requests")
    # The other statements are kept; a changed statement of our name is replaced.
    others = [statement for statement in statements if statement.get("Sid") != wanted["Sid"]]
    corrected = json.dumps({**policy, "Statement": [*others, wanted]})
    put = ["aws", "s3api", "put-bucket-policy", "--bucket", bucket, "--policy", corrected]
    return fail("no statement denies requests without TLS", shlex.join(put))


@check("table expiry", "without it verdicts and the entries of ended runs are kept for ever")
def expiry(context: Examination) -> Finding:
    """TTL is on, with the attribute that the code writes."""
    table = context.stage.table
    described = context.client("dynamodb").describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if described.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} and described.get("AttributeName") == EXPIRY:
        return ok(f"by {EXPIRY}")
    return fail(
        f"TTL is {described.get('TimeToLiveStatus', 'unknown')}"
        + (f" by {described['AttributeName']}" if described.get("AttributeName") else ""),
        f"aws dynamodb update-time-to-live --table-name {table} "
        f"--time-to-live-specification Enabled=true,AttributeName={EXPIRY}",
    )


@check("table recovery", "a damaged table could not be restored, and waiting runs would never get their verdict")
def recovery(context: Examination) -> Finding:
    """Point-in-time recovery is on."""
    table = context.stage.table
    backups = context.client("dynamodb").describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED":
        return ok("to any second of the last 35 days")
    return fail(
        "point-in-time recovery is off",
        f"aws dynamodb update-continuous-backups --table-name {table} "
        "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
    )


@check("table protection", "a table that is deleted by mistake takes all verdicts and waiting runs with it")
def protection(context: Examination) -> Finding:
    """Deletion protection is on."""
    table = context.stage.table
    if context.client("dynamodb").describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
        return ok("against deletion, until `destroy --purge` lifts it")
    return fail("off", f"aws dynamodb update-table --table-name {table} --deletion-protection-enabled")


@check("table index", "the sweep finds the waiting runs by it")
def index(context: Examination) -> Finding:
    """The index of waiting runs exists and is complete. Made by hand, it would be in the way of the stack's own."""
    table = context.stage.table
    described = context.client("dynamodb").describe_table(TableName=table)["Table"]
    states = {entry["IndexName"]: entry["IndexStatus"] for entry in described.get("GlobalSecondaryIndexes", [])}
    if states.get(INDEX) == "ACTIVE":
        return ok(INDEX)
    return fail(f"index {INDEX} is {states.get(INDEX, 'missing')}", context.deploy_command)


def _deny_plain(bucket: str) -> dict[str, Any]:
    """As in statemachine/storage.yaml."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, f"{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _unnamed(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement without its name, its resources sorted."""
    resource = statement.get("Resource", [])
    listed = sorted(resource) if isinstance(resource, list) else [resource]
    return {**statement, "Sid": "", "Resource": listed}
