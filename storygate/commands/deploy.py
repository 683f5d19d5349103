"""`deploy`: bring a stage up, or up to date."""

import argparse
from typing import Any

from chalicelib.drop import PREFIX
from storygate.commands.arguments import add_command, context_of
from storygate.deployment.bring_up import Deployment, deploy
from storygate.runs.result_files import RESULTS
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    add_command(
        commands,
        "deploy",
        run,
        help="bring a stage up, or up to date",
        description="Brings a stage up, or up to date. Run it again at any time: it changes only what differs.",
        example="--stage dev",
        json=False,
        continues=True,
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Deploy, and show how to use the stage: 0."""
    _show(deploy(context_of(args), terminal), terminal)
    return 0


def _show(deployment: Deployment, terminal: Terminal) -> None:
    stage = deployment.stage
    terminal.done(f"stage {stage.name}: {'deployed' if deployment.changed else 'up to date, nothing changed'}")
    terminal.say()
    terminal.say("Jira's webhook goes to")
    terminal.say(f"  {deployment.callback_url}")
    terminal.say("Its secret is the field `callback` of")
    terminal.say(f"  aws secretsmanager get-secret-value --secret-id {stage.secret} --query SecretString --output text")
    terminal.say("Start a run by dropping an input")
    terminal.say(f"  aws s3 cp samples/approved.json s3://{stage.bucket}/{PREFIX}")
    terminal.say("and read its result")
    terminal.say(f"  aws s3 ls --recursive s3://{stage.bucket}/{RESULTS}")
