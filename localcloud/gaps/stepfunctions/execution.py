"""Starting, stopping and describing executions.

AWS: StartExecution with the name and the input of a running execution answers the same again; with another input, or
once it is closed, `ExecutionAlreadyExists`; without a name it generates one; it refuses more than 262,144 bytes of
input. DescribeExecution gives the output as JSON text and, once closed, always the stop date. StopExecution ends an
execution before it answers and keeps `error` and `cause`. GetExecutionHistory takes `reverseOrder`, `maxResults` and
`nextToken`. (API reference of these; recorded on AWS in localstack/localstack's aws.validated snapshots.)

moto 5.2.5 runs state machines only if its configuration says so. It checks names without a lock, so that two
simultaneous calls start two executions of one name; calls an unnamed one `None`; takes an input of any length; reports
SUCCEEDED a moment before it has the output; drops the arguments of StopExecution, the stop date of a timed-out
execution, the quotes of a string output, and every argument of GetExecutionHistory but the ARN.
"""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramError,
    ProgramStopped,
    ProgramTimedOut,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.gaps.patching import Gap

HISTORY_PAGE = 1000
MAX_INPUT = 262_144

gap = Gap()

_starting = threading.Lock()

gap.sets(default_user_config, "stepfunctions", {"execute_state_machine": True})


@gap.wraps(StepFunctionsParserBackend, "start_execution")
def _start_execution(
    original: Callable[..., Any],
    self: Any,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    *more: Any,
) -> Any:
    name = name or str(uuid.uuid4())
    self._validate_name(name)
    if len((execution_input or "").encode()) > MAX_INPUT:
        raise ValidationException(f"The input is longer than {MAX_INPUT} bytes")
    with _starting:
        return original(self, state_machine_arn, name, execution_input, *more)


@gap.replaces(Execution, "status")
def _status(self: Any) -> str:
    # None for the moment between the listing of an execution and its start.
    return str((self.exec_status or ExecutionStatus.RUNNING).value)


@gap.replaces(BaseExecutionWorkerCommunication, "_reflect_execution_status")
def _reflect_execution_status(self: Any) -> None:
    execution = self.execution
    if execution.exec_status == ExecutionStatus.ABORTED:  # Set by StopExecution.
        return
    env = execution.exec_worker.env
    ended = env.program_state()
    execution.stop_date = datetime.now(UTC)
    # The status comes last: a caller that sees it must find the rest.
    if isinstance(ended, ProgramEnded):
        execution.output = to_json_str(env.states.get_input(), separators=(",", ":"))
        execution.exec_status = ExecutionStatus.SUCCEEDED
    elif isinstance(ended, ProgramError):
        error = ended.error or {}
        execution.error, execution.cause = error.get("error"), error.get("cause")
        execution.exec_status = ExecutionStatus.FAILED
    elif isinstance(ended, ProgramTimedOut):
        execution.exec_status = ExecutionStatus.TIMED_OUT
    else:
        # `stop` sets the same; whichever thread is first, the error and its cause are there with the status.
        execution.error, execution.cause = ended.error, ended.cause
        execution.exec_status = ExecutionStatus.ABORTED


@gap.replaces(Execution, "stop")
def _stop(self: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
    env = self.exec_worker and self.exec_worker.env
    if not env:
        return
    env.set_stop(stop_date=stop_date, cause=cause, error=error)
    if isinstance(env.program_state(), ProgramStopped) and self.exec_status == ExecutionStatus.RUNNING:
        self.error, self.cause, self.stop_date = error, cause, stop_date
        self.exec_status = ExecutionStatus.ABORTED


@gap.replaces(StepFunctionResponse, "stop_execution")
def _stop_response(self: Any) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    execution.stop(stop_date=datetime.now(UTC), error=self._get_param("error"), cause=self._get_param("cause"))
    return ActionResult({"stopDate": execution.stop_date})


@gap.wraps(StepFunctionResponse, "describe_execution")
def _describe_response(original: Callable[[Any], ActionResult], self: Any) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    response = original(self)
    if response.result["status"] == ExecutionStatus.TIMED_OUT.value:
        response.result["stopDate"] = execution.stop_date
    return response


@gap.wraps(StepFunctionResponse, "list_executions")
def _list_response(original: Callable[[Any], ActionResult], self: Any) -> ActionResult:
    response = original(self)
    for listed in response.result["executions"]:
        if listed["status"] == ExecutionStatus.TIMED_OUT.value:
            listed["stopDate"] = self.stepfunction_backend.describe_execution(listed["executionArn"]).stop_date
    return response


@gap.replaces(StepFunctionResponse, "get_execution_history")
def _history_response(self: Any) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    events = execution.to_history_output()["events"] if execution.exec_worker else []
    if self._get_param("reverseOrder"):
        events.reverse()
    start = int(self._get_param("nextToken") or 0)
    end = start + int(self._get_param("maxResults") or HISTORY_PAGE)
    page: dict[str, Any] = {"events": events[start:end]}
    if end < len(events):
        page["nextToken"] = str(end)
    return ActionResult(page)
