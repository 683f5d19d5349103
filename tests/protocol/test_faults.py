"""Every fault of every AWS call of the callback: the answer that Jira gets, and what comes of it. A run waits (its
entry is the real transaction's), and an approval is delivered; for the call that resumes it, a rejection too.

Whatever fails, Jira gets 503, or no answer at all if the function died. After its resend the run was resumed once, with
that verdict, its entry is gone, and STORY is right. The same after a sweep without a resend, once STORY was written.
"""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from chalicelib.refusals import Unavailable
from chalicelib.sweep import Swept
from tests.proofs import table as as_table
from tests.protocol import real
from tests.protocol.faults import FAULTS, Died
from tests.protocol.house import CALLS, DECIDED, NO_ANSWER, SWEEP_CALLS, House, Secrets, StepFunctions
from tests.protocol.interleaved import RESUMES
from tests.protocol.replay import Answered, Call, Process, Table

WRITES = ("put_item", "delete_item")
MATRIX = [
    (decision, call, fault)
    for call in CALLS
    for decision in (("approved", "rejected") if call == RESUMES else ("approved",))
    for fault in FAULTS
    if fault != "conflict" or call in WRITES
]


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


def test_whatever_fails_jiras_resend_or_the_sweep_makes_it_right(
    house: Callable[..., House], tell: Callable[[str], None]
) -> None:
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
            assert ended_right(here, decision), (call, fault)
            answers += [first, again]
        answers.append(swept_after(house("A"), decision, call, fault))
        rows.setdefault((f"{call}, {decision}" if call == RESUMES else call, *answers), []).append(fault)
    head = ("call", "fault", "once", "resend", "always", "resend", "a sweep, without a resend", "in the end")
    end = "resumed once, entry gone, STORY right"
    lines = [(call, ", ".join(faults), *answers, end) for (call, *answers), faults in rows.items()]
    title = (
        f"G. Every fault of every AWS call of the callback ({len(MATRIX)}): what Jira is answered, and what comes of it"
    )
    tell(as_table(title, head, lines))


def ended_right(here: House, decision: str) -> bool:
    """Return whether run A was resumed once, with this decision, and only the right STORY is left."""
    entries = here.entries()
    story = [entries["STORY"][name] for name in ("decision", "decidedAt")] if "STORY" in entries else []
    when = real.text(DECIDED)
    return [*entries] == ["STORY"] and story == [decision, when] and here.taken == [("A", decision, when)]


def swept_after(here: House, decision: str, call: str, fault: str) -> str:
    """Deliver once with a fault that stays, and never again; return what the next sweep does."""
    faulty = here.breaks(call, fault, math.inf)
    answer = here.deliver(decision)
    faulty.times = 0
    recorded = "STORY" in here.entries()
    swept = here.sweep()
    assert not swept["errors"]
    if not recorded:  # Jira knows that it was not taken, or is asked
        assert answer in ("503", NO_ANSWER)
        assert not here.taken
        return "no verdict is known"
    assert ended_right(here, decision), (call, fault)
    assert here.sweep() | {"overdue": 0} == {"log": "sweep", **asdict(Swept()), "overdue": 0}
    return "mends" if swept["mended"] else "tidies" if swept["waiting"] else "finds nothing"


@pytest.mark.parametrize("times", [1, math.inf])
@pytest.mark.parametrize("call", SWEEP_CALLS)
def test_whatever_fails_in_a_sweep_the_next_one_makes_it_right(
    call: str, times: float, house: Callable[..., House]
) -> None:
    """A is left by a callback that died before it sent; B, of another story, is over."""
    for fault in FAULTS:
        if fault == "conflict" and call not in WRITES:
            continue
        here = house("A")
        texts = {"story": "PROJ-9", "entry": "WAIT#B", "taskToken": "token of B"}
        texts |= dict.fromkeys(("countsFrom", "startedAt"), real.text(real.STARTED))
        item = {name: {"S": text} for name, text in texts.items()}
        here.dynamodb.put_item(TableName=real.TABLE, Item=item)
        died = here.breaks(RESUMES, "dies before", math.inf)
        assert here.deliver("approved") == NO_ANSWER
        died.times = 0
        faulty = here.breaks(call, fault, times)
        with suppress(Died, BotoCoreError, ClientError, Unavailable):
            here.sweep()
        faulty.times = 0
        here.sweep()
        assert ended_right(here, "approved"), fault


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
