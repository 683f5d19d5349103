"""The optional fourth API: an approval calls it with `release`, a rejection or a timeout with `rollback`."""

import re
from typing import Any

import pytest
from sfnx.testing import Failure

from tests.statemachine.machine import (
    APPROVED,
    CANCELLED,
    DECIDED,
    MACHINE,
    NOT_APPROVED,
    REJECTED,
    REQUEST,
    SUCCESS,
    VERDICT,
    WAITED,
    InTurn,
    Run,
    http,
    machine,
    play,
    refused,
    story,
)

RELEASING = machine(
    ReleaseUrl="https://apis.example/release", ReleaseConnection="arn:release-connection", RollbackOn="States.Timeout"
)
TIMEOUT = Failure("States.Timeout", "")
FAILURES = [
    (http({"status": "failed"}), 200, 1, 'the answer does not say "status": "success"'),
    (http(None), 200, 1, 'the answer does not say "status": "success"'),
    (refused(500), 500, 1, "States.Http.StatusCode.500: it did not work"),
    (refused(503), 503, 4, "States.Http.StatusCode.503: it did not work"),
    (refused(429), 429, 7, "States.Http.StatusCode.429: it did not work"),
    (Failure("States.Http.Socket", "gone"), None, 4, "States.Http.Socket: gone"),
    (Failure("Events.ConnectionResource.AccessDenied", "no"), None, 1, "Events.ConnectionResource.AccessDenied: no"),
    (Failure("States.Http.StatusCode.odd", "no"), None, 1, "States.Http.StatusCode.odd: no"),
    (http('{"status": "success"'), None, 1, None),  # broken JSON: an error of the expression
]
failures = pytest.mark.parametrize(("answer", "status", "attempts", "error"), FAILURES)


def releasing(**answers: object) -> Run:
    return play(REQUEST | {"metadata": {"environment": "production"}}, machine=RELEASING, **answers)


def request(action: str, decision: Any) -> dict[str, Any]:
    return {
        "ApiEndpoint": "https://apis.example/release",
        "Method": "POST",
        "InvocationConfig": {"ConnectionArn": "arn:release-connection"},
        "Headers": {
            "Content-Type": "application/json",
            "Idempotency-Key": "execution-release",
            "X-Attempt": "0",
        },
        "RequestBody": {
            "jiraStoryId": "PROJ-1",
            "packageIds": ["pkg-1"],
            "metadata": {"environment": "production"},
            "action": action,
            "decision": decision,
        },
    }


def event(done: Run, step: str) -> str:
    (message,) = [event["message"] for event in done.log["events"] if event["step"] == step]
    return str(message)


def checked(done: Run, status: Any, attempts: int, error: str | None) -> str:
    """Check how a failed call is recorded; return its error."""
    kept = done.result["apis"]["release"]
    assert (kept["status"], kept["statusCode"], kept["attempts"]) == ("failed", status, attempts)
    assert error is None or kept["error"] == error
    assert list(done.result["apis"]) == ["validation", "deployment", "notification", "release"]
    return str(kept["error"])


def test_an_approved_run_releases_and_ends_green() -> None:
    done = releasing()
    assert done.states == (*DECIDED, "CallRelease", "ReleaseEnded", *APPROVED)
    assert done.made_by("CallRelease") == [request("release", VERDICT)]
    assert done.ending == ("approved", "PROJ-1 was approved by Ada: ship it.")
    assert done.result["apis"]["release"] == {
        "status": "success", "statusCode": 200, "attempts": 1, "response": {"status": "success"}, "error": None,
    }  # fmt: skip
    assert event(done, "release") == "The API succeeded at attempt 1 with HTTP 200."


def test_a_release_that_succeeds_at_last_has_succeeded() -> None:
    done = releasing(release=InTurn(refused(503), Failure("States.Http.Socket"), SUCCESS))
    assert [call["Headers"]["X-Attempt"] for call in done.made_by("CallRelease")] == ["0", "1", "2"]
    assert done.ending[0] == "approved"
    assert done.result["apis"]["release"]["attempts"] == 3


def test_an_approval_before_the_wait_releases_too() -> None:
    done = releasing(wait=CANCELLED, story=story(**VERDICT))
    assert done.states == (*WAITED, "ReadVerdict", "VerdictCounts", "CallRelease", "ReleaseEnded", *APPROVED)
    assert done.made_by("CallRelease") == [request("release", VERDICT)]


