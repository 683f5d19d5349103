"""Every fault of every AWS call of the callback: the answer that Jira gets, and the effect of Jira's resend. A run
waits (its entry is the real transaction's), and an approval is delivered; for the call that resumes it, a rejection
too.

Whatever fails, Jira gets 503, or no answer at all if the function died. After its resend the run was resumed once, with
that verdict, its entry is gone, and STORY is right.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from chalicelib import callback
from chalicelib.credentials import sign
from chalicelib.secret import Secret
from tests.proofs import table as as_table
from tests.protocol import real
from tests.protocol.faults import FAULTS, Died, Faulty
from tests.protocol.interleaved import RESUMES, items, verdict_in
from tests.protocol.replay import Answered, Call, Process, Table

DECIDED = real.COUNTS_FROM + timedelta(minutes=1)
CALLS = {
    "get_secret_value": "secretsmanager",
    "put_item": "dynamodb",
    "query": "dynamodb",
    RESUMES: "stepfunctions",
    "delete_item": "dynamodb",
}
WRITES = ("put_item", "delete_item")
MATRIX = [
    (decision, call, fault)
    for call in CALLS
    for decision in (("approved", "rejected") if call == RESUMES else ("approved",))
    for fault in FAULTS
    if fault != "conflict" or call in WRITES
]
NO_ANSWER = "none"


@dataclass
class StepFunctions:
    """Accepts a token once."""

    exceptions: Any
    open: set[str]
    accepted: list[tuple[str, Any]] = field(default_factory=list)

    def send_task_success(self, **given: str) -> None:
        """Accept an open token."""
        if given["taskToken"] not in self.open:
            closed = {"Error": {"Code": "TaskTimedOut", "Message": "it is over"}}
            raise self.exceptions.TaskTimedOut(closed, "SendTaskSuccess")
        self.open.remove(given["taskToken"])
        self.accepted.append((given["taskToken"], verdict_in(given)))


@dataclass
class Secrets:
    """Secrets Manager, which holds the secret."""

    exceptions: Any

    def get_secret_value(self, **_: str) -> dict[str, str]:
        """Return the secret."""
        return {"SecretString": json.dumps({"callback": real.KEY})}


@dataclass
class House:
    """AWS, with one run waiting in it for each token."""

    dynamodb: Any
    stepfunctions: StepFunctions
    clients: dict[str, Any]

    def deliver(self, decision: str) -> str:
        """Return the status that Jira gets, or "none". An exception that escapes the handler is a 500 (Chalice)."""
        body = real.webhook(decision, DECIDED)
        secret = Secret(self.clients["secretsmanager"], "storygate")
        table = real.table_of(self.clients["dynamodb"], self.clients["stepfunctions"])
        try:
            status, reply = callback.answer(
                body, {"X-Hub-Signature": sign(body, real.KEY)}, secret, table, real.RULES, real.NOW
            )
        except Died:
            return NO_ANSWER
        except Exception as error:  # noqa: BLE001 - that is the question
            return f"500 {type(error).__name__}"
        return f"{status} {next((name for name in ('resumed', 'closed') if reply.get(name)), '')}".strip()

    def breaks(self, call: str, fault: str, times: float) -> Faulty:
        """Give this call this fault, the next `times` times."""
        service = CALLS[call]
        faulty = self.clients[service] = Faulty(self.clients[service], call, FAULTS[fault], times)
        return faulty

    @property
    def taken(self) -> list[tuple[str, str, str]]:
        """Return which run was resumed, with which decision, decided when."""
        return [
            (token.removeprefix("token of "), sent["decision"], sent["decidedAt"])
            for token, sent in self.stepfunctions.accepted
        ]

    def entries(self) -> dict[str, dict[str, str]]:
        """Return the table's items by entry."""
        found = self.dynamodb.scan(TableName=real.TABLE, ConsistentRead=True)["Items"]
        return items(tuple(json.dumps(item) for item in found))


@pytest.fixture(scope="module")
def empty() -> Iterator[Any]:
    with mock_aws():
        dynamodb = real.client("dynamodb")
        Table(dynamodb, real.TABLE)
        yield dynamodb


@pytest.fixture
def house(empty: Any, begin_to_wait: Callable[[str], dict[str, Any]]) -> Callable[..., House]:
    def build(*runs: str) -> House:
        for item in empty.scan(TableName=real.TABLE)["Items"]:
            empty.delete_item(TableName=real.TABLE, Key={name: item[name] for name in ("story", "entry")})
        for run in runs:
            empty.transact_write_items(**begin_to_wait(run))
        tokens = {f"token of {run}" for run in runs}
        stepfunctions = StepFunctions(real.client("stepfunctions").exceptions, tokens)
        secrets = Secrets(real.client("secretsmanager").exceptions)
        clients = {"dynamodb": empty, "stepfunctions": stepfunctions, "secretsmanager": secrets}
        return House(empty, stepfunctions, clients)

    return build


@pytest.fixture(scope="module")
def begin_to_wait(empty: Any) -> Callable[[str], dict[str, Any]]:  # noqa: ARG001 - the clock is stopped there
    """Return a function that makes the definition's wait transaction for a run of any name."""
    call = Process(real.run(real.waiting_states(real.DEFINITION)), Answered()).after(())
    assert isinstance(call, Call)

    def named(run: str) -> dict[str, Any]:
        arguments = call.arguments.replace("WAIT#execution", f"WAIT#{run}").replace("token-1", f"token of {run}")
        return {**json.loads(arguments), "ClientRequestToken": run}

    return named


def test_whatever_fails_jiras_resend_makes_it_right(house: Callable[..., House], tell: Callable[[str], None]) -> None:
    rows: dict[tuple[str, ...], list[str]] = {}
    for decision, call, fault in MATRIX:
        answers = []
        for times in (1, math.inf):  # once; whenever it is called during the first delivery
            here = house("A")
            faulty = here.breaks(call, fault, times)
            first = here.deliver(decision)
            faulty.times = 0
            again = here.deliver(decision)
            assert first.partition(" ")[0] in ("200", "503", NO_ANSWER), (call, fault, first)
            assert again in ("200 resumed", "200 closed", "202"), (call, fault, again)
            assert here.taken == [("A", decision, real.text(DECIDED))], (call, fault)
            entries = here.entries()
            assert [*entries] == ["STORY"], (call, fault)
            story = entries["STORY"]
            assert (story["decision"], story["decidedAt"]) == (decision, real.text(DECIDED)), (call, fault)
            answers += [first, again]
        rows.setdefault((f"{call}, {decision}" if call == RESUMES else call, *answers), []).append(fault)
    head = ("call", "fault", "once", "resend", "always", "resend", "in the end")
    end = "resumed once, entry gone, STORY right"
    lines = [(call, ", ".join(faults), *answers, end) for (call, *answers), faults in rows.items()]
    title = f"G. Every fault of every AWS call of the callback ({len(MATRIX)}): what Jira is answered, and its resend"
    tell(as_table(title, head, lines))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_run_that_cannot_be_resumed_keeps_no_other_waiting(
    decision: str, fault: str, house: Callable[..., House]
) -> None:
    here = house("A", "B", "C")
    faulty = here.breaks(RESUMES, fault, 1)
    first = here.deliver(decision)
    if first != NO_ANSWER:
        assert [run for run, *_ in here.taken][-2:] == ["B", "C"]
    faulty.times = 0
    here.deliver(decision)
    assert sorted(run for run, *_ in here.taken) == ["A", "B", "C"]
    assert [*here.entries()] == ["STORY"]
