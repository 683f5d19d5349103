"""HTTP Tasks, `arn:aws:states:::http:invoke`.

AWS: Step Functions developer guide, call-https-apis.
moto 5.2.5 has no such service. Here `localcloud.http_task` sends the request.
"""

import math
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.parargs import ArgumentsJSONataTemplateValueObject
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud.gaps.patching import Gap
from localcloud.http_task import TaskFailure, check_arguments, check_headers, invoke

MAX_CAUSE = 32_768

gap = Gap()


class HttpInvoke(StateTaskService):  # type: ignore[misc]
    """The Task state of `http:invoke`."""

    # The request itself ends at the Task's timeout, so `attempts` need not watch it in a thread.
    keeps_time = True

    def _validate_service_integration_is_supported(self) -> None:
        if not isinstance(self.parargs, ArgumentsJSONataTemplateValueObject):
            return  # One expression makes them all, so they are known only when the Task runs.
        fields = {binding.identifier: binding.value for binding in self.parargs.template_eval_component.bindings}
        check_arguments(set(fields))
        headers = getattr(fields.get("Headers"), "bindings", ())
        check_headers(header.identifier for header in headers)

    def _eval_service_task(
        self, env: Any, resource_runtime_part: object, normalised_parameters: Any, state_credentials: object
    ) -> None:
        del resource_runtime_part, state_credentials  # The URL and the connection replace them.
        timeout = math.inf
        if not self.timeout.is_default_value():
            self.timeout.eval(env=env)
            timeout = float(env.stack.pop())
        try:
            result = invoke(normalised_parameters, timeout)
        except TimeoutError as failure:
            raise EvalTimeoutError from failure
        except TaskFailure as failure:
            raise FailureEventException(self._failed(env, failure)) from failure
        env.stack.append(result)

    def _failed(self, env: Any, failure: TaskFailure) -> Any:
        details = TaskFailedEventDetails(
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
            error=failure.error,
            cause=failure.cause[:MAX_CAUSE],
        )
        return FailureEvent(
            env=env,
            error_name=ErrorName(error_name=failure.error),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )


@gap.wraps(state_task_factory, "state_task_service_for")
def _state_task_service_for(original: Callable[[str], Any], service_name: str) -> Any:
    return HttpInvoke() if service_name == "http" else original(service_name)
