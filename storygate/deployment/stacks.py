"""CloudFormation stacks, changed by change sets as `aws cloudformation deploy` does, with bounded and visible waits."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from storygate.support.errors import OperatorError, error_code
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

PATIENCE = 1800.0  # seconds for one stack; a table with recovery takes one or two minutes, a failed role up to ten

# The creation failed, so the stack holds nothing usable and can only be deleted (CloudFormation user guide, "Stack
# status codes").
DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
# The second is an older API's wording; `aws cloudformation deploy` looks for both.
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


def stack_status(client: Any, name: str) -> str | None:
    """Return the stack's status, e.g. `UPDATE_COMPLETE`; None if there is no such stack. `name` may be its id."""
    try:
        status = str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except client.exceptions.ClientError as error:
        # "Stack with id … does not exist" is a ValidationError (API reference, DescribeStacks).
        if error_code(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return None if status == "DELETE_COMPLETE" else status


def deploy_stack(
    client: Any,
    name: str,
    template: str | None,
    parameters: Mapping[str, str],
    terminal: Terminal,
    *,
    capabilities: Sequence[str] = (),
    patience: float = PATIENCE,
) -> bool:
    """Create or update a stack; return whether anything changed.

    `template` is its text, at most 51,200 bytes (API reference, CreateChangeSet), or None for the one the stack has. If
    another operation runs on the stack, its end is awaited; a stack whose creation failed is deleted and created
    again. Raises OperatorError with the reasons of the first failed resources, or if it takes longer than `patience`
    seconds.
    """
    bound = Patience(patience)
    status = settled_status(client, name, terminal, bound)
    if status == "UPDATE_ROLLBACK_FAILED":
        raise OperatorError(
            f"Stack {name} is stuck in {status}.",
            f"Run `aws cloudformation continue-update-rollback --stack-name {name}`, wait, then run this again.",
        )
    if status in DEAD:
        terminal.detail(f"stack {name}: {status} from an earlier attempt, deleting it first")
        _delete(client, name, terminal, bound)
        status = None
    new = status is None or status == "REVIEW_IN_PROGRESS"
    change_set = _create_change_set(client, name, template, parameters, capabilities, new)
    if change_set is None or not _await_change_set(client, change_set, bound):
        terminal.detail(f"stack {name}: no changes")
        return False
    stack = str(change_set["StackId"])
    seen = {event["EventId"] for event in _events(client, stack)}
    client.execute_change_set(ChangeSetName=change_set["Id"], StackName=stack)
    with terminal.waiting(f"stack {name}"):
        final = _follow(client, name, stack, seen, terminal, bound)
    if final not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise _failure(client, name, stack, seen, final)
    terminal.done(f"stack {name}: {'created' if new else 'updated'}")
    return True


def delete_stack(
    client: Any,
    name: str,
    terminal: Terminal,
    *,
    patience: float = PATIENCE,
    meanwhile: Callable[[], object] | None = None,
) -> bool:
    """Delete a stack and wait until it is gone; return False if there was none. `meanwhile` is called at each look.

    Raises OperatorError with the reasons of the first failed resources, or if it takes longer than `patience` seconds.
    """
    return _delete(client, name, terminal, Patience(patience), meanwhile)


def _delete(
    client: Any, name: str, terminal: Terminal, bound: Patience, meanwhile: Callable[[], object] | None = None
) -> bool:
    if settled_status(client, name, terminal, bound) is None:
        return False
    # By id from here on: a deleted stack is found by its id only.
    stack = str(client.describe_stacks(StackName=name)["Stacks"][0]["StackId"])
    seen = {event["EventId"] for event in _events(client, stack)}
    client.delete_stack(StackName=stack)
    with terminal.waiting(f"stack {name}"):
        final = _follow(client, name, stack, seen, terminal, bound, meanwhile)
    if final != "DELETE_COMPLETE":
        raise _failure(client, name, stack, seen, final)
    terminal.done(f"stack {name}: deleted")
    return True


def settled_status(client: Any, name: str, terminal: Terminal, bound: Patience) -> str | None:
    """Wait for a running operation to end, then return the status; an interrupted deploy leaves one running."""
    for attempt, _ in enumerate(_until(bound, f"stack {name}")):
        status = stack_status(client, name)
        # A stack in review has a change set that was not executed: no operation is running.
        if status is None or status == "REVIEW_IN_PROGRESS" or not status.endswith("_IN_PROGRESS"):
            return status
        if attempt == 0:
            terminal.detail(f"stack {name}: {status}, waiting for it to end")
    raise AssertionError("unreachable")


def _create_change_set(
    client: Any, name: str, template: str | None, parameters: Mapping[str, str], capabilities: Sequence[str], new: bool
) -> Any:
    body: dict[str, Any] = {"UsePreviousTemplate": True} if template is None else {"TemplateBody": template}
    try:
        return client.create_change_set(
            StackName=name,
            ChangeSetName=f"storygate-{time.time_ns()}",
            ChangeSetType="CREATE" if new else "UPDATE",
            **body,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=list(capabilities),
        )
    except client.exceptions.ClientError as error:
        if any(text in str(error) for text in NO_CHANGES):
            return None
        if error_code(error) == "ValidationError":
            raise OperatorError(
                f"CloudFormation refuses stack {name}: {error.response['Error']['Message']}",
                'Fix the template in statemachine/ or the "workflow" parameters in .chalice/config.json.',
            ) from error
        raise


def _await_change_set(client: Any, change_set: Any, bound: Patience) -> bool:
    """Wait until the change set can be executed. If it holds no changes, delete it and return False."""
    for _ in _until(bound, "the change set"):
        described = client.describe_change_set(ChangeSetName=change_set["Id"], StackName=change_set["StackId"])
        if described["Status"] == "CREATE_COMPLETE":
            return True
        if described["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            break
    reason = described.get("StatusReason") or f"its change set is {described['Status']}"
    client.delete_change_set(ChangeSetName=change_set["Id"], StackName=change_set["StackId"])
    if any(text in reason for text in NO_CHANGES):
        return False
    raise OperatorError(
        f"CloudFormation refuses the change of stack {described['StackName']}: {reason}",
        'Fix the template in statemachine/ or the "workflow" parameters in .chalice/config.json.',
    )


def _follow(
    client: Any,
    name: str,
    stack: str,
    seen: set[str],
    terminal: Terminal,
    bound: Patience,
    meanwhile: Callable[[], object] | None = None,
) -> str:
    """Show the stack's events as they come; return the stack's final status.

    The status is read from the events, since only those after the start are sure to belong to this operation.
    """
    shown = set(seen)
    for _ in _until(bound, f"stack {name}"):
        if meanwhile:
            meanwhile()
        for event in reversed(list(_events(client, stack, known=shown))):
            shown.add(event["EventId"])
            status = event["ResourceStatus"]
            if event.get("PhysicalResourceId") == stack:
                if not status.endswith("_IN_PROGRESS"):
                    return str(status)
            elif not status.endswith("_IN_PROGRESS"):
                terminal.detail(f"{event['LogicalResourceId']}: {status}")
    raise AssertionError("unreachable")


def _events(client: Any, stack: str, known: set[str] | frozenset[str] = frozenset()) -> Iterator[Any]:
    """The stack's events, newest first, down to the first known one."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:
            if event["EventId"] in known:
                return
            yield event


def _failure(client: Any, name: str, stack: str, seen: set[str], final: str) -> OperatorError:
    """The first failed resources and their reasons, without those that were only cancelled because of them."""
    events = [event for event in reversed(list(_events(client, stack, known=seen))) if _has_reason(event)]
    # The stack's own event sums up the others, so it is used only if there are no others.
    events = [event for event in events if event.get("PhysicalResourceId") != stack] or events
    reasons = "\n  ".join(f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}" for event in events[:3])
    return OperatorError(
        f"Stack {name} ended in {final}:\n  {reasons or 'its events give no reason'}",
        "Fix the first reason and run this again; resources that are complete are kept.",
    )


def _has_reason(event: Any) -> bool:
    reason = event.get("ResourceStatusReason", "")
    return event["ResourceStatus"].endswith("_FAILED") and bool(reason) and "cancelled" not in reason


def _until(bound: Patience, what: str) -> Iterator[None]:
    """Yield again and again, with pauses in between; raise OperatorError at the bound."""
    first = True
    while True:
        yield
        if not bound.pause(news=first):
            raise OperatorError(
                f"Waited too long for {what}; CloudFormation is still working on it.",
                "Look at the stack's events in the CloudFormation console; run this again to wait longer.",
            )
        first = False
