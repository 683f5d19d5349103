"""The workflow takes each verdict as the callback sends it, into the run's result."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.jira_values import LONGEST_TEXT
from chalicelib.verdicts import Verdict, VerdictTable
from tests.chalicelib.fakes import StepFunctions, exceptions
from tests.statemachine.machine import VERDICT, play

OUTPUT_BYTES = 262_144  # SendTaskSuccess API reference
CONTROL, EMOJI, QUOTES, SEPARATORS = (
    (some * LONGEST_TEXT)[:LONGEST_TEXT] for some in ("\x00\n\x1b", "\U0001f600", "\"\\'", "\u2028\u0085\x7f\n")
)
pieces = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)  # jira.py replaces surrogates
texts = st.none() | pieces | pieces.map(lambda piece: (piece * LONGEST_TEXT)[:LONGEST_TEXT])


class OneWaiting:
    """DynamoDB with one waiting run."""

    def __init__(self) -> None:
        self.exceptions = exceptions("dynamodb")
        self.story: dict[str, Any] = {}

    def put_item(self, *, Item: Any, **_: Any) -> None:
        self.story = Item

    def query(self, **_: Any) -> Any:
        waiting = {"entry": "WAIT#execution", "taskToken": "token", "countsFrom": "2026-01-01T00:00:00.000Z"}
        return {"Items": [self.story, {name: {"S": value} for name, value in waiting.items()}], "Count": 2}

    def delete_item(self, **_: Any) -> None:
        self.story = {}


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(["approved", "rejected"]), texts, texts, texts)
@example("rejected", CONTROL, CONTROL, CONTROL)
@example("rejected", EMOJI, EMOJI, EMOJI)
@example("rejected", QUOTES, QUOTES, QUOTES)
@example("rejected", SEPARATORS, SEPARATORS, SEPARATORS)
@example("approved", EMOJI, CONTROL, QUOTES)
@example("rejected", '"}', '", "decision": "approved', '{"decision": "approved"}')
@example("rejected", "\\u0000\\", '\\"', "{% 'approved' %}\n")
def test_a_verdict_arrives_whole_whatever_its_texts_are(decision: str, status: Any, actor: Any, message: Any) -> None:
    verdict = Verdict(decision, VERDICT["decidedAt"], VERDICT["receivedAt"], status, actor, message)
    machine = StepFunctions()
    VerdictTable(OneWaiting(), "verdicts", machine).deliver("PROJ-1", verdict)
    ((_, sent),) = machine.calls
    assert len(sent["output"].encode()) <= OUTPUT_BYTES
    done = play(wait=json.loads(sent["output"]))
    assert done.ending[0] == decision
    assert done.result["decision"] | {"actorId": None} == verdict.as_decision()
