"""The request of a run is found again, in the very version the run read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storygate.runs.inputs import drop, pinned, story_of
from storygate.stage.aws import Aws
from storygate.support.errors import OperatorError

BUCKET = "inputs-of-tests"


@pytest.fixture
def s3(aws: Aws) -> Any:
    client = aws.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


def described(given: Any, *, started: Any = None) -> dict[str, Any]:
    return {"input": json.dumps(given), "startDate": started or datetime.now(UTC) + timedelta(seconds=2)}


def request(story: str) -> Any:
    return json.dumps({"jiraStoryId": story, "packageIds": ["a"]}).encode()


def test_an_inline_request_is_its_own_input(s3: Any) -> None:
    given = {"jiraStoryId": "PROJ-1", "packageIds": ["a"], "key": "not/a/file"}
    assert json.loads(pinned(s3, BUCKET, described(given))) == given
    assert story_of(s3, BUCKET, json.dumps(given)) == "PROJ-1"


def test_a_dropped_input_keeps_its_version_whatever_came_later(s3: Any) -> None:
    first = drop(s3, BUCKET, "a.json", request("PROJ-1"))
    drop(s3, BUCKET, "a.json", request("PROJ-2"))
    given = {"bucket": BUCKET, "key": first.key, "versionId": first.version}
    assert json.loads(pinned(s3, BUCKET, described(given))) == given
    assert story_of(s3, BUCKET, json.dumps(given)) == "PROJ-1"


def test_an_input_file_without_a_version_is_pinned_to_the_one_of_its_time(s3: Any) -> None:
    first = drop(s3, BUCKET, "a.json", request("PROJ-1"))
    drop(s3, BUCKET, "a.json.old.json", request("PROJ-9"))
    again = json.loads(pinned(s3, BUCKET, described({"inputFile": "inputs/a.json"})))
    assert again == {"bucket": BUCKET, "key": "inputs/a.json", "versionId": first.version}
    long_ago = described({"inputFile": "inputs/a.json"}, started=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(OperatorError, match="no longer has its content of 2020-01-01"):
        pinned(s3, BUCKET, long_ago)


def test_a_version_that_is_gone_is_said_to_be(s3: Any) -> None:
    first = drop(s3, BUCKET, "a.json", request("PROJ-1"))
    s3.delete_object(Bucket=BUCKET, Key=first.key, VersionId=first.version)
    given = {"bucket": BUCKET, "key": first.key, "versionId": first.version}
    with pytest.raises(OperatorError, match=f"no longer has version {first.version}"):
        pinned(s3, BUCKET, described(given))
    assert story_of(s3, BUCKET, json.dumps(given)) is None


@pytest.mark.parametrize(
    ("given", "story"),
    [
        ('{"jiraStoryId": "  proj-1 "}', "PROJ-1"),
        ('{"jiraStoryId": ""}', None),
        ('\ufeff{"jiraStoryId": "P-1"}', "P-1"),
        ('{"jiraStoryId": 7}', None),
        ('{"inputFile": "inputs/none.json"}', None),
        ('{"key": ""}', None),
        ("[1]", None),
        ("not JSON", None),
        (None, None),
    ],
)
def test_the_story_is_the_one_the_workflow_reads_or_none(s3: Any, given: Any, story: str) -> None:
    assert story_of(s3, BUCKET, given) == story
