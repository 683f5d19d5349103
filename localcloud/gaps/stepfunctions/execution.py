"""Starting and stopping executions.

AWS: StartExecution with the name and the input of a running execution answers the same again; with another input, or
once it is closed, `ExecutionAlreadyExists`; without a name it generates one; it refuses more than 262,144 bytes of
input, and an input that is no JSON with `InvalidExecutionInput`. StopExecution ends an execution before it answers and
keeps `error` and `cause`. (API reference of these; recorded on AWS in localstack/localstack's aws.validated snapshots.)

moto 5.2.5 runs state machines only if its configuration says so. It checks names without a lock, so that two
simultaneous calls start two executions of one name; calls an unnamed one `None`; takes an input of any length; copies
the whole machine for every execution; reports SUCCEEDED a moment before it has the output; and drops the arguments of
StopExecution and the stop date of a timed-out execution.
"""

import threading
import uuid
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
from localcloud.gaps.stepfunctions.deletion import has_ended, refuse_if_deleting
from localcloud.gaps.stepfunctions.status_events import announce
from localcloud.gaps.stepfunctions.versions import begun_with

MAX_INPUT = 262_144

gap = Gap()

_starting = threading.Lock()
_ending = threading.Lock()

gap.sets(default_user_config, "stepfunctions", {"execute_state_machine": True})


@gap.replaces(StepFunctionsParserBackend, "start_execution")
def _start_execution(
    self: Any,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: str | None = None,
) -> Any:
    name, text = name or str(uuid.uuid4()), execution_input or "{}"
    self._validate_name(name)
    if len(text.encode()) > MAX_INPUT:
        raise ValidationException(f"The input is longer than {MAX_INPUT} bytes")
    with _starting:
        machine, snapshot = begun_with(self, state_machine_arn)
        refuse_if_deleting(machine)
        machine._validate_execution_input(text)
        existing = machine._handle_name_input_idempotency(name, text)
        if existing is not None:
            return existing
        execution = Execution(
            name=name,
            sm_type=machine.sm_type,
            role_arn=snapshot.roleArn,
            exec_arn=f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}",
            account_id=self.account_id,
            region_name=self.region_name,
            state_machine=snapshot,
            start_date=datetime.now(UTC),
            cloud_watch_logging_session=None,
            activity_store={},
            input_data=text,
            trace_header=trace_header,
        )
        machine.executions.append(execution)
        execution.start()
        return execution


@gap.replaces(Execution, "status")
def _status(self: Any) -> str:
    # None for the moment between the listing of an execution and its start.
    return str((self.exec_status or ExecutionStatus.RUNNING).value)


def _close(execution: Any, status: ExecutionStatus, **known: Any) -> None:
    """End an execution, unless another thread has: StopExecution and the execution's own may be at it."""
    with _ending:
        if execution.exec_status != ExecutionStatus.RUNNING:
            return
        vars(execution).update(known)
        execution.exec_status = status  # the last: a caller that sees it must find the rest
    announce(execution)
    has_ended(execution)


@gap.replaces(BaseExecutionWorkerCommunication, "_reflect_execution_status")
def _reflect_execution_status(self: Any) -> None:
    execution = self.execution
    env = execution.exec_worker.env
    ended, now = env.program_state(), datetime.now(UTC)
    if isinstance(ended, ProgramEnded):
        output = to_json_str(env.states.get_input(), separators=(",", ":"))
        _close(execution, ExecutionStatus.SUCCEEDED, stop_date=now, output=output)
    elif isinstance(ended, ProgramError):
        error = ended.error or {}
        _close(execution, ExecutionStatus.FAILED, stop_date=now, error=error.get("error"), cause=error.get("cause"))
    elif isinstance(ended, ProgramTimedOut):
        _close(execution, ExecutionStatus.TIMED_OUT, stop_date=now)
    else:
        _close(execution, ExecutionStatus.ABORTED, stop_date=now, error=ended.error, cause=ended.cause)


@gap.replaces(Execution, "stop")
def _stop(self: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
    env = self.exec_worker and self.exec_worker.env
    if not env:
        return
    env.set_stop(stop_date=stop_date, cause=cause, error=error)
    if isinstance(env.program_state(), ProgramStopped):
        _close(self, ExecutionStatus.ABORTED, stop_date=stop_date, error=error, cause=cause)


@gap.replaces(StepFunctionResponse, "stop_execution")
def _stop_response(self: Any) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    execution.stop(stop_date=datetime.now(UTC), error=self._get_param("error"), cause=self._get_param("cause"))
    return ActionResult({"stopDate": execution.stop_date})
