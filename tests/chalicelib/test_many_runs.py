"""Many runs of one story: how many a callback sends to, what it hands over, and that each run is resumed once."""

from collections import Counter
from typing import Any

import pytest

from chalicelib.refusals import Unavailable
from chalicelib.sweep import Sweep, Swept
from chalicelib.sweep_event import SECONDS
from chalicelib.verdicts import AT_ONCE, PATIENCE_SECONDS, SEND_SECONDS, Budget, Delivery, Verdict, VerdictTable
from tests.chalicelib.fakes import StepFunctions, aws_error

EARLY, AT = (f"2026-01-01T1{hour}:00:00.000Z" for hour in range(2))
APPROVED = Verdict("approved", AT, AT)
NOW = 1_767_272_400.0
AMPLE = Budget(NOW + 60, NOW + 60)
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:gate"


def sweep(dynamodb: Any, machine: Any, budget: Budget = AMPLE) -> Delivery:
    clock = (lambda: machine.now) if isinstance(machine, Slow) else (lambda: NOW)
    return VerdictTable(dynamodb, "verdicts", machine, clock, budget=budget).sweep("P-1")


def wait_many(dynamodb: Any, count: int) -> list[str]:
    """Let so many runs wait, and return their names."""
    runs = [f"{run:03}" for run in range(count)]
    times = dict.fromkeys(("countsFrom", "startedAt"), EARLY)
    write_many(dynamodb, [{"entry": f"WAIT#{run}", "taskToken": f"token of {run}", **times} for run in runs])
    return runs


def write_many(dynamodb: Any, entries: list[dict[str, str]]) -> None:
    """Write entries of P-1, 25 in a call: one by one they would take most of a test's time."""
    items = [{name: {"S": value} for name, value in {"story": "P-1", **entry}.items()} for entry in entries]
    for begin in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[begin : begin + 25]]
        dynamodb.client.batch_write_item(RequestItems={"verdicts": puts})


