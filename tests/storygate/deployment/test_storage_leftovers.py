"""Before anything is made: a bucket's name that is taken, and what an earlier deployment left."""

from typing import Any

import pytest
from botocore.stub import Stubber

from storygate.deployment.kept_storage import INDEX, INDEX_KEYS, KEYS, is_kept, update_table
from storygate.deployment.preflight import check_access
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError, OutOfPatience
from tests.storygate.conftest import Screen


@pytest.fixture
def bucket(aws: Aws, stage: Stage) -> Any:
    s3 = aws.client("s3")

    def make(versioning: Any = "Enabled") -> None:
        s3.create_bucket(Bucket=stage.bucket, CreateBucketConfiguration={"LocationConstraint": stage.region})
        if versioning:
            s3.put_bucket_versioning(Bucket=stage.bucket, VersioningConfiguration={"Status": versioning})

    return make


@pytest.fixture
def table(aws: Aws, stage: Stage) -> Any:
    def make(keys: Any = None) -> None:
        keys = keys or KEYS
        aws.client("dynamodb").create_table(
            TableName=stage.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        )

    return make


def test_a_free_name_and_our_own_bucket_are_fine(context: Context, bucket: Any) -> None:
    check_access(context)
    bucket()
    check_access(context)


def refusing(context: Context, status: Any, **headers: Any) -> Any:
    """S3 answering HeadBucket with a bare status, as it does: HEAD has no body. moto lets every account in."""
    s3 = context.client("s3")
    stubber = Stubber(s3)
    stubber.add_client_error(
        "head_bucket", str(status), http_status_code=status, response_meta={"HTTPHeaders": headers}
    )
    stubber.activate()
    return context


def test_a_bucket_of_another_account_is_named_before_anything_is_made(context: Context) -> None:
    with pytest.raises(OperatorError, match="belongs to another account") as caught:
        check_access(refusing(context, 403))
    assert "STORYGATE_BUCKET" in caught.value.hint
    assert ".chalice/config.json" in caught.value.hint


def test_a_bucket_in_another_region_is_named_with_it(context: Context) -> None:
    with pytest.raises(OperatorError, match="is in us-west-2") as caught:
        check_access(refusing(context, 301, **{"x-amz-bucket-region": "us-west-2"}))
    assert "AWS_DEFAULT_REGION=us-west-2" in caught.value.hint


def test_nothing_left_is_nothing_kept(context: Context) -> None:
    assert is_kept(context) is False


def test_bucket_and_table_without_a_stack_are_used(context: Context, bucket: Any, table: Any) -> None:
    bucket()
    table()
    assert is_kept(context) is True


def test_a_bucket_alone_is_reported_with_the_command_that_removes_it(
    context: Context, stage: Stage, bucket: Any
) -> None:
    bucket()
    with pytest.raises(OperatorError, match=f"table {stage.table} does not") as caught:
        is_kept(context)
    assert f"aws s3 rb s3://{stage.bucket}" in caught.value.hint


def test_a_table_alone_is_reported_with_the_command_that_removes_it(context: Context, stage: Stage, table: Any) -> None:
    table()
    with pytest.raises(OperatorError, match=f"bucket {stage.bucket} does not") as caught:
        is_kept(context)
    assert "aws dynamodb delete-table" in caught.value.hint


def test_a_table_with_other_keys_is_not_used(context: Context, bucket: Any, table: Any) -> None:
    bucket()
    table({"id": "HASH"})
    with pytest.raises(OperatorError, match="not storygate's: its keys are id"):
        is_kept(context)


def test_a_bucket_without_versions_is_not_used(context: Context, bucket: Any, table: Any) -> None:
    bucket(versioning=None)
    table()
    with pytest.raises(OperatorError, match="keeps no versions") as caught:
        is_kept(context)
    assert "put-bucket-versioning" in caught.value.hint


def test_a_kept_table_of_before_gets_its_index_and_protection_once(
    context: Context, stage: Stage, table: Any, screen: Screen
) -> None:
    dynamodb = context.client("dynamodb")
    table()
    assert update_table(dynamodb, stage.table, screen.terminal) is True
    described = dynamodb.describe_table(TableName=stage.table)["Table"]
    assert described["DeletionProtectionEnabled"] is True
    (index,) = described["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == (INDEX, {"ProjectionType": "KEYS_ONLY"})
    assert {key["AttributeName"]: key["KeyType"] for key in index["KeySchema"]} == INDEX_KEYS
    assert update_table(dynamodb, stage.table, screen.terminal) is False


def test_an_index_that_an_interrupted_deploy_began_is_awaited_within_bounds(
    context: Context, stage: Stage, screen: Screen
) -> None:
    creating = {"TableStatus": "ACTIVE", "DeletionProtectionEnabled": True}
    creating |= {"GlobalSecondaryIndexes": [{"IndexName": INDEX, "IndexStatus": "CREATING"}]}
    ready = {**creating, "GlobalSecondaryIndexes": [{"IndexName": INDEX, "IndexStatus": "ACTIVE"}]}
    dynamodb = context.client("dynamodb")
    with Stubber(dynamodb) as stubber:  # which also notices an UpdateTable
        for described in (creating, ready, creating):
            stubber.add_response("describe_table", {"Table": described})
        assert update_table(dynamodb, stage.table, screen.terminal) is False
        with pytest.raises(OutOfPatience, match="waiting is CREATING") as caught:
            update_table(dynamodb, stage.table, screen.terminal, patience=0)
    assert "Run this again" in caught.value.hint
