"""The sweep: what it does with the runs that wait, and what it returns and prints.

That its steps are right in every order is shown in tests/protocol.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from chalicelib import sweep
from chalicelib.sweep import Asked, Sweep, Swept, WaitingStory
from chalicelib.sweep_event import SECONDS
from chalicelib.verdicts import Verdict, VerdictTable
from tests.alarms import SWEEP, counted, goes_off
from tests.chalicelib.fakes import StepFunctions, aws_error, wait

EARLY, AT, LATE = (f"2026-01-01T1{hour}:00:00.000Z" for hour in range(3))
NOW = 1_767_272_400.0  # 13:00
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:gate"
APPROVED, REJECTED = Verdict("approved", AT, AT), Verdict("rejected", LATE, LATE)
Build = Callable[..., Sweep]


def test_each_run_gets_the_verdict_that_stands_and_counts_for_it(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    wait(dynamodb, machine, "a", "b")
    wait(dynamodb, machine, "newer", counts_from=LATE)
    wait(dynamodb, machine, "c", story="P-2")
    wait(dynamodb, machine, "undecided", story="P-3")
    dynamodb.say(APPROVED)
    dynamodb.say(REJECTED, "P-2")
    assert build().everything() == Swept(waiting=5, mended=["a", "b", "c"])
    assert {token: sent["decision"] for token, sent in machine.sent.items()} == {
        "token of a": "approved", "token of b": "approved", "token of c": "rejected",
    }  # fmt: skip
    assert build().everything() == Swept(waiting=2)


def test_without_waiting_runs_it_makes_two_calls(dynamodb: Any, build: Build) -> None:
    dynamodb.say(APPROVED)
    assert build().everything() == Swept()
    assert [operation for operation, _ in dynamodb.calls] == ["scan", "query"]


def test_entries_of_runs_that_are_over_are_removed_and_no_others(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    wait(dynamodb, machine, "runs", "aborted")
    dynamodb.wait("of another machine")
    machine.ended.add("aborted")
    assert build().everything() == Swept(waiting=3)
    left = [run for run in ("runs", "aborted", "of another machine") if dynamodb.entry("P-1", f"WAIT#{run}")]
    assert left == ["runs", "of another machine"]
    looked = [call["executionArn"].rpartition(":")[2] for name, call in machine.calls if name == "DescribeExecution"]
    assert sorted(looked) == ["aborted", "of another machine"]
    assert all(
        call["executionArn"].startswith(MACHINE.replace("stateMachine", "execution")) for _, call in machine.calls
    )


def test_an_entry_that_got_a_new_token_meanwhile_stays(dynamodb: Any, machine: StepFunctions, build: Build) -> None:
    wait(dynamodb, machine, "a")
    machine.ended.add("a")
    dynamodb.before["delete_item"] = lambda _: dynamodb.wait("a", token="a new one")
    build().everything()
    assert dynamodb.entry("P-1", "WAIT#a")["taskToken"] == {"S": "a new one"}


@pytest.mark.parametrize("is_over", [True, False])
def test_an_entry_in_a_transaction_is_removed_after_a_pause(
    dynamodb: Any, machine: StepFunctions, build: Build, is_over: bool
) -> None:
    wait(dynamodb, machine, "a")
    if is_over:
        machine.ended.add("a")
    else:
        dynamodb.say(APPROVED)
    slept: list[float] = []

    def locked(_: Any) -> None:
        if not slept:
            raise aws_error("dynamodb", "TransactionConflictException", "DeleteItem")

    dynamodb.before["delete_item"] = locked
    assert build(sleep=slept.append).everything().errors == []
    assert len(slept) == 1
    assert not dynamodb.entry("P-1", "WAIT#a")


def test_what_fails_for_one_story_is_named_and_the_others_go_on(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    for story in ("P-1", "P-2", "P-3"):
        wait(dynamodb, machine, f"under {story}", story=story)
        dynamodb.say(APPROVED, story)

    def refuse(query: Any) -> None:
        if query["ExpressionAttributeValues"][":story"] == {"S": "P-1"}:
            raise aws_error("dynamodb", "ProvisionedThroughputExceededException", "Query")

    dynamodb.before["query"] = refuse
    machine.over["token of under P-2"] = "ThrottlingException"
    swept = build().everything()
    assert swept.mended == ["under P-3"]
    assert swept.errors == [
        "P-1: Query: ProvisionedThroughputExceededException",
        "P-2: SendTaskSuccess: ThrottlingException",
    ]


def test_an_entry_of_another_form_fails_the_sweep_after_all_other_stories_got_their_verdict(
    dynamodb: Any, machine: StepFunctions, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    wait(dynamodb, machine, "a", story="P-2")
    dynamodb.say(APPROVED, "P-2")
    dynamodb.put("P-1", "WAIT#by hand", startedAt=EARLY)
    with pytest.raises(KeyError, match="taskToken"):
        build().everything()
    assert list(machine.sent) == ["token of a"]
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["log"], said["mended"], said["errors"]) == ("broken sweep", ["a"], ["P-1: KeyError"])
    assert goes_off("sweep-missing", counted(line, SWEEP))


def test_it_fails_if_the_waiting_runs_cannot_be_listed(dynamodb: Any, build: Build) -> None:
    def refuse(_: Any) -> None:
        raise aws_error("dynamodb", "AccessDeniedException", "Scan")

    dynamodb.before["scan"] = refuse
    with pytest.raises(dynamodb.exceptions.ClientError):
        build().everything()


def test_jira_is_asked_about_the_runs_that_no_known_verdict_counts_for(
    dynamodb: Any, machine: StepFunctions, build: Build
) -> None:
    asked: list[Any] = []

    def ask(stories: list[WaitingStory], table: VerdictTable, seconds: float, machine_arn: str) -> Asked:
        asked.extend(stories)
        assert (seconds, machine_arn) == (SECONDS + sweep.LAST_CALL_SECONDS, MACHINE)
        table.deliver("P-3", REJECTED)
        return Asked(3, ["c"], 1, ["Jira is away"], last="P-3")

    wait(dynamodb, machine, "a", "ended")
    machine.ended.add("ended")
    wait(dynamodb, machine, "b", story="P-2", counts_from=LATE)
    wait(dynamodb, machine, "c", story="P-3")
    wait(dynamodb, machine, "mended", story="P-2")
    dynamodb.say(APPROVED, "P-2")
    assert build(ask).everything() == Swept(5, ["mended"], 3, ["c"], 1, ["Jira is away"])
    assert asked == [WaitingStory("P-1", ("a",)), WaitingStory("P-2", ("b",), APPROVED), WaitingStory("P-3", ("c",))]
    assert dynamodb.entry("#sweep", "CURSOR")["after"] == {"S": "P-3"}  # the next sweep begins behind it
    assert machine.sent["token of c"]["decision"] == "rejected"


@pytest.mark.parametrize(("received", "overdue"), [("2026-01-01T12:58:59.000Z", 2), ("2026-01-01T12:59:30.000Z", 0)])
def test_the_log_line_says_all_and_how_many_runs_were_overdue(
    dynamodb: Any, machine: StepFunctions, build: Build, received: str, overdue: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for story in ("P-1", "P-2"):
        wait(dynamodb, machine, f"under {story}", story=story)
        dynamodb.say(Verdict("approved", AT, received), story)
    swept = build().everything()
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"log": "sweep", **asdict(swept), "overdue": overdue}
    assert list(asdict(swept)) == ["waiting", "mended", "asked", "decided", "left", "errors"]
    assert goes_off("sweep-mended", counted(line, SWEEP)) is bool(overdue)
    assert not goes_off("sweep-missing", counted(line, SWEEP))
