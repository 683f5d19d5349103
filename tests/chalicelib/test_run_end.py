"""How a run ended, by its status event, its result, and what it was asked to do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.jira_tell import End
from chalicelib.run_end import end_of
from tests.chalicelib.fakes import client

BUCKET = "drop-box"
ARN = "arn:aws:states:eu-central-1:123456789012:execution:gate:run-1"
REQUEST = {"jiraStoryId": "PROJ-1", "packageIds": ["pkg-001"], "metadata": {"environment": "production"}}
RESULT = REQUEST | {"outcome": "approved", "reason": "PROJ-1 was approved by Ada."}
EVENT = {"executionArn": ARN, "name": "run-1", "status": "SUCCEEDED", "stopDate": 1_767_268_800_123, "input": "{}"}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        s3 = client("s3")
        where = {"LocationConstraint": "eu-central-1"}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        yield s3


def put(s3: Any, key: str, body: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body if isinstance(body, bytes) else json.dumps(body).encode())


def test_the_result_says_how_a_run_ended(s3: Any) -> None:
    put(s3, "outputs/run-1/result.json", RESULT)
    at = "2026-01-01T12:00:00.123Z"
    assert end_of(EVENT, s3, BUCKET) == End(ARN, "PROJ-1", "approved", "PROJ-1 was approved by Ada.", at, RESULT)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (REQUEST, None),
        ({"bucket": BUCKET, "key": "inputs/a.json"}, REQUEST),
        ({"inputFile": "inputs/a.json"}, REQUEST),
        ({"inputFile": "inputs/a.json"}, b"\xef\xbb\xbf" + json.dumps(REQUEST | {"jiraStoryId": " proj-1 "}).encode()),
    ],
)
def test_a_stopped_run_has_no_result_so_its_input_names_the_story(s3: Any, given: Any, stored: Any) -> None:
    if stored:
        put(s3, "inputs/a.json", stored)
    stopped = EVENT | {"status": "ABORTED", "input": json.dumps(given), "cause": "cancelled by ann"}
    end = end_of(stopped, s3, BUCKET)
    assert end
    assert (end.story, end.outcome, end.reason) == ("PROJ-1", "aborted", "cancelled by ann")
    assert end.request["packageIds"] == ["pkg-001"]
    without = end_of(stopped | {"cause": None}, s3, BUCKET)
    assert without
    assert without.reason == "It was stopped from outside."


@pytest.mark.parametrize(("status", "outcome"), [("TIMED_OUT", "timed_out"), ("FAILED", "error")])
def test_a_run_that_ended_without_a_result_is_named_by_its_status(s3: Any, status: str, outcome: str) -> None:
    end = end_of(EVENT | {"status": status, "input": json.dumps(REQUEST)}, s3, BUCKET)
    assert end
    assert end.outcome == outcome


@pytest.mark.parametrize(
    "event",
    [
        EVENT | {"status": "RUNNING"},
        EVENT | {"status": "ABORTED", "input": json.dumps(REQUEST), "name": "storygate-smoke-approved-1"},
        EVENT | {"status": "ABORTED"},
        EVENT | {"status": "ABORTED", "input": None},  # left out of the event, since it is too long
        EVENT | {"status": "ABORTED", "input": "[" * 100_000},
        EVENT | {"status": "ABORTED", "input": json.dumps({"key": 5})},
        EVENT | {"status": "ABORTED", "input": json.dumps({"inputFile": "inputs/missing.json"})},
        EVENT | {"status": "ABORTED", "input": json.dumps(REQUEST | {"jiraStoryId": "12345"})},
    ],
)
def test_a_run_that_goes_on_or_has_no_story_has_no_end_to_tell(s3: Any, event: Any) -> None:
    assert end_of(event, s3, BUCKET) is None


def test_a_run_with_an_invalid_input_asked_nobody(s3: Any) -> None:
    put(s3, "outputs/run-1/result.json", RESULT | {"outcome": "invalid_input"})
    assert end_of(EVENT, s3, BUCKET) is None


def test_an_event_without_a_time_is_older_than_every_other_one(s3: Any) -> None:
    put(s3, "outputs/run-1/result.json", RESULT)
    end = end_of(EVENT | {"stopDate": None}, s3, BUCKET)
    assert end
    assert end.at == "1970-01-01T00:00:00.000Z"
