"""A stack whose resources cannot be made, changed or deleted fails, and its events say why.

AWS: the calls that create, update and delete a stack answer before the work begins (API reference, `CreateStack`,
`ExecuteChangeSet`, `DeleteStack`); a failure shows in the stack's status, and in an event with the reason.
moto 5.2.5 works during the call, answers it with the failure, and leaves the stack `CREATE_IN_PROGRESS` or
`REVIEW_IN_PROGRESS`; a later call that describes its resources or outputs tries to make them again.
Here a stack ends as on AWS with rollback disabled: `CREATE_FAILED` or `UPDATE_FAILED`, with what was made so far; or
`DELETE_FAILED`, with what is left, to be deleted again.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.parsing import OutputMap

from localcloud.gaps.patching import Gap

log = logging.getLogger("localcloud.cloudformation")

gap = Gap()


def _reported(action: str, original: Callable[..., None], stack: Any, *args: Any, **kwargs: Any) -> None:
    """Turn what a resource raises into the stack's status and event."""
    try:
        original(stack, *args, **kwargs)
    except Exception as error:  # noqa: BLE001 - any resource may raise anything
        _fail(stack, action, error)


gap.wraps(Stack, "create_resources")(partial(_reported, "CREATE"))
gap.wraps(Stack, "update")(partial(_reported, "UPDATE"))
gap.wraps(Stack, "delete")(partial(_reported, "DELETE"))


@gap.wraps(CloudFormationBackend, "delete_stack")
def _delete_stack(original: Callable[..., None], backend: Any, name_or_stack_id: str) -> None:
    original(backend, name_or_stack_id)
    for stack in list(backend.deleted_stacks.values()):
        if stack.status == "DELETE_FAILED":  # moto has filed it with the deleted ones
            backend.stacks[stack.stack_id] = backend.deleted_stacks.pop(stack.stack_id)


@gap.wraps(CloudFormationBackend, "execute_change_set")
def _execute_change_set(
    original: Callable[..., None], backend: Any, change_set_name: str, stack_name: str | None = None
) -> None:
    change_set = backend.describe_change_set(change_set_name)
    try:
        original(backend, change_set_name, stack_name)
    except Exception as error:  # noqa: BLE001 - any resource may raise anything
        change_set.execution_status = "EXECUTE_FAILED"
        _fail(backend.stacks[change_set.stack_id], change_set.change_set_type, error)


def _fail(stack: Any, action: str, error: Exception) -> None:
    # An error of moto's has a message; the text of a KeyError, for one, is only the key.
    reason = str(error) if hasattr(error, "message") else repr(error)
    log.warning("stack %s: %s", stack.name, reason)
    stack.status = f"{action}_FAILED"
    stack.status_reason = reason
    stack._add_stack_event(f"{action}_FAILED", resource_status_reason=reason)
    if action == "CREATE":
        stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)


@gap.replaces(Stack, "stack_resources")
def _existing_resources(stack: Any) -> list[Any]:
    resource_map = stack.resource_map
    made = (resource_map._parsed_resources.get(name) for name in resource_map.resources)
    return [resource for resource in made if resource is not None]
