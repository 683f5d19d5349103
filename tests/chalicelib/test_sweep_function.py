"""The sweep's function: stories that were handed over, its events, and how it finds runs, page by page."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.entries import Entries
from chalicelib.refusals import Unavailable
from chalicelib.sweep import AT_ONCE, ROUNDS, Asked, Sweep, Swept, WaitingStory, run_sweep
from chalicelib.sweep_event import SweepEvent, hand_over
from chalicelib.verdicts import Verdict
from tests.chalicelib.fakes import StepFunctions, aws_error, wait

AT = "2026-01-01T11:00:00.000Z"
APPROVED = Verdict("approved", AT, AT)
EXECUTIONS = "arn:aws:states:eu-central-1:123456789012:execution:gate"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:storygate-dev-sweep"
Build = Callable[..., Sweep]


def test_a_story_that_was_handed_over_is_swept_until_all_its_runs_have_the_verdict(
    dynamodb: Any, machine: StepFunctions, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    wait(dynamodb, machine, "a", "b", "c")
    wait(dynamodb, machine, "other", story="P-2")
    dynamodb.say(APPROVED)
    dynamodb.say(APPROVED, "P-2")
    machine.over["token of b"] = "ThrottlingException"
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        machine.over.clear()

    assert build(sleep=sleep).story("P-1") == Swept(3, ["a", "c", "b"])
    assert len(slept) == 1
    line = json.loads(capsys.readouterr().out)
    assert (line["log"], line["story"], line["mended"], line["errors"]) == ("resume", "P-1", ["a", "c", "b"], [])


def test_a_story_that_was_handed_over_fails_if_aws_refuses_to_the_end(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    wait(dynamodb, machine, "a")
    dynamodb.say(APPROVED)
    machine.over["token of a"] = "ThrottlingException"
    slept: list[float] = []
    with pytest.raises(Unavailable, match="P-1: not all runs got their verdict: P-1: SendTaskSuccess: Throttling"):
        build(sleep=slept.append).story("P-1")
    assert slept == [1, 2, 3, 4, 5, 5, 5, 5, 5][: ROUNDS - 1]


@pytest.mark.parametrize(
    ("event", "mended"),
    [({}, ["a", "b"]), ({"story": "P-2"}, ["b"]), ({"seconds": -1}, []), ({"seconds": 60}, ["a", "b"])],
)
def test_the_function_sweeps_everything_or_the_story_of_its_event(
    dynamodb: Any, machine: StepFunctions, event: Any, mended: list[str]
) -> None:
    for story, run in (("P-1", "a"), ("P-2", "b")):
        wait(dynamodb, machine, run, story=story)
        dynamodb.say(APPROVED, story)
    context = SimpleNamespace(invoked_function_arn=FUNCTION)
    assert run_sweep(SweepEvent(event, context), dynamodb, "verdicts", machine, "gate")["mended"] == mended


def test_a_story_is_handed_over_by_one_asynchronous_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    invoked: list[Any] = []
    client = SimpleNamespace(invoke=lambda **given: invoked.append(given))
    with pytest.raises(
        Unavailable, match=r"^more runs wait for this story than one answer has time for; send it again$"
    ):
        hand_over(client, "P-1")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "storygate-dev")
    hand_over(client, "P-1")
    assert invoked == [
        {"FunctionName": "storygate-dev-sweep", "InvocationType": "Event", "Payload": '{"story": "P-1"}'}
    ]


def test_many_stories_are_swept_by_several_threads(dynamodb: Any, machine: StepFunctions, build: Build) -> None:
    stories = [f"P-{number:03}" for number in range(AT_ONCE + 5)]
    for story in stories:
        wait(dynamodb, machine, f"under {story}", story=story)
        dynamodb.say(APPROVED, story)
    assert build().everything() == Swept(len(stories), [f"under {story}" for story in stories])


def test_the_function_looks_for_runs_of_its_own_state_machine_and_asks(dynamodb: Any, machine: StepFunctions) -> None:
    wait(dynamodb, machine, "ended", "runs")
    machine.ended.add("ended")
    asked: list[Any] = []

    def ask(stories: list[WaitingStory], *_: Any) -> Asked:
        asked.extend(stories)
        return Asked()

    run_sweep(
        SweepEvent({}, SimpleNamespace(invoked_function_arn=FUNCTION)), dynamodb, "verdicts", machine, "gate", ask
    )
    assert [call["executionArn"] for _, call in machine.calls] == [f"{EXECUTIONS}:ended"]
    assert [story.executions for story in asked] == [("runs",)]


def test_a_run_that_is_not_listed_yet_keeps_its_entry(dynamodb: Any, machine: StepFunctions, build: Build) -> None:
    wait(dynamodb, machine, "new")
    machine.unlisted.add("new")
    build().everything()
    assert dynamodb.entry("P-1", "WAIT#new")


def test_runs_are_listed_page_by_page(dynamodb: Any, machine: StepFunctions, build: Build) -> None:
    machine.known |= {f"run-{number:04}" for number in range(1000)}
    wait(dynamodb, machine, "the last one")
    build().everything()
    assert machine.calls == []


def test_runs_that_cannot_be_listed_are_an_error_and_jira_is_asked_all_the_same(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    def refuse(**_: Any) -> None:
        raise aws_error("stepfunctions", "ThrottlingException", "ListExecutions")

    wait(dynamodb, machine, "a")
    machine.list_executions = refuse  # type: ignore[method-assign]
    swept = build(lambda *_: Asked(1, [], 0, ["P-1: no such issue"])).everything()
    assert (swept.asked, swept.errors) == (
        1,
        ["runs that are over: ListExecutions: ThrottlingException", "P-1: no such issue"],
    )


def test_waiting_runs_are_found_page_by_page(dynamodb: Any, machine: StepFunctions) -> None:
    for story, run in (("P-1", "a"), ("P-1", "b"), ("P-2", "c")):
        wait(dynamodb, machine, run, story=story)
    dynamodb.before["scan"] = lambda scan: scan.update(Limit=1)
    entries = Entries(dynamodb, "verdicts")
    assert {story: sorted(runs) for story, runs in entries.waiting().items()} == {"P-1": ["a", "b"], "P-2": ["c"]}
    assert entries.last_swept() == ""
    assert entries.known("P-1").waiting == []
