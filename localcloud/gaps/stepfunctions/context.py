"""The context object, `$states.context`.

AWS: `State.RetryCount` in a Task, a Parallel and a Map is the number of retries before the current attempt, and in
a Catch the number made; `Execution.StartTime` and `State.EnteredTime` have the form of `$now()`;
`Execution.RedriveCount` is 0. (Measured on AWS by the author of the PyPI package sfnx, its docs/design.md.)

moto 5.2.5 writes times in Python's form, which a machine cannot compare with `$now()`, and gives `StartTime` as an
object that its JSON encoder refuses, so that an output with the context in it breaks DescribeExecution.
`stepfunctions.attempts` counts the retries.
"""

from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.state import state as state_module
from moto.stepfunctions.parser.asl.eval.evaluation_details import ExecutionDetails
from moto.stepfunctions.parser.backend import execution_worker
from moto.stepfunctions.parser.backend.execution import Execution

from localcloud.gaps.patching import Gap

gap = Gap()


def written(moment: datetime) -> str:
    """Return a moment as AWS writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@gap.replaces(state_module, "StateData")
def _state_data(Name: str, EnteredTime: str, **fields: Any) -> dict[str, Any]:
    return {"EnteredTime": written(datetime.fromisoformat(EnteredTime)), "Name": Name, **fields}


@gap.replaces(execution_worker, "ExecutionData")
def _execution_data(**fields: Any) -> dict[str, Any]:
    return {**fields, "RedriveCount": 0}


@gap.replaces(Execution, "get_start_execution_details")
def _details(self: Any) -> Any:
    return ExecutionDetails(
        arn=self.exec_arn,
        name=self.name,
        role_arn=self.role_arn,
        inpt=self.input_data,
        start_time=written(self.start_date),
    )
