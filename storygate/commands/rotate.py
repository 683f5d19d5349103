"""`rotate`: new secrets for a running stage, without one refused request."""

import argparse
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from storygate.commands.arguments import add_command, context_of
from storygate.deployment.rotation import MIN_AGE, rotate
from storygate.support.terminal import Terminal

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "rotate",
        run,
        help="replace the secrets, without one refused request",
        description="Gives a stage a new callback secret and new tokens for the mock APIs, while runs and callbacks "
        "continue. The previous values are accepted until the next rotation. If it was interrupted, run it again.",
        example="--stage dev",
        json=False,
        continues=True,
    )
    parser.add_argument(
        "--min-age",
        type=parse_span,
        default=MIN_AGE,
        metavar="SPAN",
        help="refuse if the last rotation is younger than SPAN, such as 90min or 2d (default 1h): a new rotation "
        "makes the previous values invalid",
    )
    parser.add_argument(
        "--force", action="store_true", help="rotate whatever the age; Jira is refused if it still sends an older value"
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Rotate, and show what the operator must do by hand: 0."""
    context = context_of(args)
    untouched = rotate(context, terminal, min_age=timedelta(0) if args.force else args.min_age)
    _show(context.stage.secret, untouched, terminal)
    return 0


def parse_span(text: str) -> timedelta:
    """Parse a span as an argument: `30s`, `90min`, `2h`, `7d`."""
    found = re.fullmatch(rf"(\d+) ?({'|'.join(UNITS)})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not a span such as 90min, 2h or 7d")
    return timedelta(seconds=int(found.group(1)) * UNITS[found.group(2)])


def _show(secret: str, untouched: Sequence[str], terminal: Terminal) -> None:
    terminal.say()
    terminal.say(
        "By hand: give Jira the new callback secret, wherever it has the old one (docs/set-up-jira.md). Read it:"
    )
    terminal.say(
        f"  aws secretsmanager get-secret-value --secret-id {secret} --query SecretString --output text |\n"
        "    python3 -c 'import json, sys; print(json.load(sys.stdin)[\"callback\"])'"
    )
    terminal.say("The previous value is accepted until the next rotation, so you have until then.")
    if untouched:
        terminal.say(
            f"Not changed: your own connections to {', '.join(untouched)}; their credentials are not stored here."
        )
