"""New secrets for a running stage, without one refused request.

    1. put a new version of the secret; the app accepts its values and the previous ones in it (chalicelib/secret.py)
    2. wait until functions that have just refused a bad credential may read the secret again
    3. give the new tokens to the connections, by the workflow stack's SecretVersion alone
    4. wait until EventBridge has authorized them

Nobody has a new value before step 3, so no new value meets a function that may not read the secret. The previous values
are accepted until the grace period is over, also those from before an earlier rotation: each has its own end. `revoke`
ends them all at once.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import settings
from chalicelib.apis import APIS
from chalicelib.refusals import Misconfigured
from chalicelib.secret import REFETCH_SECONDS
from storygate.deployment.connections import await_connections, connection_parameter
from storygate.deployment.secret_values import previous_ends
from storygate.deployment.stacks import DEAD, PATIENCE, deploy_stack, settled_status
from storygate.deployment.stage_secret import StoredSecret, read_secret, renew_secret, revoke_previous
from storygate.deployment.warm_functions import forget_secret
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

# A function that has just refused a bad credential reads the secret again only after that (chalicelib/secret.py).
GUARD = timedelta(seconds=REFETCH_SECONDS + 1)
LEAST_GRACE = timedelta(hours=1)
WHY_NOT_LESS = "the connections send the previous tokens while a rotation goes on, for minutes"
SET_GRACE = "Set STORYGATE_SECRET_GRACE_HOURS to 1 or more in .chalice/config.json, deploy, and run this again."


@dataclass(frozen=True)
class Rotation:
    """What a rotation leaves to the operator.

    `ends`: when the last previous value is no longer accepted. `untouched`: the APIs that are called by connections of
    the operator's own, whose credentials a rotation does not change.
    """

    ends: datetime | None
    untouched: tuple[str, ...]


def rotate(context: Context, terminal: Terminal, *, guard: timedelta = GUARD) -> Rotation:
    """Rotate, or finish a rotation that was interrupted.

    No connection gets a token younger than `guard`. Raises OperatorError if the stage is not deployed, or its grace
    period is too short for a rotation.
    """
    secretsmanager, stage = context.client("secretsmanager"), context.stage
    grace = grace_period(context)
    if grace < LEAST_GRACE:
        raise OperatorError(f"STORYGATE_SECRET_GRACE_HOURS is less than 1: {WHY_NOT_LESS}.", SET_GRACE)
    terminal.step("secret")
    parameters = _stack_parameters(context, terminal)
    secret = read_secret(secretsmanager, stage.secret)
    if parameters["SecretVersion"] != secret.version:
        terminal.detail(f"secret {stage.secret}: renewed already, but not yet in the connections; continuing there")
    else:
        await_connections(context)
        secret = renew_secret(secretsmanager, stage.secret, secret, grace.total_seconds())
        terminal.done(f"secret {stage.secret}: has new values; the previous ones are still accepted")
    _connect(context, parameters, secret, guard, terminal)
    untouched = tuple(api for api in APIS if parameters.get(connection_parameter(api)))
    return Rotation(max(previous_ends(secret.values, grace.total_seconds()), default=None), untouched)


def revoke(context: Context, terminal: Terminal, *, guard: timedelta = GUARD) -> list[datetime]:
    """End the previous values now; return when each would have ended by itself, the newest first.

    Returns when no function accepts them any more. The stack's connections have the current tokens before that; a
    rotation that was interrupted is finished first. To be run again if it was interrupted.
    """
    secretsmanager, stage = context.client("secretsmanager"), context.stage
    grace = grace_period(context)
    terminal.step("secret")
    parameters = _stack_parameters(context, terminal)
    secret = read_secret(secretsmanager, stage.secret)
    if parameters["SecretVersion"] != secret.version:
        terminal.detail(f"secret {stage.secret}: not yet in the connections; first there")
        _connect(context, parameters, secret, guard, terminal)
    await_connections(context)
    revoked = revoke_previous(secretsmanager, stage.secret, secret)
    terminal.done(f"secret {stage.secret}: has no previous values")
    if revoked.version != secret.version:
        # The same tokens under the new version's id, so that no later rotation takes it for an unfinished one.
        _connect(context, parameters, revoked, timedelta(0), terminal)
    terminal.step("functions")
    forget_secret(context)
    terminal.done("functions: every one was replaced, and knows the current values alone")
    return [ends for ends in previous_ends(secret.values, grace.total_seconds()) if ends > datetime.now(UTC)]


def _connect(
    context: Context, parameters: dict[str, str], secret: StoredSecret, guard: timedelta, terminal: Terminal
) -> None:
    """Give the secret's tokens to the stack's connections, not before they are as old as `guard`."""
    if left := _seconds_left(secret.made, guard):
        terminal.detail(f"waiting {left:.0f} s, until every function may read the new values")
        time.sleep(left)
    terminal.step("connections")
    # The stack's own template: a rotation must not deploy what this checkout happens to hold.
    changed = {**parameters, "SecretVersion": secret.version}
    workflow = context.stage.workflow_stack
    deploy_stack(context.client("cloudformation"), workflow, None, changed, terminal, capabilities=["CAPABILITY_IAM"])
    await_connections(context)
    terminal.done("connections: authorized with the current tokens")


def grace_period(context: Context) -> timedelta:
    """Return the stage's grace period; OperatorError if config.json has no number of hours there."""
    try:
        return timedelta(hours=settings.grace_hours(context.stage.variables))
    except Misconfigured as error:
        raise OperatorError(f"{error}.", SET_GRACE) from error


def _seconds_left(made: datetime, guard: timedelta) -> float:
    """The seconds until a version made at `made` is as old as `guard`; at most `guard`, as AWS's clock may differ."""
    left = guard - (datetime.now(UTC) - made)
    return min(max(left, timedelta(0)), guard).total_seconds()


def _stack_parameters(context: Context, terminal: Terminal) -> dict[str, str]:
    """The parameters of the workflow stack, once no operation is running on it; OperatorError if there is no stack."""
    client: Any = context.client("cloudformation")
    stage = context.stage
    status = settled_status(client, stage.workflow_stack, terminal, Patience(PATIENCE))
    if status is None or status in {*DEAD, "REVIEW_IN_PROGRESS"}:
        raise stage.not_deployed(f"stack {stage.workflow_stack} is {status or 'not there'}")
    stack = client.describe_stacks(StackName=stage.workflow_stack)["Stacks"][0]
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack["Parameters"]}
