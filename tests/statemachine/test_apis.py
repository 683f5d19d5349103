"""The three calls: what is sent, what is sent again, and what a failure does to the run."""

from typing import Any

import pytest
from sfnx.testing import Failure

from chalicelib.apis import ACTIONS
from tests.statemachine.machine import (
    APPROVED,
    CALL,
    DECIDED,
    NOT_APPROVED,
    SUCCESS,
    InTurn,
    all_states,
    each_api,
    http,
    play,
    refused,
)

BUSY = "States.Http.StatusCode.429"
RETRIED = {
    **{f"States.Http.StatusCode.{status}": 3 for status in (502, 503, 504)},
    "States.Http.Socket": 3,
    BUSY: 6,
}  # and how often


def state(api: str) -> str:
    return f"Call{api.capitalize()}"


def around(api: str) -> tuple[str, ...]:
    """Return the states of the parallel calls when this one gives up."""
    return tuple(s for name in CALL for s in ((name, f"{api.capitalize()}GaveUp") if name == state(api) else (name,)))


@each_api
def test_a_call_says_which_action_for_which_packages(api: str) -> None:
    request = {"jiraStoryId": "PROJ-1", "packageIds": ["pkg-1"], "metadata": {"environment": "production"}}
    assert play(request).made_by(state(api)) == [
        {
            "ApiEndpoint": f"https://apis.example/{api}",
            "Method": "POST",
            "InvocationConfig": {"ConnectionArn": f"arn:{api}-connection"},
            "Headers": {
                "Content-Type": "application/json",
                "Idempotency-Key": f"execution-{api}",
                "X-Attempt": "0",
            },
            "RequestBody": request | {"action": ACTIONS[api]},
        }
    ]


@pytest.mark.parametrize(("error", "retries"), RETRIED.items())
@each_api
def test_a_passing_failure_is_tried_again(api: str, error: str, retries: int) -> None:
    done = play(**{api: Failure(error, "busy")})
    headers = [call["Headers"] for call in done.made_by(state(api))]
    assert [sent["X-Attempt"] for sent in headers] == [str(attempt) for attempt in range(retries + 1)]
    assert {sent["Idempotency-Key"] for sent in headers} == {f"execution-{api}"}
    failed = done.result["apis"][api]
    assert (failed["status"], failed["attempts"], failed["error"]) == ("failed", retries + 1, f"{error}: busy")
    assert failed["statusCode"] == (int(error[-3:]) if error[-3:].isdigit() else None)


@pytest.mark.parametrize("failures", [1, 2, 3])
@each_api
def test_a_call_that_succeeds_at_last_has_succeeded(api: str, failures: int) -> None:
    done = play(**{api: InTurn(*[refused(503)] * failures, SUCCESS)})
    assert done.states == (*DECIDED, *APPROVED)
    assert done.result["apis"][api] == {
        "status": "success", "statusCode": 200, "attempts": failures + 1, "response": {"status": "success"},
        "error": None,
    }  # fmt: skip
    assert {"step": api, "message": f"The API succeeded at attempt {failures + 1} with HTTP 200."}.items() <= next(
        event for event in done.log["events"] if event["step"] == api
    ).items()


def test_attempts_add_up_over_different_failures() -> None:
    done = play(validation=InTurn(refused(503), Failure("States.Http.Socket"), refused(502), refused(504), SUCCESS))
    assert len(done.made_by("CallValidation")) == 4
    assert done.result["apis"]["validation"]["statusCode"] == 504


def test_a_limit_of_requests_has_retries_of_its_own() -> None:
    mixed = [refused(429)] * 3 + [refused(503)] * 3 + [refused(429)] * 3
    done = play(validation=InTurn(*mixed, SUCCESS))
    assert [call["Headers"]["X-Attempt"] for call in done.made_by("CallValidation")] == [*map(str, range(10))]
    assert done.result["apis"]["validation"]["attempts"] == 10


