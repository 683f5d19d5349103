"""`cancel`: stop a run, and remove its entry from the decision table."""

import argparse
from typing import Any

from storygate.commands.arguments import (
    add_command,
    add_execution,
    add_timeout,
    context_of,
    print_json,
    quiet_if_json,
)
from storygate.operations.cancel_run import CANCEL_SECONDS, cancel_run
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "cancel",
        run,
        help="stop a run",
        description="Stops a run at once, and removes its entry from the decision table. The run writes no result and "
        "no log. API calls that were already made are not undone. If the command was interrupted, run it again.",
        example='approved-0123456789abcdef --stage dev --reason "wrong packages"',
    )
    add_execution(parser)
    parser.add_argument("--reason", metavar="TEXT", help="kept as the run's cause, after your name")
    add_timeout(parser, CANCEL_SECONDS, "how long the run may take to stop")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Cancel the run: 0, also if it was cancelled before; 1 if it ended by itself; 124 if it still runs."""
    context, shown = context_of(args), quiet_if_json(args, terminal)
    cancelled = cancel_run(context, args.execution, args.reason, args.timeout)
    shown.done(f"{cancelled.name} is cancelled; it writes no result and no log")
    if args.json:
        print_json(
            {
                "execution": cancelled.name,
                "status": "ABORTED",
                "story": cancelled.story,
                "entryRemoved": cancelled.entry_removed,
                "unanswered": cancelled.unanswered,
            }
        )
    shown.detail(f"its entry for {cancelled.story}: {'removed' if cancelled.entry_removed else 'not there'}")
    if cancelled.warning:
        shown.warn(cancelled.warning)
    return 0
