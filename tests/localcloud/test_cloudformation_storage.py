"""Buckets, their policies, and tables have the settings of their stacks, also after an update."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import Bare
from tests.localcloud.templates import Deploy, template


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


def test_a_standing_table_gets_one_index_an_update_and_its_protection(cloud: LocalCloud, stack: Deploy) -> None:
    dynamodb = cloud.client("dynamodb")

    def named(name: str) -> dict[str, Any]:
        keys = [{"AttributeName": "story", "KeyType": "HASH"}, {"AttributeName": "startedAt", "KeyType": "RANGE"}]
        return {"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "KEYS_ONLY"}}

    def waiting() -> list[Any]:
        return list(dynamodb.scan(TableName="standing", IndexName="waiting")["Items"])

    properties: dict[str, Any] = {
        "TableName": "standing",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "story", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("story", "entry")],
    }
    stack(template(Table=("AWS::DynamoDB::Table", properties)))
    keys = {"story": {"S": "PROJ-1"}, "startedAt": {"S": "2026-01-01T00:00:00.000Z"}}
    dynamodb.put_item(TableName="standing", Item={**keys, "entry": {"S": "WAIT#run"}, "taskToken": {"S": "secret"}})
    dynamodb.put_item(TableName="standing", Item={"story": {"S": "PROJ-1"}, "entry": {"S": "STORY"}})

    properties["AttributeDefinitions"].append({"AttributeName": "startedAt", "AttributeType": "S"})
    properties |= {"GlobalSecondaryIndexes": [named("waiting")], "DeletionProtectionEnabled": True}
    stack(template(Table=("AWS::DynamoDB::Table", properties)))
    assert waiting() == [{**keys, "entry": {"S": "WAIT#run"}}], "entries of before are in it, and no token is"
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        dynamodb.delete_table(TableName="standing")

    properties |= {"GlobalSecondaryIndexes": [named("one"), named("two")], "DeletionProtectionEnabled": False}
    with pytest.raises(AssertionError, match="UPDATE_FAILED"):
        stack(template(Table=("AWS::DynamoDB::Table", properties)))
    dynamodb.update_table(TableName="standing", DeletionProtectionEnabled=False)


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
