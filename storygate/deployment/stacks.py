"""CloudFormation stacks through change sets, as `aws cloudformation deploy` does it, with bounded, visible waits."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from storygate.support.errors import OperatorError, error_code
from storygate.support.terminal import Terminal

PATIENCE = 1800.0  # seconds for one stack; a table with recovery takes one or two minutes, a failed role up to ten

# A stack in one of these never held anything usable: CloudFormation only lets it be deleted
# (CloudFormation user guide, "Stack status codes").
DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
# The second is an older API's wording; `aws cloudformation deploy` looks for both.
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


def stack_status(client: Any, name: str) -> str | None:
    """The stack's status, e.g. `UPDATE_COMPLETE`; None if there is no such stack. `name` may be its id."""
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
    """Creates or updates a stack; returns whether anything changed.

    `template` is its text, or None for the one that the stack has. A stack that somebody works on is waited for; one
    whose creation failed is deleted and created anew. Raises
    OperatorError with the reasons of the first failed resources, or if it takes longer than `patience` seconds.
    """
    deadline = time.monotonic() + patience
    status = settled_status(client, name, terminal, deadline)
    if status == "UPDATE_ROLLBACK_FAILED":
        raise OperatorError(
            f"Stack {name} is stuck in {status}.",
            f"Run `aws cloudformation continue-update-rollback --stack-name {name}`, wait, then run this again.",
        )
    if status in DEAD:
        terminal.detail(f"stack {name}: {status} from an earlier attempt, deleting it first")
        delete_stack(client, name, terminal, patience=deadline - time.monotonic())
        status = None
    new = status is None or status == "REVIEW_IN_PROGRESS"
    change_set = _create_change_set(client, name, template, parameters, capabilities, new)
    if change_set is None or not _await_change_set(client, change_set, deadline):
        terminal.detail(f"stack {name}: no changes")
        return False
    stack = str(change_set["StackId"])
    seen = {event["EventId"] for event in _events(client, stack)}
    client.execute_change_set(ChangeSetName=change_set["Id"], StackName=stack)
    with terminal.waiting(f"stack {name}"):
        final = _follow(client, name, stack, seen, terminal, deadline)
    if final not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise _failure(client, name, stack, seen, final)
    terminal.done(f"stack {name}: {'created' if new else 'updated'}")
    return True


def delete_stack(client: Any, name: str, terminal: Terminal, *, patience: float = PATIENCE) -> bool:
    """Deletes a stack and waits until it is gone; returns False if there was none."""
    deadline = time.monotonic() + patience
    if settled_status(client, name, terminal, deadline) is None:
        return False
    # By id from here on: a deleted stack answers to its id alone.
    stack = str(client.describe_stacks(StackName=name)["Stacks"][0]["StackId"])
    seen = {event["EventId"] for event in _events(client, stack)}
    client.delete_stack(StackName=stack)
    with terminal.waiting(f"stack {name}"):
        final = _follow(client, name, stack, seen, terminal, deadline)
    if final != "DELETE_COMPLETE":
        raise _failure(client, name, stack, seen, final)
    terminal.done(f"stack {name}: deleted")
    return True


def settled_status(client: Any, name: str, terminal: Terminal, deadline: float) -> str | None:
    """The stack's status once nobody works on it any more: an interrupted deploy leaves CloudFormation working."""
    for attempt, _ in enumerate(_until(deadline, f"stack {name}")):
        status = stack_status(client, name)
        # A stack in review has a change set that nobody executed, and waits for ever.
        if status is None or status == "REVIEW_IN_PROGRESS" or not status.endswith("_IN_PROGRESS"):
            return status
        if attempt == 0:
            terminal.detail(f"stack {name}: {status}, waiting until that is over")
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
                'Mend the template in statemachine/ or the "workflow" parameters in .chalice/config.json.',
            ) from error
        raise


def _await_change_set(client: Any, change_set: Any, deadline: float) -> bool:
    """Waits until the change set can be executed; False, and the change set is gone, if it holds no changes."""
    for _ in _until(deadline, "the change set"):
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
        'Mend the template in statemachine/ or the "workflow" parameters in .chalice/config.json.',
    )


def _follow(client: Any, name: str, stack: str, seen: set[str], terminal: Terminal, deadline: float) -> str:
    """Shows the stack's events as they come; returns the stack's own terminal status.

    It reads the status off the events, not off the stack: those after the start are this operation's for sure.
    """
    shown = set(seen)
    for _ in _until(deadline, f"stack {name}"):
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
    """The stack's events, newest first, up to the first known one."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:
            if event["EventId"] in known:
                return
            yield event


def _failure(client: Any, name: str, stack: str, seen: set[str], final: str) -> OperatorError:
    """The first failed resources and why; what was merely cancelled because of them is left out."""
    events = [event for event in reversed(list(_events(client, stack, known=seen))) if _tells_why(event)]
    # The stack's own event sums up the others; it counts if there are none.
    events = [event for event in events if event.get("PhysicalResourceId") != stack] or events
    reasons = "\n  ".join(f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}" for event in events[:3])
    return OperatorError(
        f"Stack {name} ended in {final}:\n  {reasons or 'its events give no reason'}",
        "Mend the first reason and run this again; what stands already is kept.",
    )


def _tells_why(event: Any) -> bool:
    reason = event.get("ResourceStatusReason", "")
    return event["ResourceStatus"].endswith("_FAILED") and bool(reason) and "cancelled" not in reason


def _until(
    deadline: float,
    what: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Yields now and then, seldomer with time (0.1 to 5 seconds), and raises OperatorError at the deadline."""
    pause = 0.1
    while True:
        yield
        if clock() > deadline:
            raise OperatorError(
                f"Waited too long for {what}; CloudFormation is still at work.",
                "Look at the stack's events in the CloudFormation console; run this again to go on waiting.",
            )
        sleep(pause)
        pause = min(pause * 1.5, 5.0)
