"""`rotate`: new secrets for a running stage, without one refused request; `--revoke`: the end of the previous ones."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storygate.commands.arguments import add_command, context_of
from storygate.deployment.rotation import Rotation, revoke, rotate
from storygate.stage.config import Stage
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
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
    parser.add_argument(
        "--revoke",
        action="store_true",
        help="make no new values, but end the previous ones now: whoever still sends them is refused from then on",
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Rotate, and show what the operator must do by hand, or revoke, and show who is refused from now on: 0."""
    context = context_of(args)
    if args.revoke:
        show_revoked(revoke(context, terminal), terminal)
    else:
        show(context.stage, rotate(context, terminal), terminal)
    return 0


def show(stage: Stage, rotation: Rotation, terminal: Terminal) -> None:
    """Say what the operator must change by hand, where, and until when."""
    until = f"before {_day_and_time(rotation.ends)}" if rotation.ends else "now"
    terminal.say()
    terminal.say(f"By hand, {until}, wherever Jira has the old values (docs/set-up-jira.md):")
    for field, place in (("callback", "the webhook's Secret"), ("automation", "the Authorization header of each rule")):
        terminal.say(f"  {place}: the new `{field}`, which this shows:")
        terminal.say(
            f"    aws secretsmanager get-secret-value --secret-id {stage.secret} --query SecretString --output text |\n"
            f"      python3 -c 'import json, sys; print(json.load(sys.stdin)[\"{field}\"])'"
        )
    terminal.say("  The header is `Bearer` and that value. Scripts that call the callback send it, too.")
    if stage.jira_site:
        terminal.say(
            f"  Or let an administrator's token give the webhook its Secret: {stage.command('jira connect')} --webhook"
        )
    terminal.say(f"Then, to end the old values at once: {stage.command('rotate')} --revoke")
    if rotation.untouched:
        terminal.say(
            f"Not changed: your own connections to {', '.join(rotation.untouched)}; their credentials are not stored "
            "here."
        )


def show_revoked(ended: Sequence[datetime], terminal: Terminal) -> None:
    """Say whose requests are refused from now on."""
    terminal.say()
    if not ended:
        terminal.say("Nobody is shut out: there were no previous values, or their time was over.")
        return
    terminal.say("Refused from now on: webhooks, Automation rules, scripts and connections that still send")
    for ends in ended:
        terminal.say(f"  values that would have been accepted until {_day_and_time(ends)}")
    terminal.say("Jira never sends a refused delivery again: then move the story out and in, or `storygate callback`.")


def _day_and_time(at: datetime) -> str:
    """Return a moment in the local zone, which is named: the operator may plan across zones."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M %Z")
