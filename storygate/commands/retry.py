"""`retry`: the same request in a new run."""

import argparse
from typing import Any

from storygate.commands.arguments import (
    add_command,
    add_execution,
    context_of,
    print_json,
    quiet_if_json,
)
from storygate.operations.retry_run import retry_run
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "retry",
        run,
        help="run the same request again, in a new run",
        description="Starts a new run with the request of one that has ended: the same version of its input in S3, or "
        "its inline input. The APIs are called again, and the story must be decided again: an older verdict does not "
        "count.",
        example="approved-0123456789abcdef --stage dev",
    )
    add_execution(parser)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Start the new run: 0."""
    context, shown = context_of(args), quiet_if_json(args, terminal)
    started = retry_run(context, args.execution)
    if started.was_approved:
        shown.warn(f"{started.first} was approved; its request is carried out once more")
    if args.json:
        print_json({"execution": started.name, "executionArn": started.arn, "retryOf": started.first})
    shown.done(f"started {started.name}, with the request of {started.first}")
    shown.say(f"  {context.stage.command(f'watch {started.name}')}")
    return 0
