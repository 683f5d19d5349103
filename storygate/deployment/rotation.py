"""`rotate`: new secrets for a running stage, without a request that is refused on the way.

    1. put a new version of the secret; the app accepts it and the one before it (chalicelib/secret.py)
    2. let the functions' guard against floods of bad credentials pass
    3. give the new tokens to the connections, by the workflow stack's SecretVersion alone
    4. wait until EventBridge has authorized them

At each moment every credential in use is one of the two accepted versions. A third version would push out the one that
Jira still sends, so it is not made before the connections have the second, nor before `--min-age` is over.
"""

import argparse
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.secret import REFETCH_SECONDS
from storygate.deployment.bring_up import APIS, await_connections
from storygate.deployment.stacks import DEAD, PATIENCE, deploy_stack, settled_status
from storygate.deployment.stage_secret import Versions, read_versions, renew_secret
from storygate.stage.aws import Aws, of_environment
from storygate.stage.config import Stage, find_project, load_stage
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal
from storygate.support.times import age

MIN_AGE = timedelta(hours=1)
# A function that has just refused a bad credential looks for new versions only after that (chalicelib/secret.py).
GUARD = timedelta(seconds=REFETCH_SECONDS + 1)
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "rotate",
        help="new secrets, without a refused request",
        description="Gives a stage a new callback secret and new tokens for the mock APIs, while runs and callbacks go "
        "on. The values before stay accepted until the next rotation. Interrupted, it continues when run again.",
        epilog="Example: python -m storygate rotate --stage dev",
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as dev")
    parser.add_argument(
        "--min-age",
        type=span,
        default=MIN_AGE,
        metavar="SPAN",
        help="refuse if the last rotation is younger, such as 90min or 2d (default 1h): it ends the value before it",
    )
    parser.add_argument("--force", action="store_true", help="rotate whatever the age; Jira is locked out if it still "
                        "sends the value before the current one")  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: rotates and says what remains to be done by hand."""
    project, aws = find_project(), of_environment()
    stage = load_stage(project, args.stage, aws.region)
    rotate(stage, aws, terminal, min_age=timedelta(0) if args.force else args.min_age)
    tell_what_remains(stage, aws, terminal)
    return 0


def rotate(
    stage: Stage, aws: Aws, terminal: Terminal, *, min_age: timedelta = MIN_AGE, guard: timedelta = GUARD
) -> str:
    """Rotates, or finishes a rotation that was interrupted; returns the id of the secret's version now in use.

    No connection gets a token younger than `guard`. Raises OperatorError if the stage is not deployed, or the last
    rotation is complete and younger than `min_age`.
    """
    secretsmanager, cloudformation = aws.client("secretsmanager"), aws.client("cloudformation")
    terminal.step("secret")
    parameters = _stack_parameters(cloudformation, stage, terminal)
    versions = read_versions(secretsmanager, stage.secret)
    if parameters["SecretVersion"] != versions.current:
        terminal.detail(f"secret {stage.secret}: renewed already, and the connections not yet; going on from there")
        version = versions.current
    else:
        await_connections(stage, aws)
        _refuse_if_young(versions, min_age, stage)
        version = renew_secret(secretsmanager, stage.secret, versions.current)
        terminal.done(f"secret {stage.secret}: new values; the ones before are still accepted")
    made = read_versions(secretsmanager, stage.secret).since
    with terminal.waiting("the functions forget what they refused last"):
        time.sleep(_seconds_left(made, guard))
    terminal.step("connections")
    # The stack's own template: a rotation must not bring along what a checkout happens to hold.
    changed = {**parameters, "SecretVersion": version}
    deploy_stack(cloudformation, stage.workflow_stack, None, changed, terminal, capabilities=["CAPABILITY_IAM"])
    await_connections(stage, aws)
    terminal.done("connections: authorized with the new tokens")
    return version


def tell_what_remains(stage: Stage, aws: Aws, terminal: Terminal) -> None:
    """Says what nobody can do for the operator, and by when."""
    parameters = _stack_parameters(aws.client("cloudformation"), stage, terminal)
    terminal.say()
    terminal.say("By hand: give Jira the new callback secret, wherever the old one is (docs/set-up-jira.md). Read it:")
    terminal.say(
        f"  aws secretsmanager get-secret-value --secret-id {stage.secret} --query SecretString --output text |\n"
        "    python3 -c 'import json, sys; print(json.load(sys.stdin)[\"callback\"])'"
    )
    terminal.say("The value before it stays accepted until the next rotation, so there is time until then.")
    real = [api.lower() for api in APIS if parameters.get(f"{api}ConnectionArn")]
    if real:
        terminal.say(f"Untouched: the connections of your own to {', '.join(real)}; their credentials are not in here.")


def span(text: str) -> timedelta:
    """A span as an argument: `30s`, `90min`, `2h`, `7d`."""
    found = re.fullmatch(rf"(\d+) ?({'|'.join(UNITS)})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not a span such as 90min, 2h or 7d")
    return timedelta(seconds=int(found.group(1)) * UNITS[found.group(2)])


def _refuse_if_young(versions: Versions, min_age: timedelta, stage: Stage) -> None:
    """A secret that was never rotated has no value before it that anybody could still send."""
    rotated = datetime.now(UTC) - versions.since
    if versions.previous and rotated < min_age:
        left = min_age - rotated
        raise OperatorError(
            f"The last rotation is complete and {age(rotated.total_seconds())} old; another one would end the value "
            "before it, which Jira may still send.",
            f"Give Jira the current value first, then run this again in {age(left.total_seconds())}, or with --force "
            f"if nobody sends the value before: python -m storygate rotate --stage {stage.name} --force",
        )


def _seconds_left(made: datetime, guard: timedelta) -> float:
    """How long a version made then is still too young; at most `guard`, for Secrets Manager's clock is not ours."""
    left = guard - (datetime.now(UTC) - made)
    return min(max(left, timedelta(0)), guard).total_seconds()


def _stack_parameters(cloudformation: Any, stage: Stage, terminal: Terminal) -> dict[str, str]:
    """What the workflow stack was deployed with, once nobody works on it; OperatorError if there is none."""
    status = settled_status(cloudformation, stage.workflow_stack, terminal, time.monotonic() + PATIENCE)
    if status is None or status in {*DEAD, "REVIEW_IN_PROGRESS"}:
        raise OperatorError(
            f"Stage {stage.name} is not deployed here: stack {stage.workflow_stack} is {status or 'not there'}.",
            f"Run `python -m storygate deploy --stage {stage.name}`, or check AWS_PROFILE and the region.",
        )
    stack = cloudformation.describe_stacks(StackName=stage.workflow_stack)["Stacks"][0]
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack["Parameters"]}