@failures
def test_a_failed_release_is_red_and_says_what_to_do(answer: Any, status: Any, attempts: int, error: Any) -> None:
    done = releasing(release=answer)
    assert done.states == (*DECIDED, *["CallRelease"], "ReleaseEnded", *NOT_APPROVED)
    assert len(done.made_by("CallRelease")) == attempts
    told = checked(done, status, attempts, error)
    assert done.ending == (
        "release_failed",
        f"PROJ-1 was approved by Ada: ship it, but the release API failed: {told}. Look there whether it released the "
        "packages, then retry the run: a retry needs a new approval.",
    )
    assert done.result["decision"] == VERDICT
    assert event(done, "release").endswith(told)
    assert "CallRollback" not in done.states


@pytest.mark.parametrize(
    ("wait", "outcome", "decision"), [(REJECTED, "rejected", REJECTED), (TIMEOUT, "timed_out", None)]
)
def test_a_run_that_is_not_approved_rolls_back(wait: Any, outcome: str, decision: Any) -> None:
    done = releasing(wait=wait)
    before = DECIDED if outcome == "rejected" else WAITED
    assert done.states == (*before, "CallRollback", "ReleaseEnded", *NOT_APPROVED)
    assert done.made_by("CallRollback") == [request("rollback", decision)]
    assert done.ending == (outcome, play(wait=wait).ending[1])
    assert done.result["apis"]["release"]["status"] == "success"
    assert event(done, "rollback") == "The API succeeded at attempt 1 with HTTP 200."


@failures
@pytest.mark.parametrize(("wait", "outcome"), [(REJECTED, "rejected"), (TIMEOUT, "timed_out")])
def test_a_failed_rollback_is_recorded_and_the_outcome_stays(
    wait: Any, outcome: str, answer: Any, status: Any, attempts: int, error: Any
) -> None:
    done = releasing(wait=wait, release=answer)
    assert done.states[-6:] == ("CallRollback", "ReleaseEnded", "RollbackFailed", *NOT_APPROVED)
    told = checked(done, status, attempts, error)
    reason = play(wait=wait).ending[1].removesuffix(".")
    assert done.ending == (
        outcome,
        f"{reason}, but the rollback failed, and the deployment is still there: {told}.",
    )
    assert event(done, "rollback").endswith(told)


@pytest.mark.parametrize(
    "answers",
    [
        {"validation": refused(500)},
        {"deployment": refused(500)},
        {"wait": Failure("DynamoDb.ResourceNotFoundException", "no such table")},
        {"wait": {"decision": "pending"}},
        {"wait": CANCELLED, "story": {}},
    ],
)
def test_a_run_that_no_verdict_and_no_timeout_ends_calls_nothing_more(answers: Any) -> None:
    done = releasing(**answers)
    assert not {"CallRelease", "CallRollback"} & set(done.states)
    assert "release" not in done.result["apis"]


@pytest.mark.parametrize("wait", [VERDICT, REJECTED, TIMEOUT])
def test_a_stage_without_a_release_api_takes_not_one_state_more(wait: Any) -> None:
    done = play(wait=wait)
    assert not [state for state in done.states if re.search("Release|Rollback", state)]
    assert "release" not in done.result["apis"]


@pytest.mark.parametrize(("wait", "without", "with_it"), [(VERDICT, 12, 14), (REJECTED, 13, 15), (TIMEOUT, 12, 14)])
def test_a_run_from_a_drop_takes_two_transitions_more_with_a_release_api(wait: Any, without: int, with_it: int) -> None:
    given = {"key": "inputs/x.json"}
    kept = {"Body": '{"jiraStoryId": "PROJ-1", "packageIds": ["pkg-1"]}'}
    assert len(play(given, MACHINE, s3=kept, wait=wait).states) == without
    assert len(play(given, RELEASING, s3=kept, wait=wait).states) == with_it


def test_a_long_answer_of_a_release_is_replaced_by_a_note_and_the_result_is_written() -> None:
    done = releasing(release=http({"status": "success", "text": "x" * 200_000}))
    assert done.ending[0] == "approved"
    assert done.result["apis"]["release"]["response"].endswith("characters, too long to keep")
