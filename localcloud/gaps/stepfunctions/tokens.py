"""Task tokens.

AWS: every attempt has a token of its own. Of several answers to a token the first is taken, the others get
`TaskTimedOut`, as does an answer to a token whose Task has ended; an unknown token is `InvalidToken`. If the call
that passes the token on fails, the Task fails without waiting. (API reference, SendTaskSuccess and SendTaskFailure;
Step Functions developer guide, connect-to-resource.)

moto 5.2.5 gives a state one token for all attempts, looks for it in every running execution, takes any number of
answers, those to a wait that timed out included, drops the `cause` of SendTaskFailure, takes texts of any length, and
lets StopExecution and a machine's timeout wait until the token is answered.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.parser.api import InvalidOutput, InvalidToken, TaskTimedOut
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackEndpoint,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.gaps.patching import Gap

MAX_OUTPUT = 262_144
MAX_ERROR, MAX_CAUSE = 256, 32_768  # SendTaskFailure API reference

gap = Gap()


class Tokens:
    """All task tokens of this process. A token is open from its Task's begin until its first answer or the Task's end.

    An endpoint is moto's `CallbackEndpoint`: what a Task waits at.
    """

    def __init__(self) -> None:
        self._endpoints: dict[str, Any] = {}  # None once a token is closed
        self._turn = threading.Lock()

    def open(self, token: str, endpoint: Any) -> None:
        """Take answers to this token from now on."""
        with self._turn:
            self._endpoints[token] = endpoint

    def close(self, token: str) -> None:
        """Take no more answers."""
        with self._turn:
            self._endpoints[token] = None

    def endpoint(self, token: str) -> Any:
        """Return where the Task of an open token waits. Raises InvalidToken or TaskTimedOut, as AWS answers."""
        if token not in self._endpoints:
            raise InvalidToken
        if self._endpoints[token] is None:
            raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'", "TaskTimedOut")
        return self._endpoints[token]

    def answer(self, token: str, outcome: Any) -> None:
        """Give the Task its outcome and close the token, in one step. Raises as `endpoint` does."""
        with self._turn:
            endpoint = self.endpoint(token)
            self._endpoints[token] = None
            endpoint._outcome = outcome
        endpoint.interrupt_all()


_tokens = Tokens()


# The Task's side.


def _waits_for_token(self: Any) -> bool:
    return bool(self.resource.condition == ResourceCondition.WaitForTaskToken)


gap.sets(StateTaskServiceCallback, "keeps_time", property(_waits_for_token))


@gap.replaces(StateTaskServiceCallback, "_eval_body")
def _eval_body(self: Any, env: Any) -> None:
    if self._is_integration_pattern():
        self._assert_integration_pattern_is_supported()
    StateTaskService._eval_body(self, env=env)


@gap.replaces(StateTaskServiceCallback, "_eval_execution")
def _eval_execution(self: Any, env: Any) -> None:
    """Do one attempt, with a token of its own."""
    if not self._is_integration_pattern():
        StateTaskService._eval_execution(self, env)
        return
    token = env.states.context_object.update_task_token()
    env.localcloud_endpoint = env.callback_pool_manager.add(token)
    _tokens.open(token, env.localcloud_endpoint)
    try:
        StateTaskService._eval_execution(self, env)
    finally:
        _tokens.close(token)
        env.callback_pool_manager._pool.pop(token, None)  # `_tokens` knows it; the execution need not


@gap.replaces(CallbackEndpoint, "wait")
def _wait(self: Any, timeout: float | None = None) -> Any:
    self._notify_event.wait(timeout=timeout)
    _tokens.close(self.callback_id)  # an outcome that comes later would not be read: its sender gets TaskTimedOut
    return self._outcome


@gap.wraps(Environment, "set_stop")
@gap.wraps(Environment, "set_timed_out")
@gap.wraps(Environment, "set_error")
def _end(original: Callable[..., None], self: Any, *arguments: Any, **named: Any) -> None:
    """Wake the Task of an execution, or of a part of it, that ends from outside."""
    original(self, *arguments, **named)
    endpoint = getattr(self, "localcloud_endpoint", None)
    if endpoint is not None:
        _tokens.close(endpoint.callback_id)
        endpoint.interrupt_all()


# The callers' side.


@gap.replaces(StepFunctionsParserBackend, "send_task_success")
def _send_task_success(_: object, task_token: str, outcome: str) -> None:
    if len(outcome.encode()) > MAX_OUTPUT:
        raise ValidationException(f"The output is longer than {MAX_OUTPUT} bytes")
    try:
        json.loads(outcome)
    except ValueError as failure:
        raise InvalidOutput(f"Invalid Output: '{failure}'", "InvalidOutput") from failure
    _tokens.answer(task_token, CallbackOutcomeSuccess(callback_id=task_token, output=outcome))


@gap.replaces(StepFunctionsParserBackend, "send_task_failure")
def _send_task_failure(_: object, task_token: str, error: str | None = None, cause: str | None = None) -> None:
    for name, text, most in (("error", error, MAX_ERROR), ("cause", cause, MAX_CAUSE)):
        if text and len(text) > most:
            raise ValidationException(f"The {name} is longer than {most} characters")
    _tokens.answer(task_token, CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))


@gap.replaces(StepFunctionsParserBackend, "send_task_heartbeat")
def _send_task_heartbeat(_: object, task_token: str) -> None:
    _tokens.endpoint(task_token).notify_heartbeat()


@gap.replaces(StepFunctionResponse, "send_task_failure")
def _failure_response(self: Any) -> ActionResult:
    self.stepfunction_backend.send_task_failure(
        self._get_param("taskToken"), error=self._get_param("error"), cause=self._get_param("cause")
    )
    return EmptyResult()
