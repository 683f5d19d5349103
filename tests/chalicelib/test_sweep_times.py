"""A sweep that runs out of time: which runs are left, and where the next sweep goes on."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest

from chalicelib.parallel import THREADS
from chalicelib.refusals import Unavailable
from chalicelib.sweep import LOOKS, Asked, Sweep
from chalicelib.sweep_event import SECONDS
from chalicelib.verdicts import Verdict
from tests.chalicelib.fakes import StepFunctions, wait

AT = "2026-01-01T11:00:00.000Z"
NOW = 1_767_272_400.0  # 13:00
APPROVED = Verdict("approved", AT, AT)
Build = Callable[..., Sweep]


def test_a_list_of_running_executions_without_an_end_does_not_use_up_the_functions_time(
    dynamodb: Any, machine: StepFunctions, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(dynamodb, machine, "a")
    now = [NOW]

    def list_executions(**_: Any) -> Any:
        now[0] += 10
        return {"executions": [], "nextToken": "more"}

    monkeypatch.setattr(machine, "list_executions", list_executions)
    swept = build(clock=lambda: now[0]).everything()
    assert swept.errors == ["runs that are over: there was no time to list the running executions"]
    assert now[0] - NOW <= SECONDS + 10


def test_at_most_a_hundred_runs_are_looked_at_in_one_sweep(dynamodb: Any, machine: StepFunctions, build: Build) -> None:
    wait(dynamodb, machine, *(f"{run:03}" for run in range(LOOKS + 5)))
    machine.ended |= machine.known
    build().everything()
    assert build().everything().waiting == 5


def test_the_next_sweep_goes_on_where_this_one_ran_out_of_time(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    for number in range(1, 6):
        wait(dynamodb, machine, f"run-{number}", story=f"P-{number}")
        dynamodb.say(APPROVED, f"P-{number}")
    now, asked = [NOW], []

    def slowly(query: Any) -> None:
        now[0] += SECONDS / 4 + 1
        asked.append(query["ExpressionAttributeValues"][":story"]["S"])

    dynamodb.before["query"] = slowly
    first = build(clock=lambda: now[0]).everything()  # P-3 was read, but too late to send to its run
    assert (first.mended, first.left, asked) == (["run-1", "run-2"], 3, ["#sweep", "P-1", "P-2", "P-3"])
    assert "startedAt" not in dynamodb.entry("#sweep", "CURSOR")
    wait(dynamodb, machine, "again", story="P-1")
    wait(dynamodb, machine, "and again", story="P-2")
    asked.clear()
    dynamodb.before["query"] = lambda query: asked.append(query["ExpressionAttributeValues"][":story"]["S"])
    assert build().everything().mended == ["run-3", "run-4", "run-5", "again", "and again"]
    assert asked == ["#sweep", "P-3", "P-4", "P-5", "P-1", "P-2"]


def test_a_sweep_without_time_for_any_story_leaves_the_next_one_where_the_last_one_stopped(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    for story in ("P-1", "P-2"):
        wait(dynamodb, machine, f"under {story}", story=story)
    dynamodb.put("#sweep", "CURSOR", after="P-1")
    now = iter([NOW])
    assert build(clock=lambda: next(now, NOW + SECONDS + 1)).everything().left == 2
    assert dynamodb.entry("#sweep", "CURSOR")["after"] == {"S": "P-1"}


def test_runs_of_several_stories_for_which_time_ran_out_are_counted_together(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    stories = [f"P-{number:02}" for number in range(12)]
    for story in stories:
        wait(dynamodb, machine, f"under {story}", story=story)
        dynamodb.say(APPROVED, story)
    now = [NOW]
    all_threads_read = Barrier(THREADS, lambda: now.__setitem__(0, NOW + SECONDS + 1))

    def read(query: Any) -> None:
        if query["ExpressionAttributeValues"][":story"] != {"S": "#sweep"}:
            all_threads_read.wait(10)

    dynamodb.before["query"] = read
    swept = build(clock=lambda: now[0]).everything()
    assert (swept.left, swept.mended, swept.errors) == (12, [], [])


def test_a_list_of_waiting_runs_without_an_end_does_not_use_up_the_functions_time(dynamodb: Any, build: Build) -> None:
    now = [NOW]

    def slowly(scan: Any) -> None:
        now[0] += 10
        scan.update(Limit=1)

    for run in range(40):
        dynamodb.wait(f"{run}")
    dynamodb.before["scan"] = slowly
    with pytest.raises(Unavailable):
        build(clock=lambda: now[0]).everything()


def test_runs_that_neither_the_sweep_nor_jira_had_time_for_are_counted_together(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    wait(dynamodb, machine, "a")
    wait(dynamodb, machine, "b", story="P-2")
    now = [NOW]

    def slowly(query: Any) -> None:
        if query["ExpressionAttributeValues"][":story"] == {"S": "P-1"}:
            now[0] += SECONDS + 1

    dynamodb.before["query"] = slowly
    assert build(lambda *_: Asked(left=1), clock=lambda: now[0]).everything().left == 2
    assert dynamodb.entry("#sweep", "CURSOR")["after"] == {"S": "P-1"}  # where the sweep itself stopped


def test_a_jira_that_was_asked_for_all_leaves_no_place_to_go_on(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    wait(dynamodb, machine, "a")
    build(lambda *_: Asked(1, last="P-1")).everything()
    assert not dynamodb.entry("#sweep", "CURSOR")
