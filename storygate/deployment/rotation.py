"""New secrets for a running stage, without one refused request.

    1. put a new version of the secret; the app accepts it and the version before it (chalicelib/secret.py)
    2. wait until functions that have just refused a bad credential look for new versions again
    3. give the new tokens to the connections, by the workflow stack's SecretVersion alone
    4. wait until EventBridge has authorized them

At each moment every credential in use is one of the two accepted versions. A third version would end the one that Jira
still sends, so it is made only after the connections have the second, and after `min_age`.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.apis import APIS
from chalicelib.secret import REFETCH_SECONDS
from storygate.deployment.connections import await_connections, connection_parameter
from storygate.deployment.stacks import DEAD, PATIENCE, deploy_stack, settled_status
from storygate.deployment.stage_secret import SecretVersions, read_versions, renew_secret
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from storygate.support.times import span

MIN_AGE = timedelta(hours=1)
# A function that has just refused a bad credential looks for new versions only after that (chalicelib/secret.py).
GUARD = timedelta(seconds=REFETCH_SECONDS + 1)


def rotate(
    context: Context, terminal: Terminal, *, min_age: timedelta = MIN_AGE, guard: timedelta = GUARD
) -> tuple[str, ...]:
    """Rotate, or finish a rotation that was interrupted.

    Returns the APIs that are called by connections of the operator's own, whose credentials a rotation does not change.
    No connection gets a token younger than `guard`. Raises OperatorError if the stage is not deployed, or the last
    rotation is complete and younger than `min_age`.
    """
    secretsmanager, cloudformation, stage = (
        context.client("secretsmanager"),
        context.client("cloudformation"),
        context.stage,
    )
    terminal.step("secret")
    parameters = _stack_parameters(context, terminal)
    versions = read_versions(secretsmanager, stage.secret)
    if parameters["SecretVersion"] != versions.current:
        terminal.detail(f"secret {stage.secret}: renewed already, but not yet in the connections; continuing there")
        version = versions.current
    else:
        await_connections(context)
        _refuse_if_young(context, versions, min_age)
        version = renew_secret(secretsmanager, stage.secret, versions.current)
        terminal.done(f"secret {stage.secret}: has new values; the previous ones are still accepted")
    made = read_versions(secretsmanager, stage.secret).since
    with terminal.waiting("until every function looks for the new values"):
        time.sleep(_seconds_left(made, guard))
    terminal.step("connections")
    # The stack's own template: a rotation must not deploy what this checkout happens to hold.
    changed = {**parameters, "SecretVersion": version}
    deploy_stack(cloudformation, stage.workflow_stack, None, changed, terminal, capabilities=["CAPABILITY_IAM"])
    await_connections(context)
    terminal.done("connections: authorized with the new tokens")
    return tuple(api for api in APIS if parameters.get(connection_parameter(api)))


def _refuse_if_young(context: Context, versions: SecretVersions, min_age: timedelta) -> None:
    """Raise OperatorError if a caller may still send the previous values. A first rotation has none to protect."""
    rotated = datetime.now(UTC) - versions.since
    if versions.previous and rotated < min_age:
        left = min_age - rotated
        raise OperatorError(
            f"The last rotation was {span(rotated.total_seconds())} ago. Another one now would end the previous value, "
            "which Jira may still send.",
            f"Give Jira the current value first, then run this again in {span(left.total_seconds())}. Or, if Jira has "
            f"the current value already: {context.stage.command('rotate')} --force",
        )


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
