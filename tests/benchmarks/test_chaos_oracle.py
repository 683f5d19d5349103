"""Check that the oracle of the chaos runs finds each kind of mistake in runs that are otherwise right."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.chaos import Outcome
from benchmarks.chaos_oracle import Event, Found, Judgement, Story, iso, judge

START_MS = 1_800_000_000_000
DIGEST = "-0123456789abcdef"
APPROVED, REJECTED, LATE = (f"C1-{number}-0{DIGEST}" for number in (1, 2, 3))


def event(decision: str, at: int, resumed: str | None = None) -> Event:
    """Return a verdict that was sent and acknowledged within a second after it was made."""
    answers: list[tuple[int, dict[str, Any]]] = [(200, {"resumed": [resumed] if resumed else []})]
    return Event(decision, at, b"", sent=at / 1000, acknowledged=at / 1000 + 0.5, answers=answers)


def stories() -> list[Story]:
    """Return three stories: approved; rejected, although an older approval came late; without any verdict."""
    return [
        Story("C1-1", "approved", [APPROVED], [event("approved", START_MS + 10_000, APPROVED)]),
        Story(
            "C1-2",
            "stale",
            [REJECTED],
            [event("approved", START_MS - 3_600_000), event("rejected", START_MS + 10_000, REJECTED)],
        ),
        Story("C1-3", "silent", [LATE]),
    ]


def found() -> Found:
    """Return what AWS holds after right runs."""

    def execution(name: str, status: str) -> dict[str, Any]:
        start, stop = (datetime.fromtimestamp(START_MS / 1000 + seconds, UTC) for seconds in (0, 11))
        return {"name": name, "status": status, "startDate": start, "stopDate": stop, "input": {}}

    def result(outcome: str) -> dict[str, Any]:
        decided = None if outcome == "timed_out" else {"decidedAt": iso(START_MS + 10_000)}
        return {"outcome": outcome, "decision": decided, "metadata": {"run": 0}}

    ends = {APPROVED: "approved", REJECTED: "rejected", LATE: "timed_out"}
    executions = {name: execution(name, "SUCCEEDED" if end == "approved" else "FAILED") for name, end in ends.items()}
    return Found(executions, {name: result(end) for name, end in ends.items()}, {*ends}, [])


def judged(played: list[Story], there: Found, api_succeeds: bool = True) -> Judgement:
    return judge(played, there, lambda _whose, _api: api_succeeds)


def with_end(name: str, status: str, **result: Any) -> Found:
    """Return right runs, but for one run that ended as given."""
    there = found()
    return replace(
        there,
        executions={**there.executions, name: {**there.executions[name], "status": status}},
        results={**there.results, name: {**there.results[name], **result}},
    )


def without(there: Found, name: str, *fields: str) -> Found:
    """Return right runs, but without one run in the given fields."""
    left = {field: {key: told for key, told in getattr(there, field).items() if key != name} for field in fields}
    return replace(there, **left)


def test_right_runs_pass() -> None:
    told = judged(stories(), found())
    assert told.problems == []
    assert told.seen == {"approved": 1, "rejected": 1, "timed_out": 1}
    assert told.exact == 3


OLDER = {"decidedAt": iso(START_MS - 3_600_000)}


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        (with_end(REJECTED, "SUCCEEDED", outcome="approved"), "but right is [('rejected'"),
        (with_end(REJECTED, "SUCCEEDED", outcome="approved", decision=OLDER), "but right is [('rejected'"),
        (with_end(APPROVED, "FAILED", outcome="rejected"), "but right is [('approved'"),
        (with_end(APPROVED, "FAILED", outcome="timed_out", decision=None), "but right is [('approved'"),
        (with_end(APPROVED, "FAILED", outcome="error", decision=None), "but right is [('approved'"),
        (with_end(APPROVED, "FAILED", outcome="api_failed", decision=None), "but right is [('approved'"),
        (with_end(LATE, "SUCCEEDED", outcome="approved"), "but right is [('timed_out'"),
        (with_end(REJECTED, "SUCCEEDED"), "SUCCEEDED, ('rejected'"),
        (with_end(APPROVED, "RUNNING"), "RUNNING, ('approved'"),
        (with_end(APPROVED, "SUCCEEDED", metadata={"run": 1}), "read upload 1, but was started by 0"),
        (without(found(), APPROVED, "executions", "results"), "never started"),
        (without(found(), APPROVED, "results"), "lacks ['result']"),
        (replace(found(), logs={REJECTED, LATE}), "lacks ['log']"),
        (replace(found(), waiting=[APPROVED]), "still waits in the table"),
    ],
)
def test_a_wrong_end_is_told(there: Found, problem: str) -> None:
    assert any(problem in told for told in judged(stories(), there).problems)


def test_a_run_that_no_input_started_is_told() -> None:
    there, double = found(), f"C1-1-0{DIGEST[::-1]}"
    there = replace(there, executions={**there.executions, double: there.executions[APPROVED]})
    assert judged(stories(), there).problems == [f"{double}: no input started it"]


def test_a_run_that_was_resumed_twice_is_told() -> None:
    played = stories()
    played[0].events[0].answers *= 2
    assert "resumed 2 times" in "".join(judged(played, found()).problems)


def test_what_went_wrong_while_it_was_played_is_told() -> None:
    played = stories()
    played[2].problems.append("delivery C1-3/0/0 was given up by Jira")
    assert judged(played, found()).problems == ["C1-3 (silent): delivery C1-3/0/0 was given up by Jira"]


def test_an_api_that_fails_lets_no_verdict_count() -> None:
    assert "but right is [('api_failed', None)]" in judged(stories(), found(), api_succeeds=False).problems[0]


def test_two_verdicts_of_which_neither_was_acknowledged_first_may_both_count() -> None:
    played = stories()
    played[0].events.append(replace(event("rejected", START_MS + 10_001), sent=(START_MS + 10_000) / 1000))
    told = judged(played, found())
    assert told.problems == []
    assert told.exact == 2


def test_a_wrong_seed_says_how_to_play_it_again() -> None:
    wrong = judged(stories(), with_end(REJECTED, "SUCCEEDED", outcome="approved"))
    outcome = Outcome(7, 300, 3, 0, wrong, Counter(), Counter(), 1.0)
    assert outcome.wrong()[-1] == "again: python -m benchmarks.chaos --seed 7 --events 300"
    assert "3 of 3 could end in one way only: 1 WRONG" in outcome.line()
