"""Error names, and which of them a Retry or a Catch matches.

AWS: an SDK integration fails with the service's name and the exception's class in the AWS SDK for Java
(`DynamoDb.TransactionCanceledException`, `S3.NoSuchKeyException`, and `S3.S3Exception` for what the service's model
does not list). `States.TaskFailed` matches all but `States.Timeout` and `States.QueryEvaluationError`; nothing matches
`States.Runtime`; the error of a branch, of any name, is its Parallel's. (Recorded on AWS in localstack/localstack's
aws.validated snapshots; measured on AWS by the author of the PyPI package sfnx, its docs/design.md.)

moto 5.2.5 writes `s3.`, breaks on error names that begin with `States.` but are not in its grammar
(`States.Http.StatusCode.503`, and any `States.` error of a branch), catches `States.Runtime` with `States.ALL`,
and matches no `States.` error with `States.TaskFailed`.
"""

import re
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.clients import client_for

gap = Gap()

_NOT_TASK_FAILED = frozenset({"States.Timeout", "States.QueryEvaluationError"})


def matches(expected: Any, error: str | None) -> bool:
    """Return whether an `ErrorEquals` of the interpreter matches the name of an error."""
    names = {name.error_name for name in expected.error_names}
    if error == "States.Runtime":
        return False
    if error in names or "States.ALL" in names:
        return True
    return "States.TaskFailed" in names and error not in _NOT_TASK_FAILED


def failed(env: Any, name: StatesErrorNameType, cause: str) -> Exception:
    """Return the exception that ends an execution with one of AWS's errors."""
    error = StatesErrorName(typ=name)
    details = ExecutionFailedEventDetails(error=error.error_name, cause=cause)
    failure: Exception = FailureEventException(
        failure_event=FailureEvent(
            env=env,
            error_name=error,
            event_type=HistoryEventType.ExecutionFailed,
            event_details=EventDetails(executionFailedEventDetails=details),
        )
    )
    return failure


def runtime_error(env: Any, cause: str) -> Exception:
    """Return the exception that ends an execution with `States.Runtime`, which nothing catches."""
    return failed(env, StatesErrorNameType.StatesRuntime, cause)


def java_name(name: str) -> str:
    """Return a name of botocore's as the AWS SDK for Java cases it: `SSEKMSKeyId` is `SsekmsKeyId`."""
    if name == "NULL":  # A keyword of Java, so that SDK says `nul()`.
        return "Nul"
    name = re.sub(r"[^A-Za-z0-9]+", " ", name)
    name = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name)
    name = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", name)
    return "".join(word.capitalize() for word in name.split())


@gap.replaces(CustomErrorName, "__init__")
def _init(self: Any, error_name: str | None) -> None:
    ErrorName.__init__(self, error_name=error_name)


@gap.replaces(ErrorEqualsDecl, "_eval_body")
def _eval_body(self: Any, env: Any) -> None:
    error = env.stack.pop()
    env.stack.append(matches(self, error and error.error_name))


@gap.replaces(StateTaskServiceAwsSdk, "_from_error")
def _from_error(self: Any, env: Any, ex: Exception) -> Any:
    if not isinstance(ex, ClientError):
        return StateTaskServiceCallback._from_error(self, env=env, ex=ex)
    model = client_for(env.aws_execution_details.region, self._get_boto_service_name()).meta.service_model
    service = java_name(model.service_id)
    shape = type(ex).__name__
    # botocore has a class of its own for each error in the service's model, and ClientError for all others.
    error = service if shape == "ClientError" else java_name(shape.removesuffix("Fault"))
    if not error.endswith("Exception"):
        error += "Exception"
    metadata: dict[str, Any] = dict(ex.response.get("ResponseMetadata", {}))
    message = ex.response.get("Error", {}).get("Message", "")
    about = (
        f"Service: {service}, Status Code: {metadata.get('HTTPStatusCode')}, Request ID: {metadata.get('RequestId')}"
    )
    cause = f"{message} ({about}) (SDK Attempt Count: 1)"
    return self._get_task_failure_event(env=env, error=f"{service}.{error}", cause=cause)
