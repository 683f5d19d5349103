"""A Task starts an execution of another state machine, and can wait for it.

AWS: `states:startExecution` takes `StateMachineArn`, `Input` and `Name`, and gives `ExecutionArn` and `StartDate` (here
in epoch milliseconds: no source shows its form); `.sync` and `.sync:2` wait and give what DescribeExecution says,
capitalised, the output as text or, with `:2`, as JSON. An execution that does not succeed is `States.TaskFailed`, its
description the cause. (Step Functions developer guide, connect-stepfunctions; recorded on AWS in
localstack/localstack's aws.validated snapshots.)
moto 5.2.5 passes arguments and answers of this, and of every optimised integration, as they are written, so that its
own call lacks `stateMachineArn`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.clients import client_for
from localcloud.gaps.stepfunctions.errors import java_name
from localcloud.gaps.stepfunctions.sdk import to_request

LOOK_SECONDS = 0.05

gap = Gap()
gap.sets(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", LOOK_SECONDS)


@gap.wraps(StateTaskServiceSfn, "_normalise_parameters")
def _normalise_parameters(original: Callable[..., None], self: Any, parameters: dict[str, Any]) -> None:
    original(self, parameters)
    model = client_for("us-east-1", "stepfunctions").meta.service_model.operation_model("StartExecution")
    request = to_request(parameters, model.input_shape)
    parameters.clear()
    parameters.update(request)


@gap.replaces(StateTaskServiceSfn, "_normalise_response")
def _normalise_response(self: object, response: Any, **_: Any) -> None:
    del self
    answer = dict(response)
    response.clear()
    response.update({java_name(name): _as_answered(name, value) for name, value in answer.items()})


def _as_answered(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    return {java_name(key): member for key, member in value.items()} if name.endswith("Details") else value