class Slow(StepFunctions):
    """Step Functions whose clock goes on with every call."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.now, self._seconds = NOW, seconds

    def send_task_success(self, **given: Any) -> None:
        super().send_task_success(**given)
        self.now += self._seconds


def test_runs_that_an_answer_has_no_time_for_are_handed_over_and_counted(dynamodb: Any) -> None:
    for run in "abc":
        dynamodb.wait(run)
    handed_over: list[str] = []
    machine = Slow(SEND_SECONDS + 0.001)
    table = VerdictTable(dynamodb, "verdicts", machine, lambda: machine.now, hand_over=handed_over.append)
    delivery = table.deliver("P-1", APPROVED)
    assert (delivery.resumed, delivery.resuming, handed_over) == (["a"], 2, ["P-1"])
    late = sweep(dynamodb, machine, Budget(machine.now, machine.now))  # sent to, but too late to remove the entry
    assert (late.resumed, late.resuming, [str(error)[:8] for error in late.failures]) == (["b"], 1, ["AWS took"])
    machine.over["token of b"] = "TaskTimedOut"
    assert sweep(dynamodb, machine).resumed == ["c"]


def test_a_callback_reads_a_hundred_entries_and_counts_the_runs_behind_them(dynamodb: Any, machine: Any) -> None:
    for run in range(AT_ONCE + 5):
        dynamodb.wait(f"{run:03}", counts_from=EARLY if run % 2 else AT)
    handed_over: list[str] = []
    table = VerdictTable(dynamodb, "verdicts", machine, lambda: NOW, hand_over=handed_over.append)
    delivery = table.deliver("P-1", APPROVED)  # one of the entries read is STORY
    assert (len(delivery.resumed), len(delivery.later), delivery.resuming) == (AT_ONCE // 2 - 1, AT_ONCE // 2, 3)
    assert handed_over == ["P-1"]
    assert len(sweep(dynamodb, machine).resumed) == 3


def test_runs_read_and_not_read_are_counted_together_when_time_is_over(dynamodb: Any) -> None:
    wait_many(dynamodb, AT_ONCE + 5)
    machine = Slow(SEND_SECONDS + 0.001)
    table = VerdictTable(dynamodb, "verdicts", machine, lambda: machine.now, hand_over=lambda _: None)
    delivery = table.deliver("P-1", APPROVED)
    assert len(delivery.resumed) + delivery.resuming == AT_ONCE + 5


@pytest.mark.parametrize("told", [AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE])
def test_what_jira_was_told_of_many_runs_delays_none_that_waits(dynamodb: Any, machine: Any, told: int) -> None:
    write_many(dynamodb, [{"entry": f"TOLD#{run:03}", "outcome": "approved"} for run in range(told)])
    dynamodb.wait("a")
    dynamodb.wait("b", counts_from=AT)
    delivery = VerdictTable(dynamodb, "verdicts", machine, lambda: NOW).deliver("P-1", APPROVED)
    assert (delivery.resumed, delivery.later, delivery.resuming) == (["a"], ["b"], 0)


def test_of_the_runs_behind_what_jira_was_told_a_callback_reads_no_more_at_once(dynamodb: Any, machine: Any) -> None:
    write_many(dynamodb, [{"entry": f"TOLD#{run}"} for run in wait_many(dynamodb, AT_ONCE + 3)])
    table = VerdictTable(dynamodb, "verdicts", machine, lambda: NOW, hand_over=lambda _: None)
    delivery = table.deliver("P-1", APPROVED)
    assert (len(delivery.resumed), delivery.resuming) == (AT_ONCE, 3)


def test_many_runs_are_sent_to_by_several_threads_and_each_gets_its_verdict_once(dynamodb: Any, machine: Any) -> None:
    runs = wait_many(dynamodb, 60)
    machine.over["token of 007"] = "TaskTimedOut"
    dynamodb.say(APPROVED)
    delivery = sweep(dynamodb, machine)
    assert (delivery.closed, delivery.resumed) == (["007"], [run for run in runs if run != "007"])
    assert sorted(call["taskToken"] for _, call in machine.calls) == [f"token of {run}" for run in runs if run != "007"]
    assert sweep(dynamodb, machine).resumed == []


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (None, "more runs wait for this story than one answer has time for; send it again"),
        (aws_error("stepfunctions", "ThrottlingException"), "AWS did not take the verdict; send it again"),
    ],
)
def test_without_a_function_to_hand_over_to_the_answer_is_503(dynamodb: Any, trouble: Any, message: str) -> None:
    def refuse(_: str) -> None:
        raise trouble

    for run in "ab":
        dynamodb.wait(run)
    machine = Slow(SEND_SECONDS + 0.001)
    table = VerdictTable(dynamodb, "verdicts", machine, lambda: machine.now, hand_over=refuse if trouble else None)
    with pytest.raises(Unavailable, match=f"^{message}$"):
        table.deliver("P-1", APPROVED)
    assert len(machine.sent) == 1


def test_nothing_is_handed_over_when_the_answer_is_late(dynamodb: Any) -> None:
    for run in "ab":
        dynamodb.wait(run)
    handed_over: list[str] = []
    machine = Slow(PATIENCE_SECONDS - 6)
    arrived = NOW - 7  # after two sends it is more than twelve seconds ago, and the second one's entry is left
    table = VerdictTable(dynamodb, "verdicts", machine, lambda: machine.now, hand_over=handed_over.append)
    with pytest.raises(Unavailable, match="send it again"):
        table.deliver("P-1", APPROVED, arrived=arrived)
    assert handed_over == []


def test_a_story_for_which_the_functions_time_ends_says_how_many_runs_are_left(dynamodb: Any) -> None:
    for run in "abc":
        dynamodb.wait(run)
    dynamodb.say(APPROVED)
    machine = Slow(SECONDS + 1)
    swept = Sweep(dynamodb, "verdicts", machine, MACHINE, clock=lambda: machine.now).story("P-1")
    assert swept == Swept(waiting=3, mended=["a"], left=2)


def test_a_thousand_runs_are_resumed_by_one_delivery_each_once(dynamodb: Any, machine: StepFunctions) -> None:
    runs = wait_many(dynamodb, 1000)
    swept: list[str] = []

    def hand_over(story: str) -> None:
        swept.extend(Sweep(dynamodb, "verdicts", machine, MACHINE, clock=lambda: NOW).story(story).mended)

    table = VerdictTable(dynamodb, "verdicts", machine, lambda: NOW, hand_over=hand_over)
    delivery = table.deliver("P-1", APPROVED)
    assert (len(delivery.resumed), delivery.resuming) == (AT_ONCE - 1, len(runs) - AT_ONCE + 1)
    assert Counter(delivery.resumed + swept) == Counter(runs)
    assert Counter(call["taskToken"] for _, call in machine.calls) == Counter(f"token of {run}" for run in runs)
    assert [item["entry"]["S"] for item in dynamodb.client.scan(TableName="verdicts")["Items"]] == ["STORY"]
