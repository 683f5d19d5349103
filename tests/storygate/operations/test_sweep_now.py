"""`sweep` invokes the stage's function, prints what it returns, and says what to do when it fails."""

import io
import json
from argparse import Namespace
from dataclasses import asdict
from typing import Any

import pytest

from storygate.commands.sweep import show
from storygate.operations.sweep_now import SECONDS, Sweep, sweep_now
from storygate.stage.aws import Aws
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal

DID: dict[str, Any] = {
    "waiting": 5,
    "mended": ["a"],
    "asked": 2,
    "decided": ["b"],
    "left": 1,
    "errors": ["P-1: Query: Throttled"],
}


class Function:
    """Lambda with one function, which returns `said`."""

    def __init__(self, said: Any, error: str | None = None, name: str = "storygate-dev-sweep") -> None:
        self.said, self.error, self.name = said, error, name
        self.exceptions = Namespace(ResourceNotFoundException=LookupError)
        self.events: list[Any] = []

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:
        if FunctionName != self.name:
            raise LookupError(FunctionName)
        self.events.append(json.loads(Payload))
        answer = {"Payload": io.BytesIO(json.dumps(self.said).encode())}
        return answer | ({"FunctionError": self.error} if self.error else {})


def at(context: Context, function: Function) -> Context:
    return Context(context.project, context.stage, Aws(lambda _: function, context.region, {}))


def test_it_returns_what_the_function_returns(context: Context) -> None:
    function = Function(DID)
    assert asdict(sweep_now(at(context, function))) == DID
    assert function.events == [{"seconds": SECONDS}]


def test_a_function_that_failed_is_an_error_with_its_log(context: Context) -> None:
    function = Function({"errorType": "ClientError", "errorMessage": "denied"}, "Unhandled")
    with pytest.raises(OperatorError, match="The sweep failed: ClientError: denied") as failed:
        sweep_now(at(context, function))
    assert "/aws/lambda/storygate-dev-sweep" in failed.value.hint


def test_a_stage_without_the_function_is_not_deployed(context: Context) -> None:
    with pytest.raises(OperatorError, match="there is no function storygate-dev-sweep"):
        sweep_now(at(context, Function(DID, name="another")))


def test_the_command_says_what_was_done() -> None:
    shown = io.StringIO()
    show(Sweep(**DID), Terminal(shown))
    assert all(text in shown.getvalue() for text in ("5 waited", "2 of them", "no time for 1 runs", "P-1: Query"))
