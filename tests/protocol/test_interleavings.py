"""The handler and the workflow's states, in every order of their AWS calls, do what the model does, step by step.

Each real state is translated into a state of the model (compared.py). From each, the real steps must be the model's
steps: all of them without accidents, and no others with an accident. So the properties that test_model.py shows hold
for the code. The end of every order is checked as well.
"""

import gc
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

import pytest
from moto import mock_aws
from sfnx.testing import Failure

from tests.proofs import table as as_table
from tests.protocol import real
from tests.protocol.compared import Compared
from tests.protocol.interleaved import Interleaved
from tests.protocol.model import CAUTION, Said
from tests.protocol.replay import Answered, Called, Process, Table, Tamper

BEFORE, INSTANT, AFTER, LATER = range(1, 5)
MOMENTS = {
    BEFORE: real.COUNTS_FROM - timedelta(milliseconds=1),
    INSTANT: real.COUNTS_FROM,
    AFTER: real.COUNTS_FROM + timedelta(milliseconds=1),
    LATER: real.COUNTS_FROM + timedelta(minutes=10),
}
SAID = [Said(*said) for said in product(CAUTION, MOMENTS)]


class Stage(NamedTuple):
    """What all scenarios share, so that nothing is played twice."""

    table: Table
    answered: Answered
    run: Process
    callbacks: dict[Said, Process]
    sweep: Process
    exceptions: Any
    asked: dict[Said, Process] | None = None
    """What takes the place of the first callback."""

    def compared(self, first: Said, second: Said, accident: bool = False) -> Compared:
        """Return the two callbacks, the run, and the sweep after an accident, to be compared with their model."""
        firsts = self.asked or self.callbacks
        processes = (firsts[first], self.callbacks[second], self.run, *([self.sweep] if accident else []))
        together = Interleaved(self.table, self.answered, processes, self.exceptions)
        return Compared(together, (first, second), INSTANT, {real.text(MOMENTS[label]): label for label in MOMENTS})


def exceptions() -> dict[str, Any]:
    """Return the exceptions of the two clients, by service."""
    return {name: real.client(name).exceptions for name in ("dynamodb", "stepfunctions")}


def stage(table: Table, written: str = real.DEFINITION, tamper: Tamper | None = None) -> Stage:
    """Return the handler and the run of this definition; `tamper` changes the handler's calls."""
    thrown = exceptions()
    answered = Answered()
    bodies = {said: real.webhook(said.decision, MOMENTS[said.decided]) for said in SAID}
    callbacks = {said: Process(real.handler(body, thrown, tamper), answered) for said, body in bodies.items()}
    run = Process(real.run(real.waiting_states(written)), answered)
    sweep = Process(real.sweep(thrown), answered)
    return Stage(table, answered, run, callbacks, sweep, thrown["stepfunctions"])


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    with mock_aws():
        gc.disable()
        yield Table(real.client("dynamodb"), real.TABLE)
        gc.enable()


@pytest.fixture(scope="module")
def as_written(table: Table) -> Stage:
    return stage(table)


def test_without_accidents_code_and_model_take_the_same_steps(as_written: Stage, tell: Callable[[str], None]) -> None:
    pairs = list(product(SAID, SAID))
    tell(followed("C. Handler and workflow as written, in every order of their AWS calls", pairs, as_written, 0))


def test_with_an_accident_the_code_does_nothing_the_model_does_not(
    as_written: Stage, tell: Callable[[str], None]
) -> None:
    pairs = list(combinations_with_replacement([said for said in SAID if said.decided in (AFTER, LATER)], 2))
    title = "D. The same with one crash, conflict or lost answer at every place; no callback comes again, but a sweep"
    tell(followed(title, pairs, as_written, 1))


def test_an_answer_of_jiras_is_one_more_delivery_however_old_it_is_when_a_webhook_arrives(
    as_written: Stage, tell: Callable[[str], None]
) -> None:
    late = [said for said in SAID if said.decided in (AFTER, LATER)]
    asked = {
        said: Process(real.asked(said.decision, MOMENTS[said.decided], exceptions()), as_written.answered)
        for said in late
    }
    pairs = [pair for pair in product(late, late) if pair[0].decided != pair[1].decided]
    title = "E. Jira's answer, and a webhook that is newer or older, in every order of their AWS calls"
    tell(followed(title, pairs, as_written._replace(asked=asked), 0))


def followed(title: str, pairs: list[tuple[Said, Said]], on: Stage, accidents: int) -> str:
    """Follow every pair of deliveries to every end; return a table with the counts."""
    orders, states, began = 0, 0, time.process_time()
    for first, second in pairs:
        compared = on.compared(first, second, accident=bool(accidents))
        orders += compared.orders(accidents)
        states += compared.states
    seconds = f"{time.process_time() - began:.1f} s of one core"
    head = ("pairs of deliveries", "interleavings", "distinct states", "time")
    return as_table(title, head, [(len(pairs), orders, states, seconds)])


