"""A moved story: a verdict reaches the runs under its former keys, even if a call for one of them fails.

That its steps are right in every order is shown in tests/protocol/test_keys_and_pages.py.
"""

from itertools import pairwise
from typing import Any

import pytest

from chalicelib.refusals import Unavailable
from chalicelib.verdicts import Verdict, VerdictTable
from tests.chalicelib.fakes import StepFunctions, aws_error

EARLY, AT, LATE = (f"2026-01-01T1{hour}:00:00.000Z" for hour in range(3))
APPROVED, REJECTED = Verdict("approved", AT, AT), Verdict("rejected", LATE, LATE)
NOW = 1_767_272_400.0


@pytest.fixture
def table(dynamodb: Any, machine: StepFunctions) -> Any:
    return VerdictTable(dynamodb, "verdicts", machine, clock=lambda: NOW)


def test_the_runs_under_every_former_key_are_counted_together(
    dynamodb: Any, machine: StepFunctions, table: Any
) -> None:
    for story in ("P-1", "OLD-1", "OLD-2"):
        dynamodb.wait(f"open {story}", story)
        dynamodb.wait(f"new {story}", story, counts_from=AT)
        dynamodb.wait(f"over {story}", story)
        machine.over[f"token of over {story}"] = "TaskTimedOut"
    for former in ("OLD-1", "OLD-2"):
        dynamodb.put("P-1", f"MOVED#{former}")
    pending = table.deliver("P-1", Verdict("pending", EARLY, EARLY))
    assert len(pending.waiting) == 9
    delivery = table.deliver("P-1", APPROVED)
    assert delivery.resumed == ["open P-1", "open OLD-1", "open OLD-2"]
    assert delivery.closed == ["over P-1", "over OLD-1", "over OLD-2"]
    assert delivery.later == ["new P-1", "new OLD-1", "new OLD-2"]


def test_a_story_that_was_moved_there_and_back_is_gone_through_once(dynamodb: Any, table: Any) -> None:
    for story, former in (("P-1", "OLD-1"), ("P-1", "OLD-2"), ("OLD-1", "P-1"), ("OLD-1", "OLDER-1")):
        dynamodb.put(story, f"MOVED#{former}")
    for story in ("P-1", "OLD-1", "OLD-2", "OLDER-1"):
        dynamodb.wait(f"under {story}", story)
    dynamodb.put("OLDER-1", "MOVED#A-1")
    dynamodb.put("OLDER-1", "MOVED#P-1")
    dynamodb.put("OLDER-1", "MOVED#Z-1")
    dynamodb.wait("under Z-1", "Z-1")
    delivery = table.deliver("P-1", APPROVED)
    assert sorted(delivery.resumed) == [f"under {story}" for story in ("OLD-1", "OLD-2", "OLDER-1", "P-1", "Z-1")]


def test_trouble_under_one_former_key_keeps_no_other_waiting_and_asks_for_a_resend(
    dynamodb: Any, machine: StepFunctions, table: Any
) -> None:
    for former in ("OLD-1", "OLD-2"):
        dynamodb.put("P-1", f"MOVED#{former}")
        dynamodb.wait(f"under {former}", former)
    trouble = aws_error("dynamodb", "ProvisionedThroughputExceededException", "PutItem")

    def refuse(put: Any) -> None:
        if put["Item"]["story"] == {"S": "OLD-1"}:
            raise trouble

    dynamodb.before["put_item"] = refuse
    with pytest.raises(Unavailable) as refusal:
        table.deliver("P-1", APPROVED)
    assert refusal.value.__cause__ is trouble
    assert list(machine.sent) == ["token of under OLD-2"]


