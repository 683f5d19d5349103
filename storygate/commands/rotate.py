"""`rotate`: new secrets for a running stage, without one refused request."""

import argparse
from typing import Any

from storygate.commands.arguments import add_command, context_of
from storygate.deployment.rotation import Rotation, rotate
from storygate.support.terminal import Terminal
from storygate.support.times import local_time


def register(commands: Any) -> None:
    """Add the command to the command line."""
    add_command(
        commands,
        "rotate",
        run,
        help="replace the secrets, without one refused request",
        description="Gives a stage new secrets for the callback and new tokens for the mock APIs, while runs and "
        "callbacks continue. The previous values are accepted for STORYGATE_SECRET_GRACE_HOURS (72). If it was "
        "interrupted, run it again.",
        example="--stage dev",
        json=False,
        continues=True,
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Rotate, and show what the operator must do by hand: 0."""
    context = context_of(args)
    show(context.stage.secret, rotate(context, terminal), terminal)
    return 0


def show(secret: str, rotation: Rotation, terminal: Terminal) -> None:
    """Say what the operator must change by hand, where, and until when."""
    until = f"before {local_time(rotation.ends)}" if rotation.ends else "now"
    terminal.say()
    terminal.say(f"By hand, {until}, wherever Jira has the old values (docs/set-up-jira.md):")
    for field, place in (("callback", "the webhook's Secret"), ("automation", "the Authorization header of each rule")):
        terminal.say(f"  {place}: the new `{field}`, which this shows:")
        terminal.say(
            f"    aws secretsmanager get-secret-value --secret-id {secret} --query SecretString --output text |\n"
            f"      python3 -c 'import json, sys; print(json.load(sys.stdin)[\"{field}\"])'"
        )
    terminal.say("  The header is `Bearer` and that value. Scripts that call the callback send it, too.")
    if rotation.untouched:
        terminal.say(
            f"Not changed: your own connections to {', '.join(rotation.untouched)}; their credentials are not stored "
            "here."
        )
