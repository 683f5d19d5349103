"""The decision table's single calls (DynamoDB by moto): their arguments, and what is left undone if one fails.

That its steps are right in every order is shown in tests/protocol.
"""

import random
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.entries import CONFLICT_ATTEMPTS, KEPT_SECONDS, Entries
from chalicelib.refusals import Unavailable
from chalicelib.verdicts import PATIENCE_SECONDS, Budget, Verdict, VerdictTable
from tests.chalicelib.fakes import StepFunctions, aws_error

EARLY, AT, LATE = (f"2026-01-01T1{hour}:00:00.000Z" for hour in range(3))
APPROVED = Verdict("approved", AT, AT, "Done", "Ännchen ☃", "ship it")
REJECTED = Verdict("rejected", LATE, LATE)
NOW = datetime(2026, 1, 1, 13, tzinfo=UTC).timestamp()
AMPLE = Budget(NOW + 60, NOW + 60)
TIMEOUT = ReadTimeoutError(endpoint_url="https://states")


@pytest.fixture
def slept() -> Any:
    return []


@pytest.fixture
def table(dynamodb: Any, machine: StepFunctions, slept: Any) -> Any:
    return VerdictTable(dynamodb, "verdicts", machine, clock=lambda: NOW, sleep=slept.append)


def test_an_approval_completes_the_wait_with_the_whole_decision(
    dynamodb: Any, machine: StepFunctions, table: Any
) -> None:
    dynamodb.wait("a")
    table.deliver("P-1", APPROVED)
    output = (
        '{"decision": "approved", "status": "Done", "actor": "Ännchen ☃", "actorId": null, "message": "ship it", '
        f'"decidedAt": "{AT}", "receivedAt": "{AT}"}}'
    )
    assert machine.calls == [("SendTaskSuccess", {"taskToken": "token of a", "output": output})]


def test_a_rejection_completes_the_wait_with_the_whole_decision(
    dynamodb: Any, machine: StepFunctions, table: Any
) -> None:
    dynamodb.wait("a")
    table.deliver("P-1", Verdict("rejected", LATE, LATE, "Won't Do", "Ännchen ☃", '"no"', "id-7"))
    output = (
        '{"decision": "rejected", "status": "Won\'t Do", "actor": "Ännchen ☃", "actorId": "id-7", '
        f'"message": "\\"no\\"", "decidedAt": "{LATE}", "receivedAt": "{LATE}"}}'
    )
    assert machine.calls == [("SendTaskSuccess", {"taskToken": "token of a", "output": output})]


def test_a_pending_story_is_sent_to_nobody(dynamodb: Any, machine: StepFunctions, table: Any) -> None:
    dynamodb.wait("a")
    assert table.deliver("P-1", Verdict("pending", LATE, LATE)).resumed == []
    assert machine.calls == []
    assert dynamodb.entry("P-1", "WAIT#a")


def test_a_run_that_the_verdict_does_not_count_for_keeps_none_behind_it_waiting(dynamodb: Any, table: Any) -> None:
    dynamodb.wait("a", counts_from=AT)
    dynamodb.wait("b")
    assert table.deliver("P-1", APPROVED).resumed == ["b"]


@pytest.mark.parametrize("verdict", [APPROVED, REJECTED])
def test_a_runs_own_trouble_keeps_none_behind_it_waiting_and_asks_for_a_resend(
    dynamodb: Any, machine: Any, table: VerdictTable, verdict: Verdict
) -> None:
    for run in "abc":
        dynamodb.wait(run)
    sent = machine.send_task_success

    def send(taskToken: Any, **given: Any) -> None:
        if taskToken == "token of b":
            raise TIMEOUT
        sent(taskToken=taskToken, **given)

    machine.send_task_success = send
    with pytest.raises(Unavailable, match=r"^AWS did not take the verdict; send it again$") as refusal:
        table.deliver("P-1", verdict)
    assert refusal.value.__cause__ is TIMEOUT
    assert list(machine.sent) == ["token of a", "token of c"]
    assert dynamodb.entry("P-1", "WAIT#b")


def test_a_wait_that_was_entered_anew_keeps_its_entry(dynamodb: Any, table: Any) -> None:
    dynamodb.wait("a")
    dynamodb.before["delete_item"] = lambda _: dynamodb.wait("a", token="a new one")
    assert table.deliver("P-1", APPROVED).resumed == ["a"]
    assert dynamodb.entry("P-1", "WAIT#a")["taskToken"] == {"S": "a new one"}


def test_what_is_written_is_kept_for_longer_than_a_run_may_wait(dynamodb: Any, table: Any) -> None:
    table.deliver("P-1", APPROVED, former_key="OLD-1")
    for entry in ("STORY", "MOVED#OLD-1"):
        assert dynamodb.entry("P-1", entry)["expiresAt"] == {"N": str(int(NOW) + KEPT_SECONDS)}
    assert KEPT_SECONDS > 366 * 24 * 3600


def test_a_partition_of_one_page_is_read_once_and_consistently(dynamodb: Any, table: Any) -> None:
    table.deliver("P-1", APPROVED)
    ((_, query),) = [call for call in dynamodb.calls if call[0] == "query"]
    assert query["ConsistentRead"] is True


