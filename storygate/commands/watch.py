"""`watch`: the path of a run as it happens, until it ends."""

import argparse
from typing import Any

from storygate.commands.arguments import (
    WAIT_SECONDS,
    add_command,
    add_execution,
    add_timeout,
    context_of,
    exit_code,
    print_json,
    quiet_if_json,
)
from storygate.report.follow_run import follow_to_end
from storygate.runs.executions import Runs, name_of
from storygate.runs.history import History, Moment
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "watch",
        run,
        help="follow a run until it ends",
        description="Shows the states of a run as it enters them, with retries, the APIs' answers and how long it "
        "waits, until it ends. Without EXECUTION the newest run. With --json one line for each event.",
        example="--stage dev --timeout 600",
    )
    add_execution(parser, nargs="?")
    add_timeout(parser, WAIT_SECONDS, "how long to watch")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Follow the run: 0 if it ended approved, 1 if otherwise, 124 if it has not ended at the timeout."""
    context, shown = context_of(args), quiet_if_json(args, terminal)
    runs = Runs(context)
    arn = runs.describe(args.execution)["executionArn"] if args.execution else runs.newest().arn
    shown.step(f"run {name_of(arn)}")

    def show(moment: Moment) -> None:
        if args.json:
            print_json(moment.as_json())
        moment.show(shown)

    end = follow_to_end(context, History(context.client("stepfunctions"), arn), args.timeout, show, shown)
    return exit_code(end.details["outcome"])