# Mistakes made on purpose in the definition; the tests must notice each one.
APPROVAL_SENT = "$said.decision = 'approved'"
# What follows the rule that a rejection takes without a release API: the one with it.
THEN_ROLLBACK = '\n        },\n        {\n          "Condition": "{% $decision.decision = \'rejected\' %}'
WRITTEN_WRONG = {
    "the check forgets the run's start": {" OR decidedAt <= :countsFrom": ""},
    "the check counts the very instant": {"decidedAt <= :countsFrom": "decidedAt < :countsFrom"},
    "the check forgets pending": {" OR decision = :pending": ""},
    "the check is always content": {
        "attribute_not_exists(story) OR": "attribute_exists(taskToken) OR NOT attribute_exists(taskToken) OR"
    },
    "the read counts what is older": {"$verdict.decidedAt.S > $countsFrom": "$verdict.decidedAt.S != ''"},
    "the read takes pending": {
        "($verdict.decision.S = 'approved'": "($verdict.decision.S != ''",
        "{% $decision.decision = 'approved' and": "{% $decision.decision != 'rejected' and",
    },
    "whatever is known goes the green way": {"{% $decision.decision = 'approved' and": "{% $exists($decision) and"},
    "a rejection goes the green way": {
        "{% $decision.decision = 'approved' and": "{% $type($decision) = 'object' and",
    },
    "a rejection sent is no verdict": {"$said.decision = 'approved' or $said.decision = 'rejected'": APPROVAL_SENT},
    "an approval sent is no verdict": {APPROVAL_SENT + " or ": ""},
    "a verdict sent is noted as an approval": {"'decision': $said.decision": "'decision': 'approved'"},
    "a verdict read is noted as an approval": {"'decision': $verdict.decision.S": "'decision': 'approved'"},
    "a verdict sent loses its moment": {"'decidedAt': $text($said.decidedAt)": "'decidedAt': null"},
    "a verdict sent is forgotten": {
        '"Next": "VerdictCounts"\n    },\n    "ReadVerdict"': '"Next": "ReadVerdict"\n    },\n    "ReadVerdict"'
    },
    "approval and rejection change ways": {
        '"Next": "WriteApprovedLog"': '"Next": "Changed"',
        f'"Next": "WriteLog"{THEN_ROLLBACK}': f'"Next": "WriteApprovedLog"{THEN_ROLLBACK}',
        '"Next": "Changed"': '"Next": "WriteLog"',
    },
}


@pytest.mark.parametrize("wrong", WRITTEN_WRONG)
def test_a_definition_that_is_wrong_is_noticed(wrong: str, table: Table) -> None:
    written = real.DEFINITION
    for right, broken in WRITTEN_WRONG[wrong].items():
        assert right in written
        written = written.replace(right, broken)
    assert notices(stage(table, written))


def without_condition(operation: str, given: dict[str, Any]) -> Called:
    """Drop the condition."""
    return operation, {
        name: value for name, value in given.items() if not name.startswith(("Condition", "ExpressionAttr"))
    }


def changed(given: dict[str, Any], **fields: str | None) -> dict[str, Any]:
    """Return the arguments of SendTaskSuccess with another decision."""
    return given | {"output": json.dumps(json.loads(given["output"]) | fields)}


def approves(operation: str, given: dict[str, Any]) -> Called:
    """Make every verdict an approval."""
    return operation, changed(given, decision="approved")


def rejects(operation: str, given: dict[str, Any]) -> Called:
    """Make every verdict a rejection."""
    return operation, changed(given, decision="rejected")


def leaves_it_pending(operation: str, given: dict[str, Any]) -> Called:
    """Send "pending", which is no verdict."""
    return operation, changed(given, decision="pending")


def forgets_when(operation: str, given: dict[str, Any]) -> Called:
    """Send a verdict without its moment."""
    return operation, changed(given, decidedAt=None)


def fails(_: str, given: dict[str, Any]) -> Called:
    """Fail the wait instead of completing it."""
    return "send_task_failure", {"taskToken": given["taskToken"], "error": "Rejected", "cause": given["output"]}


@pytest.mark.parametrize(
    ("operation", "broken"),
    [
        ("put_item", without_condition),
        ("delete_item", without_condition),
        ("send_task_success", approves),
        ("send_task_success", rejects),
        ("send_task_success", leaves_it_pending),
        ("send_task_success", forgets_when),
        ("send_task_success", fails),
    ],
)
def test_a_handler_that_is_wrong_is_noticed(operation: str, broken: Tamper, table: Table) -> None:
    def tamper(called: str, given: dict[str, Any]) -> Called:
        return broken(called, given) if called == operation else (called, given)

    assert notices(stage(table, tamper=tamper))


def notices(on: Stage) -> bool:
    """Return whether any pair of deliveries leads to a wrong step or a wrong end."""
    try:
        counting_first = sorted(SAID, key=lambda said: said.decided != AFTER)
        for accidents in (0, 1):
            for first, second in combinations_with_replacement(counting_first, 2):
                on.compared(first, second, accident=bool(accidents)).orders(accidents)
    except (AssertionError, Failure, KeyError, RuntimeError, ValueError):
        return True
    return False
