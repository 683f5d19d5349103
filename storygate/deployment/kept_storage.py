"""A bucket and a table that outlived their stack: `destroy` without --purge keeps them."""

from typing import Any

from storygate.stage.config import CONFIG
from storygate.stage.context import Context
from storygate.support.errors import OperatorError, OutOfPatience, error_code
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

KEYS = {"story": "HASH", "entry": "RANGE"}
"""The table's key attributes, as in statemachine/storage.yaml."""
INDEX = "waiting"
"""The index of the waiting runs, as in statemachine/storage.yaml."""
INDEX_KEYS = {"story": "HASH", "startedAt": "RANGE"}
INDEX_PATIENCE = 1800.0  # seconds; DynamoDB needs some minutes to make an index, even of an empty table


def is_kept(context: Context) -> bool:
    """Return whether both the bucket and the table exist; the caller knows that no stack holds them.

    Raises OperatorError if only one of them exists, or if one is not fit for storygate.
    """
    stage = context.stage
    versioning = _versioning(context.client("s3"), stage.bucket)
    keys = _table_keys(context.client("dynamodb"), stage.table)
    if versioning is None and keys is None:
        return False
    if keys is None:
        raise OperatorError(
            f"Bucket {stage.bucket} exists without a stack, and table {stage.table} does not exist.",
            f"If the bucket is an empty leftover, remove it with `aws s3 rb s3://{stage.bucket}`; else give "
            f"STORYGATE_BUCKET in {CONFIG} another name.",
        )
    if versioning is None:
        raise OperatorError(
            f"Table {stage.table} exists without a stack, and bucket {stage.bucket} does not exist.",
            f"If the table is a leftover, remove it with `aws dynamodb delete-table --table-name {stage.table}`; else "
            f"give STORYGATE_TABLE in {CONFIG} another name, then run `make policies`.",
        )
    if keys != KEYS:
        raise OperatorError(
            f"Table {stage.table} exists, but it is not storygate's: its keys are {', '.join(keys)}.",
            f"Give STORYGATE_TABLE in {CONFIG} another name, then run `make policies`.",
        )
    if versioning != "Enabled":
        raise OperatorError(
            f"Bucket {stage.bucket} exists, but keeps no versions, so a run could read a later upload than its own.",
            f"Run `aws s3api put-bucket-versioning --bucket {stage.bucket} --versioning-configuration Status=Enabled`, "
            f"or give STORYGATE_BUCKET in {CONFIG} another name.",
        )
    return True


def update_table(dynamodb: Any, table: str, terminal: Terminal, *, patience: float = INDEX_PATIENCE) -> bool:
    """Give a kept table its index and its deletion protection; return whether it lacked one of them.

    DynamoDB makes one such change at a time, while the table is ACTIVE (API reference, UpdateTable). An interrupted
    call leaves an index that is being made, and the next one waits for it. Raises OutOfPatience after `patience`
    seconds.
    """
    bound = Patience(patience)
    described = _settled(dynamodb, table, terminal, bound)
    changed = False
    if not described.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        terminal.detail(f"table {table}: protected against deletion")
        described, changed = _settled(dynamodb, table, terminal, bound), True
    if INDEX not in {index["IndexName"] for index in described.get("GlobalSecondaryIndexes", [])}:
        index = {
            "IndexName": INDEX,
            "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in INDEX_KEYS.items()],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        dynamodb.update_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in {**KEYS, **INDEX_KEYS}],
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )
        _settled(dynamodb, table, terminal, bound)
        terminal.detail(f"table {table}: index {INDEX} made")
        changed = True
    return changed


def _settled(dynamodb: Any, table: str, terminal: Terminal, bound: Patience) -> Any:
    """Wait until the table and its indexes are ACTIVE; return the table's description."""
    with terminal.waiting(f"table {table}"):
        while True:
            described = dynamodb.describe_table(TableName=table)["Table"]
            states = {index["IndexName"]: index["IndexStatus"] for index in described.get("GlobalSecondaryIndexes", [])}
            states[table] = described["TableStatus"]
            unfinished = {name: status for name, status in states.items() if status != "ACTIVE"}
            if not unfinished:
                return described
            if not bound.pause():
                name, status = next(iter(unfinished.items()))
                raise OutOfPatience(
                    f"DynamoDB is still working on table {table}: {name} is {status} after {bound.seconds:g} s.",
                    "Run this again; it continues to wait.",
                )


def _versioning(s3: Any, bucket: str) -> str | None:
    """`Enabled`, `Suspended` or `Disabled`; None if there is no such bucket."""
    try:
        return str(s3.get_bucket_versioning(Bucket=bucket).get("Status", "Disabled"))
    except s3.exceptions.ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise
        return None


def _table_keys(dynamodb: Any, table: str) -> dict[str, str] | None:
    """The table's key attributes and their kinds; None if there is no such table."""
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    return {key["AttributeName"]: key["KeyType"] for key in described["KeySchema"]}