def test_after_the_last_of_several_pages_the_verdict_is_read_again(dynamodb: Any, machine: StepFunctions) -> None:
    for run in "ab":
        dynamodb.wait(run)

    def two_pages(query: Any) -> None:
        if "ExclusiveStartKey" in query:  # while the first page was read, Jira said something else
            dynamodb.say(REJECTED)
        elif ":last" not in query["ExpressionAttributeValues"]:
            query["Limit"] = 2

    dynamodb.say(APPROVED)
    dynamodb.before["query"] = two_pages
    verdict = VerdictTable(dynamodb, "verdicts", machine, lambda: NOW, budget=AMPLE).sweep("P-1").verdict
    assert verdict
    assert verdict.decision == "rejected"
    assert [decision["decision"] for decision in machine.sent.values()] == ["rejected", "rejected"]
    assert {query["ConsistentRead"] for operation, query in dynamodb.calls if operation == "query"} == {True}


def test_a_verdict_that_vanished_at_once_is_503(dynamodb: Any, table: Any) -> None:
    key = {"story": {"S": "P-1"}, "entry": {"S": "STORY"}}
    dynamodb.before["query"] = lambda _: dynamodb.client.delete_item(TableName="verdicts", Key=key)
    with pytest.raises(Unavailable, match=r"^the verdict just written is not there; send it again$"):
        table.deliver("P-1", APPROVED)


@pytest.mark.parametrize(("late_by", "resumed"), [(0, 2), (0.001, 0)])
def test_no_call_to_aws_begins_later_than_twelve_seconds_after_the_requests_arrival(
    dynamodb: Any, machine: StepFunctions, late_by: Any, resumed: Any
) -> None:
    for run in "ab":
        dynamodb.wait(run)
    arrived = NOW - PATIENCE_SECONDS - late_by
    table = VerdictTable(dynamodb, "verdicts", machine, clock=lambda: NOW)
    if late_by:
        with pytest.raises(Unavailable, match=r"^AWS took too long to answer; send it again$"):
            table.deliver("P-1", APPROVED, arrived=arrived)
    else:
        table.deliver("P-1", APPROVED, arrived=arrived)
    assert len(machine.sent) == resumed


@pytest.mark.parametrize(("method", "given"), [("move", ("P-1", "OLD-1")), ("resume", ("P-1",))])
def test_the_time_of_a_move_counts_from_the_arrival_too(table: Any, method: str, given: Any) -> None:
    with pytest.raises(Unavailable, match="too long"):
        getattr(table, method)(*given, arrived=NOW - PATIENCE_SECONDS - 1)


def test_a_verdict_is_newer_exactly_if_the_table_takes_it(dynamodb: Any) -> None:
    entries = Entries(dynamodb, "verdicts")
    verdicts = [Verdict(decision, at, at) for decision in ("approved", "pending", "rejected") for at in (EARLY, AT)]
    for number, (first, second) in enumerate(product(verdicts, repeat=2)):
        entries.record(f"P-{number}", first)
        entries.record(f"P-{number}", second)
        taken = entries.known(f"P-{number}").verdict == second != first
        assert second.is_newer_than(first) == taken, (first, second)
    assert verdicts[0].is_newer_than(None)


def test_runs_that_the_verdict_does_not_count_for_are_named_later(dynamodb: Any, table: Any) -> None:
    for run, counts_from in (("a", AT), ("b", EARLY), ("c", LATE)):
        dynamodb.wait(run, counts_from=counts_from)
    delivery = table.deliver("P-1", APPROVED)
    assert (delivery.resumed, delivery.later) == (["b"], ["a", "c"])


def test_nobody_is_later_than_a_pending_story(dynamodb: Any, table: Any) -> None:
    dynamodb.wait("a")
    delivery = table.deliver("P-1", Verdict("pending", LATE, LATE))
    assert (delivery.later, [run.execution for run in delivery.waiting]) == ([], ["a"])


def test_a_conflict_with_a_run_that_begins_to_wait_is_waited_out(dynamodb: Any, table: Any, slept: Any) -> None:
    conflicts = iter(range(CONFLICT_ATTEMPTS - 1))

    def conflict(_: Any) -> None:
        if next(conflicts, None) is not None:
            raise aws_error("dynamodb", "TransactionConflictException", "PutItem")

    dynamodb.before["put_item"] = conflict
    random.seed(7)
    table.deliver("P-1", APPROVED)
    assert dynamodb.entry("P-1", "STORY")
    random.seed(7)
    assert slept == [random.uniform(0, 0.05 * 2**attempt) for attempt in range(1, CONFLICT_ATTEMPTS)]  # noqa: S311


def test_a_conflict_that_does_not_pass_is_503(dynamodb: Any, table: Any, slept: Any) -> None:
    def conflict(_: Any) -> None:
        raise aws_error("dynamodb", "TransactionConflictException", "PutItem")

    dynamodb.before["put_item"] = conflict
    with pytest.raises(Unavailable, match="did not take the verdict"):
        table.deliver("P-1", APPROVED)
    assert len(slept) == CONFLICT_ATTEMPTS - 1