def test_a_former_key_hears_what_was_said_of_the_story_meanwhile(
    dynamodb: Any, machine: StepFunctions, table: Any
) -> None:
    dynamodb.put("P-1", "MOVED#OLD-1")
    dynamodb.wait("a", "OLD-1")

    def meanwhile(query: Any) -> None:
        if query["ExpressionAttributeValues"][":story"] == {"S": "OLD-1"}:
            dynamodb.say(REJECTED, "P-1")

    dynamodb.before["query"] = meanwhile
    table.deliver("P-1", APPROVED)
    assert machine.sent["token of a"]["decision"] == "rejected"
    assert dynamodb.entry("OLD-1", "STORY")["decision"] == {"S": "rejected"}


def test_a_former_key_is_written_once_if_nothing_was_said_meanwhile(dynamodb: Any, table: Any) -> None:
    dynamodb.put("P-1", "MOVED#OLD-1")
    table.deliver("P-1", APPROVED)
    assert [call for call, _ in dynamodb.calls].count("put_item") == 2


def test_a_former_key_that_knows_something_newer_goes_by_that(
    dynamodb: Any, machine: StepFunctions, table: Any
) -> None:
    dynamodb.put("P-1", "MOVED#OLD-1")
    dynamodb.wait("a", "OLD-1")
    dynamodb.say(REJECTED, "OLD-1")
    table.deliver("P-1", APPROVED)
    assert machine.sent["token of a"]["decision"] == "rejected"


def test_a_move_gives_what_is_known_to_the_runs_under_the_former_key(dynamodb: Any, table: Any) -> None:
    dynamodb.wait("a", "OLD-1")
    assert table.move("P-1", "OLD-1").verdict is None
    table.deliver("P-1", Verdict("pending", EARLY, EARLY))
    dynamodb.say(APPROVED, "P-1")
    assert table.move("P-1", "OLD-1").resumed == ["a"]


@pytest.mark.parametrize("keys", [("P-1", "OLD-1"), ("P-1", "OLD-1", "OLDER-1"), ("P-1", "OLD-1", "P-1", "OLD-1")])
def test_who_begins_at_a_former_key_gives_what_is_known_under_the_present_one(
    dynamodb: Any, machine: StepFunctions, table: Any, keys: tuple[str, ...]
) -> None:
    for story, former in pairwise(keys):
        table.move(story, former)
    dynamodb.wait("a", keys[-1])
    dynamodb.say(APPROVED, keys[-1])
    dynamodb.say(REJECTED, keys[0])  # by a callback that died before it came to the former keys
    assert table.resume(keys[-1]).resumed == ["a"]
    assert machine.sent["token of a"]["decision"] == "rejected"


@pytest.mark.parametrize("second", [APPROVED, None])
def test_of_several_later_keys_the_newest_verdict_counts(
    dynamodb: Any, machine: StepFunctions, table: Any, second: Verdict | None
) -> None:
    for later, verdict in (("A-1", REJECTED), ("B-1", second)):
        dynamodb.put("OLD-1", f"BECAME#{later}")
        if verdict:
            dynamodb.say(verdict, later)
    dynamodb.wait("a", "OLD-1")
    assert table.resume("OLD-1").resumed == ["a"]
    assert machine.sent["token of a"]["decision"] == "rejected"


def test_a_move_that_died_after_its_first_write_is_enough_for_the_sweep(dynamodb: Any, table: Any) -> None:
    def die(put: Any) -> None:
        if put["Item"]["entry"]["S"].startswith("MOVED#"):
            raise aws_error("dynamodb", "InternalServerError", "PutItem")

    dynamodb.before["put_item"] = die
    with pytest.raises(Unavailable):
        table.move("P-1", "OLD-1")
    dynamodb.wait("a", "OLD-1")
    table.deliver("P-1", APPROVED)
    assert table.resume("OLD-1").resumed == ["a"]


def test_a_move_that_aws_refuses_is_503(dynamodb: Any, table: Any) -> None:
    def refuse(_: Any) -> None:
        raise aws_error("dynamodb", "ProvisionedThroughputExceededException", "PutItem")

    dynamodb.before["put_item"] = refuse
    with pytest.raises(Unavailable, match=r"^AWS did not take the verdict; send it again$"):
        table.move("P-1", "OLD-1")
