"""A state machine that is deleted goes when its last execution is over.

AWS: DeleteStateMachine sets the status `DELETING`. Each running execution ends at its next state transition, so one
that waits for a task token keeps its machine. Meanwhile the machine starts nothing, and no machine of its name can be
made: `StateMachineDeleting`. Nor can one of the name of another that differs: `StateMachineAlreadyExists`. (API
reference, DeleteStateMachine, CreateStateMachine and StartExecution; re:Post knowledge center,
step-functions-stuck-deleting-status.)
moto 5.2.5 deletes machine and executions at once, and the executions run on; it answers a second machine of a name with
the first.
Here a machine without running executions goes at once, and takes its executions with it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.models import StateMachineInstance
from moto.stepfunctions.parser.api import StateMachineAlreadyExists, StateMachineDeleting
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from localcloud.gaps.patching import Gap

gap = Gap()
gap.sets(StateMachineInstance, "status", "ACTIVE")

# The running executions of machines that are being deleted, by ARN.
_ending: dict[str, Any] = {}


def refuse_if_deleting(machine: Any) -> None:
    """Raise StateMachineDeleting for a machine that is being deleted."""
    if machine is not None and machine.status == "DELETING":
        raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'", "StateMachineDeleting")


def has_ended(execution: Any) -> None:
    """Remove the machine of this execution, if that is being deleted and no other execution of it runs."""
    _ending.pop(execution.exec_arn, None)
    backend = execution.state_machine.backend
    machine = _machine(backend, execution.state_machine.name)
    if machine is not None and machine.status == "DELETING":
        _remove_if_over(backend, machine)


@gap.replaces(StepFunctionsParserBackend, "delete_state_machine")
def _delete(self: Any, arn: str) -> None:
    self._validate_machine_arn(arn)
    machine = next((machine for machine in self.state_machines if machine.arn == arn), None)
    if machine is None:
        return
    machine.status = "DELETING"
    _ending.update({execution.exec_arn: execution for execution in machine.executions if execution.status == "RUNNING"})
    _remove_if_over(self, machine)


def _remove_if_over(backend: Any, machine: Any) -> None:
    if not any(execution.status == "RUNNING" for execution in list(machine.executions)):
        backend.state_machines[:] = [other for other in backend.state_machines if other is not machine]


@gap.wraps(StepFunctionsParserBackend, "create_state_machine")
def _create(original: Callable[..., Any], self: Any, name: str, definition: str, roleArn: str, **named: Any) -> Any:
    standing = _machine(self, name)
    refuse_if_deleting(standing)
    created = original(self, name, definition, roleArn, **named)
    if standing and (standing.definition, standing.roleArn, standing.type) != (
        definition,
        roleArn,
        named.get("sm_type") or "STANDARD",
    ):
        raise StateMachineAlreadyExists(f"State Machine Already Exists: '{standing.arn}'", "StateMachineAlreadyExists")
    return created


@gap.wraps(StepFunctionsParserBackend, "update_state_machine")
def _update(original: Callable[..., Any], self: Any, arn: str, *args: Any, **named: Any) -> Any:
    refuse_if_deleting(self.describe_state_machine(arn))
    return original(self, arn, *args, **named)


@gap.wraps(CommonStateField, "eval")
def _enter_state(original: Callable[..., None], self: Any, env: Any) -> None:
    execution = _ending.get(env.states.context_object.context_object_data["Execution"]["Id"])
    if execution is None:
        original(self, env)
    else:
        execution.stop(datetime.now(UTC), error=None, cause=None)


def _machine(backend: Any, name: str) -> Any:
    return next((machine for machine in list(backend.state_machines) if machine.name == name), None)
