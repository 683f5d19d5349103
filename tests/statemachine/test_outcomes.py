"""The six outcomes: the path of each, and what it writes."""

from sfnx.testing import Failure

from tests.statemachine.machine import (
    APPROVED,
    CALL,
    DECIDED,
    FIND,
    NOT_APPROVED,
    REJECTED,
    VERDICT,
    WAITED,
    http,
    play,
    refused_for,
    stored,
)

SUCCEEDED = {"status": "success", "statusCode": 200, "attempts": 1, "response": {"status": "success"}, "error": None}
APIS = {"validation": SUCCEEDED, "deployment": SUCCEEDED, "notification": SUCCEEDED}


def test_an_approved_story_ends_green_and_names_its_result() -> None:
    done = play()
    assert done.states == (*DECIDED, *APPROVED)
    assert done.output == {"outcome": "approved", "result": "s3://the-bucket/outputs/execution/result.json"}
    assert done.ending == ("approved", "PROJ-1 was approved by Ada: ship it.")


def test_a_result_holds_the_whole_run() -> None:
    request = {"jiraStoryId": "PROJ-1", "packageIds": ["pkg-1", "pkg-2"], "metadata": {"environment": "production"}}
    (write,) = play(request).made_by("WriteApprovedResult")
    assert write == {
        "Bucket": "the-bucket",
        "Key": "outputs/execution/result.json",
        "ContentType": "application/json",
        "Body": {
            "execution": "execution",
            **request,
            "outcome": "approved",
            "reason": "PROJ-1 was approved by Ada: ship it.",
            "startedBy": None,
            "apis": APIS,
            "decision": VERDICT,
            "startedAt": "2026-03-01T12:00:00.000Z",
            "finishedAt": write["Body"]["finishedAt"],
        },
    }
    assert write["Body"]["finishedAt"] > write["Body"]["startedAt"]


def test_a_log_tells_the_run_in_order() -> None:
    (write,) = play({"bucket": "drops", "key": "inputs/x.json"}, s3=stored({"jiraStoryId": "P-1", "packageIds": ["a"]})
                    ).made_by("WriteApprovedLog")  # fmt: skip
    assert {name: value for name, value in write.items() if name != "Body"} == {
        "Bucket": "the-bucket",
        "Key": "logs/execution/execution.json",
        "ContentType": "application/json",
    }
    assert set(write["Body"]) == {"execution", "events"}
    events = write["Body"]["events"]
    assert [(event["step"], event["message"]) for event in events] == [
        ("started", "The run started with an input in S3."),
        ("input", "Read s3://drops/inputs/x.json."),
        ("validation", "The API succeeded at attempt 1 with HTTP 200."),
        ("deployment", "The API succeeded at attempt 1 with HTTP 200."),
        ("notification", "The API succeeded at attempt 1 with HTTP 200."),
        ("waiting", "Waiting for P-1, at most 604800 seconds."),
        ("approved", "P-1 was approved by Ada: ship it."),
    ]
    assert [event["at"] for event in events] == sorted({event["at"] for event in events})
    assert all(set(event) == {"at", "step", "message"} for event in events)


def test_a_rejected_story_ends_red() -> None:
    verdict = REJECTED | {"status": "Won't Do", "message": None}
    done = play(wait=verdict)
    assert done.states == (*DECIDED, *NOT_APPROVED)
    assert done.ending == ("rejected", "PROJ-1 was rejected by Ada.")
    assert done.result["decision"] == verdict


def test_a_story_without_a_verdict_times_out() -> None:
    done = play({"jiraStoryId": "PROJ-1", "packageIds": ["a"], "timeoutSeconds": 90}, wait=Failure("States.Timeout"))
    assert done.states == (*WAITED, *NOT_APPROVED)
    assert done.ending == ("timed_out", "PROJ-1 was neither approved nor rejected within 90 seconds.")
    assert done.result["decision"] is None


def test_a_failed_api_ends_the_run_before_the_wait() -> None:
    done = play(deployment=http({"status": "failed"}))
    assert done.states == ("FindInput", "InputIsValid", *CALL, *NOT_APPROVED)
    assert done.ending == (
        "api_failed",
        'The deployment API failed: the answer does not say "status": "success".',
    )
    assert done.result["decision"] is None


def test_an_invalid_input_calls_nothing() -> None:
    done = play({"bucket": "drops", "key": "inputs/x.json"}, s3=stored({"jiraStoryId": "P-1"}))
    assert done.states == (*FIND, *refused_for(1), *NOT_APPROVED)
    assert done.ending[0] == "invalid_input"
    assert (done.result["jiraStoryId"], done.result["packageIds"], done.result["metadata"]) == ("P-1", [], {})
    assert (done.result["apis"], done.result["decision"]) == ({}, None)


def test_a_broken_wait_is_an_error() -> None:
    done = play(wait=Failure("DynamoDb.ResourceNotFoundException", "no such table"))
    assert done.states == (*WAITED, *NOT_APPROVED)
    assert done.ending == (
        "error",
        "WaitForStory failed: DynamoDb.ResourceNotFoundException: no such table",
    )
    assert done.result["apis"] == APIS
