"""Where a run finds its request: in S3, as the trigger or an operator names it, or in the execution's own input."""

import json
from typing import Any

import pytest
from sfnx.testing import Failure

from tests.statemachine.machine import FIND, NOT_APPROVED, REQUEST, play, refused_for, stored

NAMED = {"bucket": "drops", "key": "inputs/x.json"}


@pytest.mark.parametrize(
    ("execution_input", "read"),
    [
        (NAMED, {"Bucket": "drops", "Key": "inputs/x.json"}),
        (
            NAMED | {"versionId": "v7"},
            {"Bucket": "drops", "Key": "inputs/x.json", "VersionId": "v7"},
        ),
        ({"inputFile": "inputs/x.json"}, {"Bucket": "the-bucket", "Key": "inputs/x.json"}),
        ({"key": "inputs/x.json"}, {"Bucket": "the-bucket", "Key": "inputs/x.json"}),
        (
            {"bucket": None, "key": "inputs/x.json", "versionId": None},
            {"Bucket": "the-bucket", "Key": "inputs/x.json"},
        ),
        (NAMED | {"inputFile": "inputs/y.json"}, {"Bucket": "drops", "Key": "inputs/y.json"}),
        (
            {"inputFile": "inputs/ü \"'{% 1 %}.json"},
            {"Bucket": "the-bucket", "Key": "inputs/ü \"'{% 1 %}.json"},
        ),
    ],
)
def test_the_named_object_is_read(execution_input: Any, read: Any) -> None:
    done = play(execution_input, s3=stored(REQUEST))
    assert done.states[:3] == (*FIND, "InputIsValid")
    assert done.made_by("ReadInput") == [read]
    assert done.ending[0] == "approved"


def test_a_request_as_execution_input_reads_nothing() -> None:
    done = play(REQUEST)
    assert done.states[:2] == ("FindInput", "InputIsValid")
    assert done.made_by("ReadInput") == []
    assert done.log["events"][0]["message"] == "The run started with its request as input."


@pytest.mark.parametrize("beside", [NAMED, {"inputFile": "inputs/x.json"}, {"startedBy": "me"}, {"droppedAt": "now"}])
def test_a_request_that_also_names_a_file_is_refused_and_reads_nothing(beside: Any) -> None:
    done = play(REQUEST | beside)
    assert done.states == ("FindInput", *refused_for(1), *NOT_APPROVED)
    assert f"(unknown: {', '.join(beside)})" in done.ending[1]


@pytest.mark.parametrize("unusable", [None, "", 7, [], ["inputs/x.json"], {}])
@pytest.mark.parametrize("name", ["key", "inputFile"])
def test_a_file_name_that_is_none_is_an_invalid_request(name: str, unusable: Any) -> None:
    done = play({"bucket": "drops", name: unusable})
    assert done.states == ("FindInput", *refused_for(3), *NOT_APPROVED)
    assert done.ending[0] == "invalid_input"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            Failure("S3.NoSuchKeyException", "gone"),
            "There is no s3://drops/inputs/x.json: upload it, or correct the key.",
        ),
        (
            Failure("S3.NoSuchBucketException", "gone"),
            "There is no s3://drops/inputs/x.json: upload it, or correct the key.",
        ),
        (
            Failure("States.DataLimitExceeded", "too big"),
            "s3://drops/inputs/x.json is larger than 256 KiB: shorten its metadata and drop it again.",
        ),
        (stored("{'jiraStoryId'"), "s3://drops/inputs/x.json is not JSON: correct the file and drop it again."),
        (stored(""), "s3://drops/inputs/x.json is not JSON: correct the file and drop it again."),
        (stored("\ufeff"), "s3://drops/inputs/x.json is not JSON: correct the file and drop it again."),
        (stored("\ufeff\ufeff{}"), "s3://drops/inputs/x.json is not JSON: correct the file and drop it again."),
        ({"ContentLength": 0}, "s3://drops/inputs/x.json is not JSON: correct the file and drop it again."),
    ],
)
def test_an_object_that_cannot_be_used_is_an_invalid_input(answer: Any, reason: str) -> None:
    done = play(NAMED, s3=answer)
    assert done.states == (*FIND, *NOT_APPROVED)
    assert len(done.made_by("ReadInput")) == 1
    assert done.ending == ("invalid_input", reason)
    assert (done.result["jiraStoryId"], done.result["packageIds"], done.result["metadata"]) == (None, [], {})


def test_a_byte_order_mark_is_read_over() -> None:
    done = play(NAMED, s3=stored("\ufeff" + json.dumps(REQUEST)))
    assert done.ending[0] == "approved"
    assert done.result["jiraStoryId"] == "PROJ-1"


@pytest.mark.parametrize("content", [None, True, 7, "text", [], [REQUEST, REQUEST], {}])
def test_a_file_that_holds_no_request_is_checked_like_one(content: Any) -> None:
    done = play(NAMED, s3=stored(content if not isinstance(content, str) else f'"{content}"'))
    problems = 2 if content in ({}, [REQUEST, REQUEST]) else 3
    assert done.states == (*FIND, *refused_for(problems), *NOT_APPROVED)
    assert done.ending[0] == "invalid_input"


@pytest.mark.parametrize("error", ["S3.S3Exception", "S3.SdkClientException"])
def test_s3_is_asked_again_and_then_the_run_is_an_error(error: str) -> None:
    done = play(NAMED, s3=Failure(error, "slow down"))
    assert len(done.made_by("ReadInput")) == 6
    assert done.ending == ("error", f"ReadInput failed: {error}: slow down")


def test_a_read_that_fails_for_another_reason_is_an_error_at_once() -> None:
    done = play(NAMED, s3=Failure("S3.InvalidObjectStateException", "archived" * 100))
    assert done.states == (*FIND, *NOT_APPROVED)
    assert len(done.made_by("ReadInput")) == 1
    outcome, reason = done.ending
    assert outcome == "error"
    assert reason.startswith("ReadInput failed: S3.InvalidObjectStateException: archived")
    assert len(reason) < 600
