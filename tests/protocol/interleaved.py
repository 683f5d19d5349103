"""Two callbacks and a run, all real (real.py), in every order of their AWS calls.

Of Step Functions only this is imitated: a token is accepted once, while the run waits with it; any other token is
TaskTimedOut. With accidents, one of these happens in each order, at any place: a callback dies before its next call;
the run's transaction meets a conflict; the transaction's answer is lost after it was carried out. No callback is sent
again: in the end a sweep comes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.protocol.replay import Answered, Answers, Call, Contents, Ended, Process, Table

CRASHED = -1  # in the place of an answer: there are no more
FIRST, SECOND, RUN, SWEEP = range(4)
RESUMES = "send_task_success"  # the call that completes a wait


class State(NamedTuple):
    """The table's contents, and the answers that each process has had."""

    contents: Contents
    had: tuple[Answers, ...]
    accidents: int = 0  # still to come


class Step(NamedTuple):
    """One step: a call of a process, or an accident to it."""

    process: int
    what: str
    state: State


def refusal(code: str, operation: str) -> ClientError:
    """Return an error as botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


CONFLICT = refusal("TransactionCanceledException", "TransactWriteItems")
LOST = refusal("SdkClientException", "TransactWriteItems")


@dataclass(frozen=True)
class Interleaved:
    """The processes, and what answers them."""

    table: Table
    answered: Answered
    processes: tuple[Process, ...]
    exceptions: Any  # of Step Functions

    def next(self, state: State, process: int) -> Call | Ended | None:
        """Return the process's next call; None if it died."""
        had = state.had[process]
        return None if had[-1:] == (CRASHED,) else self.processes[process].after(had)

    def steps(self, state: State) -> Iterator[Step]:
        """Yield every possible next step."""
        ready = [process for process in (FIRST, SECOND, RUN) if self._ready(state, process)]
        if not ready and len(self.processes) > SWEEP:
            ready = [process for process in (SWEEP,) if self._ready(state, process)]
        for process in ready:
            call = self.next(state, process)
            assert isinstance(call, Call)
            yield Step(process, call.operation, self._performed(state, process, call))
            if state.accidents:
                yield from self._accidents(state, process, call)

    def _ready(self, state: State, process: int) -> bool:
        call = self.next(state, process)
        return isinstance(call, Call) and call.operation != "wait"

    def _performed(self, state: State, process: int, call: Call) -> State:
        if call.operation == RESUMES:
            return self._sent(state, process, call)
        if call.service == "stepfunctions":
            return self._answered(state, process, self._looked(state, call))
        answer, contents = self.table.perform(state.contents, call)
        return self._answered(state._replace(contents=contents), process, answer)

    def _looked(self, state: State, call: Call) -> dict[str, Any]:
        """Return what the sweep sees of the run."""
        over = isinstance(self.next(state, RUN), Ended)
        if call.operation == "list_executions":
            return {"executions": [] if over else [{"name": "execution"}]}
        assert call.operation == "describe_execution"
        return {"status": "SUCCEEDED" if over else "RUNNING"}

    def _sent(self, state: State, process: int, call: Call) -> State:
        wait = self.next(state, RUN)
        if isinstance(wait, Call) and wait.operation == "wait" and wait.given["token"] == call.given["taskToken"]:
            return self._answered(self._answered(state, RUN, call.given["output"]), process, {})
        closed = {"Error": {"Code": "TaskTimedOut", "Message": "it is over"}}
        return self._answered(state, process, self.exceptions.TaskTimedOut(closed, "SendTaskSuccess"))

    def _accidents(self, state: State, process: int, call: Call) -> Iterator[Step]:
        after = state._replace(accidents=state.accidents - 1)
        if process in (FIRST, SECOND) and state.had[process]:
            yield Step(process, "crash", _had(after, process, CRASHED))
        if call.operation == "transact_write_items":
            yield Step(process, "conflict", self._answered(after, process, CONFLICT))
            answer, contents = self.table.perform(state.contents, call)
            if not isinstance(answer, Exception):
                yield Step(process, "lost", self._answered(after._replace(contents=contents), process, LOST))

    def _answered(self, state: State, process: int, answer: object) -> State:
        return _had(state, process, self.answered.number(answer))


def _had(state: State, process: int, answer: int) -> State:
    had = (*state.had[:process], (*state.had[process], answer), *state.had[process + 1 :])
    return state._replace(had=had)


def verdict_in(given: dict[str, Any]) -> dict[str, Any]:
    """Return the decision that SendTaskSuccess, called like this, hands to a run."""
    decision: dict[str, Any] = json.loads(given["output"])
    assert decision["decision"] in ("approved", "rejected"), f"a run is resumed with {decision['decision']}"
    return decision


@cache
def items(contents: Contents) -> dict[str, dict[str, str]]:
    """Return the table's items by entry, without their types."""
    read = [json.loads(item) for item in contents]
    return {item["entry"]["S"]: {name: next(iter(value.values())) for name, value in item.items()} for item in read}
