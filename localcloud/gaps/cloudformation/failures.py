"""A stack whose resources cannot be made, changed or deleted fails, and its events say why.

AWS: the calls that create, update and delete a stack answer before the work begins (API reference, `CreateStack`,
`ExecuteChangeSet`, `DeleteStack`); a failure shows in the stack's status, and in an event with the reason.
moto 5.2.5 works during the call, answers it with the failure, and leaves the stack `CREATE_IN_PROGRESS` or
`REVIEW_IN_PROGRESS` for good; to describe its resources or outputs is to try to make them again.
Here a stack ends as AWS ends it with rollback disabled: `CREATE_FAILED` or `UPDATE_FAILED`, with what was made so far;
or `DELETE_FAILED`, with what is left, to be deleted again.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.parsing import OutputMap

log = logging.getLogger("localcloud.cloudformation")


def fill() -> None:
    """Turn what a resource raises into the stack's status and event."""
    if hasattr(Stack.create_resources, "__wrapped__"):
        return
    Stack.create_resources = _told_by("CREATE", Stack.create_resources)
    Stack.update = _told_by("UPDATE", Stack.update)
    Stack.delete = _told_by("DELETE", Stack.delete)
    CloudFormationBackend.delete_stack = _delete_stack
    Stack.stack_resources = property(_existing_resources)
    CloudFormationBackend.execute_change_set = _execute_change_set(CloudFormationBackend.execute_change_set)


_delete_stack_of_moto = CloudFormationBackend.delete_stack


def _delete_stack(backend: Any, name_or_stack_id: str) -> None:
    _delete_stack_of_moto(backend, name_or_stack_id)
    for stack in list(backend.deleted_stacks.values()):
        if stack.status == "DELETE_FAILED":  # moto has filed it with the deleted ones
            backend.stacks[stack.stack_id] = backend.deleted_stacks.pop(stack.stack_id)


def _told_by(action: str, work: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(work)
    def told(stack: Any, *args: Any, **kwargs: Any) -> None:
        try:
            work(stack, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - any resource may raise anything, AWS tells it in an event
            _fail(stack, action, error)

    return told


def _execute_change_set(work: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(work)
    def told(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
        change_set = backend.describe_change_set(change_set_name)
        try:
            work(backend, change_set_name, stack_name)
        except Exception as error:  # noqa: BLE001 - as above
            change_set.execution_status = "EXECUTE_FAILED"
            _fail(backend.stacks[change_set.stack_id], change_set.change_set_type, error)

    return told


def _fail(stack: Any, action: str, error: Exception) -> None:
    # moto's errors say it all; of a KeyError, say, the text alone is nothing but the key.
    reason = str(error) if hasattr(error, "message") else repr(error)
    log.warning("stack %s: %s", stack.name, reason)
    stack.status = f"{action}_FAILED"
    stack.status_reason = reason
    stack._add_stack_event(f"{action}_FAILED", resource_status_reason=reason)
    if action == "CREATE":
        stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)


def _existing_resources(stack: Any) -> list[Any]:
    resource_map = stack.resource_map
    made = (resource_map._parsed_resources.get(name) for name in resource_map.resources)
    return [resource for resource in made if resource is not None]
