"""A run's history is shown once, in order, attempt by attempt, and without its task token."""

import json
from typing import Any

from storygate.runs.history import History, await_run, follow, outcome_of
from storygate.support.patience import Patience
from tests.storygate.conftest import Screen
from tests.storygate.runs.history_events import BEGAN, FakeStepFunctions, entered, event, exited

TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAd0-the-task-token"
ANSWER = json.dumps({"at": "x", "answer": {"status": "success", "statusCode": 200, "attempts": 2, "response": TOKEN}})

# Two branches whose events alternate, one API that is tried twice, and the wait.
EVENTS = [
    event(1, "ExecutionStarted", 0, executionStarted={"input": "{}"}),
    entered(2, "CallApis", 1),
    entered(3, "CallValidation", 2),
    entered(4, "CallDeployment", 2),
    event(5, "TaskStarted", 3, taskStarted={}),
    event(6, "TaskStarted", 4, taskStarted={}),
    event(7, "TaskFailed", 6, taskFailed={"error": "States.Http.StatusCode.503", "cause": TOKEN}),
    exited(8, "CallValidation", 5, ANSWER.replace("2,", "1,")),
    event(9, "TaskFailed", 7, taskFailed={"error": "States.Http.Socket"}),
    exited(10, "CallDeployment", 9, ANSWER),
    entered(11, "WaitForStory", 10),
    event(12, "TaskScheduled", 11, taskScheduled={"parameters": json.dumps({"taskToken": TOKEN})}),
    event(13, "TaskSubmitted", 12, taskSubmitted={"output": TOKEN}),
]
END = [
    event(19, "TaskSucceeded", 13, taskSucceeded={"output": f'{{"actor": "{TOKEN}"}}'}),
    exited(20, "WaitForStory", 19, decision={"actor": TOKEN}),
    entered(21, "VerdictCounts", 20),
    exited(22, "VerdictCounts", 21, reason="PROJ-1 was rejected."),
    event(23, "ExecutionFailed", 22, executionFailed={"error": "rejected", "cause": "PROJ-1 was rejected."}),
]


def no_wait(seconds: float) -> Any:
    return Patience(seconds, clock=Ticking(), sleep=lambda _: None)


class Ticking:
    """A clock that goes on by a second at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> Any:
        self.now += 1
        return self.now


def test_each_moment_is_shown_once_and_in_order() -> None:
    client = FakeStepFunctions(EVENTS[:6])
    history = History(client, "arn")
    first = history.read()
    client.events += EVENTS[6:]
    second = history.read()
    assert history.read() == []
    assert [(moment.kind, moment.details.get("state")) for moment in first] == [
        ("state", "CallApis"),
        ("state", "CallValidation"),
        ("state", "CallDeployment"),
    ]
    assert [moment.kind for moment in second] == ["failure", "api", "failure", "api", "state", "waiting"]
    assert history.path == ["CallApis", "CallValidation", "CallDeployment", "WaitForStory"]


def test_in_parallel_branches_a_failure_belongs_to_the_state_that_failed() -> None:
    failures = [
        moment.details for moment in History(FakeStepFunctions(EVENTS), "arn").read() if moment.kind == "failure"
    ]
    assert failures == [
        {"state": "CallDeployment", "attempt": 1, "error": "States.Http.StatusCode.503"},
        {"state": "CallDeployment", "attempt": 2, "error": "States.Http.Socket"},
    ]


def test_an_apis_answer_is_shown_without_its_content() -> None:
    answers = [moment.details for moment in History(FakeStepFunctions(EVENTS), "arn").read() if moment.kind == "api"]
    assert answers == [
        {"api": "validation", "status": "success", "statusCode": 200, "attempts": 1},
        {"api": "deployment", "status": "success", "statusCode": 200, "attempts": 2},
    ]


def test_the_wait_is_known_while_it_lasts_and_how_long_it_lasted_after() -> None:
    client = FakeStepFunctions(EVENTS)
    history = History(client, "arn")
    history.read()
    assert history.waiting_since is not None
    assert (history.waiting_since - BEGAN).total_seconds() == 13
    client.events += END
    entered_next, resumed, ended = history.read()
    assert history.waiting_since is None
    assert entered_next.details == {"state": "VerdictCounts"}
    assert resumed.details == {"state": "WaitForStory", "seconds": 7.0, "reason": "PROJ-1 was rejected."}
    assert ended.details == {"status": "FAILED", "outcome": "rejected", "reason": "PROJ-1 was rejected."}
    assert history.end is ended


def test_a_wait_that_ends_without_a_verdict_says_why_at_once() -> None:
    timed_out = [
        event(19, "TaskTimedOut", 13, taskTimedOut={"error": "States.Timeout"}),
        exited(20, "WaitForStory", 19, reason="Nobody answered."),
    ]
    history = History(FakeStepFunctions([*EVENTS, *timed_out]), "arn")
    (resumed,) = [moment for moment in history.read() if moment.kind == "resumed"]
    assert resumed.details == {"state": "WaitForStory", "seconds": 7.0, "reason": "Nobody answered."}


def test_the_task_token_is_neither_in_the_moments_nor_on_the_screen(screen: Screen) -> None:
    for moment in History(FakeStepFunctions(EVENTS + END), "arn").read():
        assert TOKEN not in json.dumps(moment.as_json())
        moment.show(screen.terminal)
    assert "WaitForStory" in screen.text
    assert TOKEN not in screen.text


def test_a_run_that_does_not_exist_yet_is_waited_for_within_bounds() -> None:
    client = FakeStepFunctions()
    history = History(client, "arn")
    assert not await_run(history, 0.05)
    client.events = list(EVENTS)
    assert await_run(history, 0.05)
    assert history.read(), "waiting for the run has read none of its moments"


def test_following_ends_at_any_terminal_status_at_the_condition_and_at_the_bound() -> None:
    for kind, status in (
        ("ExecutionSucceeded", "SUCCEEDED"),
        ("ExecutionFailed", "FAILED"),
        ("ExecutionAborted", "ABORTED"),
        ("ExecutionTimedOut", "TIMED_OUT"),
    ):
        history = History(FakeStepFunctions([*EVENTS, event(21, kind, 13)]), "arn")
        assert follow(history, no_wait(60), lambda _: None)
        assert history.end is not None
        assert history.end.details["status"] == status
    waiting = History(FakeStepFunctions(EVENTS), "arn")
    assert follow(waiting, no_wait(60), lambda _: None, until=lambda: waiting.waiting_since is not None)
    looks = FakeStepFunctions(EVENTS)
    assert not follow(History(looks, "arn"), no_wait(20), lambda _: None)
    assert looks.calls < 40


def test_only_success_is_called_approved() -> None:
    assert outcome_of("SUCCEEDED") == "approved"
    assert outcome_of("FAILED", "timed_out") == "timed_out"
    assert outcome_of("FAILED", None) == "error"
    assert [outcome_of(status, "approved") for status in ("ABORTED", "TIMED_OUT", "RUNNING")] == [
        "cancelled",
        "timed_out",
        "running",
    ]
