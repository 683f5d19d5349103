"""SDK integrations in the local Step Functions do what AWS's do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.gaps.registry import filled
from localcloud.gaps.stepfunctions.errors import java_name
from tests.localcloud.stepfunctions_cloud import Cloud, states, task


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


def put(cloud: Cloud, item: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    return task("aws-sdk:dynamodb:putItem", {"TableName": cloud.table, "Item": item, **arguments})


@pytest.mark.parametrize(
    ("botocore", "java"),
    [
        ("DynamoDB", "DynamoDb"),
        ("BOOL", "Bool"),
        ("SS", "Ss"),
        ("SSEKMSKeyId", "SsekmsKeyId"),
        ("ETag", "ETag"),
        ("S3", "S3"),
        ("TransactionCanceledException", "TransactionCanceledException"),
    ],
)
def test_names_are_cased_as_in_the_java_sdk(botocore: str, java: str) -> None:
    assert java_name(botocore) == java


def test_an_object_is_written_to_s3_as_json_and_read_as_a_string(cloud: Cloud) -> None:
    where = {"Bucket": cloud.bucket, "Key": "results/é.json"}
    body = {"text": '{% "é" & $states.input.quote %}', "list": [1, None]}
    write = task("aws-sdk:s3:putObject", {**where, "Body": body, "ContentType": "application/json"}, Next="B")
    result = cloud.output(states(A=write, B=task("aws-sdk:s3:getObject", where)), {"quote": '"'})
    assert json.loads(result["Body"]) == {"text": 'é"', "list": [1, None]}
    assert result["ContentType"] == "application/json"
    assert result["LastModified"].endswith("Z")


def test_a_string_is_written_to_s3_with_quotes_around_it(cloud: Cloud) -> None:
    where = {"Bucket": cloud.bucket, "Key": "string"}
    cloud.output(states(A=task("aws-sdk:s3:putObject", {**where, "Body": "{% 'text' %}"})))
    assert cloud.s3.get_object(**where)["Body"].read() == b'"text"'


def test_a_result_of_dynamodb_tells_the_capacity_only_if_asked(cloud: Cloud) -> None:
    put = {"Put": {"TableName": cloud.table, "Item": {"id": {"S": "capacity"}}}}
    plain = task("aws-sdk:dynamodb:transactWriteItems", {"TransactItems": [put]})
    assert cloud.output(states(A=plain)) == {}
    asked = task("aws-sdk:dynamodb:transactWriteItems", {"TransactItems": [put], "ReturnConsumedCapacity": "TOTAL"})
    assert "ConsumedCapacity" in cloud.output(states(A=asked))


def test_an_object_is_read_in_the_version_asked_for(cloud: Cloud) -> None:
    bucket = f"versions-{cloud.port}"
    cloud.s3.create_bucket(Bucket=bucket)
    cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first, _ = (cloud.s3.put_object(Bucket=bucket, Key="k", Body=text)["VersionId"] for text in (b"one", b"two"))
    read = task("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "k", "VersionId": "{% $states.input.version %}"})
    assert cloud.output(states(A=read), {"version": first})["Body"] == "one"


def test_an_object_over_256_kib_exceeds_the_data_limit(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=cloud.bucket, Key="large", Body=b"x" * (256 * 1024 + 1))
    for caught_by in ("States.DataLimitExceeded", "States.ALL"):
        catch = [{"ErrorEquals": [caught_by], "Output": "{% $states.errorOutput.Error %}", "Next": "B"}]
        read = task("aws-sdk:s3:getObject", {"Bucket": cloud.bucket, "Key": "large"}, Catch=catch)
        assert cloud.output(states(A=read, B={"Type": "Succeed"})) == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("action", "bucket", "error"),
    [
        ("getObject", None, "S3.NoSuchKeyException"),
        ("getObject", "no-such-bucket", "S3.NoSuchBucketException"),
        ("getBucketPolicy", None, "S3.S3Exception"),  # NoSuchBucketPolicy is not in the service's model.
    ],
)
def test_errors_of_s3_have_aws_names(cloud: Cloud, action: str, bucket: str | None, error: str) -> None:
    arguments = {"Bucket": bucket or cloud.bucket, **({"Key": "missing"} if action == "getObject" else {})}
    assert cloud.run(states(A=task(f"aws-sdk:s3:{action}", arguments)))["error"] == error


def test_attribute_values_are_spelled_as_in_the_java_sdk(cloud: Cloud) -> None:
    item = {
        "id": {"S": "spelling"},
        "yes": {"Bool": True},
        "set": {"Ss": ["a"]},
        "map": {"M": {"list": {"L": [{"N": "1"}, {"Nul": True}]}}},
    }
    get = task("aws-sdk:dynamodb:getItem", {"TableName": cloud.table, "Key": {"id": {"S": "spelling"}}})
    get["Arguments"]["ConsistentRead"] = True
    write = {**put(cloud, item), "Next": "B"}
    del write["End"]
    assert cloud.output(states(A=write, B=get)) == {"Item": item}


def test_an_item_that_is_not_there_is_absent_from_the_result(cloud: Cloud) -> None:
    get = task("aws-sdk:dynamodb:getItem", {"TableName": cloud.table, "Key": {"id": {"S": "nobody"}}})
    get["Output"] = "{% $exists($states.result.Item) %}"
    assert cloud.output(states(A=get)) is False


def test_a_failed_condition_and_a_cancelled_transaction_have_aws_names_and_tell_why(cloud: Cloud) -> None:
    item = {"id": {"S": "taken"}}
    condition = {"ConditionExpression": "attribute_not_exists(#id)", "ExpressionAttributeNames": {"#id": "id"}}
    cloud.dynamodb.put_item(TableName=cloud.table, Item=item)
    ended = cloud.run(states(A=put(cloud, item, **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD")))
    assert ended["error"] == "DynamoDb.ConditionalCheckFailedException"

    entries = [
        {"Put": {"TableName": cloud.table, "Item": {"id": {"S": "free"}}}},
        {"ConditionCheck": {"TableName": cloud.table, "Key": item, **condition}},
    ]
    ended = cloud.run(states(A=task("aws-sdk:dynamodb:transactWriteItems", {"TransactItems": entries})))
    assert ended["error"] == "DynamoDb.TransactionCanceledException"
    assert "[None, ConditionalCheckFailed]" in ended["cause"]
    assert "Service: DynamoDb, Status Code: 400" in ended["cause"]


@pytest.mark.parametrize(
    "state",
    [
        task("aws-sdk:dynamodb:getItem", {"TableNme": "misspelled"}),
        task("aws-sdk:dynamodb:getThing", {}),
        {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:listTables", "End": True},
        task("aws-sdk:dynamodb:${Action}", {}),
    ],
)
def test_what_aws_refuses_is_refused_when_the_machine_is_saved(cloud: Cloud, state: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.machine(states(A=state))
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


def test_the_spelling_of_botocore_fails(cloud: Cloud) -> None:
    ended = cloud.run(states(A=put(cloud, {"id": {"S": "x"}, "yes": {"BOOL": True}})))
    assert ended["error"] == "States.Runtime"
    assert "'BOOL' is not supported" in ended["cause"]