def test_a_limit_of_requests_is_waited_out_for_two_minutes() -> None:
    calls = [state for name, state in all_states() if name.startswith("Call") and state["Type"] == "Task"]
    assert len(calls) == 5
    for state in calls:
        (busy,) = [retry for retry in state["Retry"] if retry["ErrorEquals"] == [BUSY]]
        first, rate, most = busy["IntervalSeconds"], busy["BackoffRate"], busy["MaxDelaySeconds"]
        delays = [min(most, first * rate**attempt) for attempt in range(busy["MaxAttempts"])]
        assert delays == [4, 8, 16, 32, 32, 32]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 500, 501])
@each_api
def test_any_other_status_fails_at_once(api: str, status: Any) -> None:
    done = play(**{api: refused(status)})
    assert len(done.made_by(state(api))) == 1
    assert done.result["apis"][api] == {
        "status": "failed", "statusCode": status, "attempts": 1, "response": None,
        "error": f"States.Http.StatusCode.{status}: it did not work",
    }  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        "Events.ConnectionResource.ResourceNotFound",
        "Events.ConnectionResource.AuthInProgress",
        "Events.ConnectionResource.ConcurrentModification",
        "Events.ConnectionResource.InternalError",
        "Events.ConnectionResource.AccessDenied",
        "Events.ConnectionResource.InvalidConnectionState",
        "States.DataLimitExceeded",
        "States.Timeout",
        "States.TaskFailed",
        "States.Permissions",
    ],
)
@each_api
def test_a_call_that_cannot_be_made_fails_at_once(api: str, error: str) -> None:
    done = play(**{api: Failure(error, "no")})
    assert len(done.made_by(state(api))) == 1
    assert done.result["apis"][api] == {
        "status": "failed", "statusCode": None, "attempts": 1, "response": None, "error": f"{error}: no",
    }  # fmt: skip


@pytest.mark.parametrize("cause", ["", 'it\'s "quoted" {% 1 %}', "x" * 30_000])
def test_a_cause_is_kept_short_and_as_it_is(cause: str) -> None:
    failed = play(notification=Failure("States.Http.Socket", cause)).result["apis"]["notification"]
    assert failed["error"] == f"States.Http.Socket: {cause[:500]}"


@pytest.mark.parametrize("api", ["validation", "deployment"])
def test_a_required_api_that_gives_up_fails_the_run(api: str) -> None:
    done = play(**{api: refused(500)})
    assert done.states == ("FindInput", "InputIsValid", *around(api), *NOT_APPROVED)
    assert done.ending == (
        "api_failed",
        f"The {api} API failed: States.Http.StatusCode.500: it did not work.",
    )
    assert {name for name, answer in done.result["apis"].items() if answer["status"] == "success"} == {*ACTIONS} - {api}


def test_both_required_apis_failing_are_both_named() -> None:
    done = play(validation=refused(500), deployment=http({"status": "failed"}))
    assert done.ending == (
        "api_failed",
        "The validation API failed: States.Http.StatusCode.500: it did not work; "
        'The deployment API failed: the answer does not say "status": "success".',
    )


@pytest.mark.parametrize("answer", [refused(500), http({"status": "failed"}), Failure("States.Http.Socket", "no")])
def test_a_failed_notification_is_recorded_and_the_run_goes_on(answer: Any) -> None:
    done = play(notification=answer)
    assert done.states[-3:] == ("VerdictCounts", *APPROVED)
    assert done.ending[0] == "approved"
    assert done.result["apis"]["notification"]["status"] == "failed"
    (event,) = [event for event in done.log["events"] if event["step"] == "notification"]
    assert event["message"].startswith("The API failed at attempt ")
    assert event["message"].endswith(": " + done.result["apis"]["notification"]["error"])


def test_all_three_failing_are_all_recorded() -> None:
    done = play(validation=refused(400), deployment=refused(401), notification=refused(403))
    assert [answer["statusCode"] for answer in done.result["apis"].values()] == [400, 401, 403]
    assert [event["step"] for event in done.log["events"]] == [
        "started", "validation", "deployment", "notification", "api_failed",
    ]  # fmt: skip


def test_a_status_that_is_no_number_is_told_as_it_is() -> None:
    failed = play(validation=Failure("States.Http.StatusCode.unknown", "no")).result["apis"]["validation"]
    assert (failed["statusCode"], failed["error"]) == (None, "States.Http.StatusCode.unknown: no")
