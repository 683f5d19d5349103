"""`watch`: the path of a run as it happens, until it ends."""

import argparse
from typing import Any

from storygate.commands.arguments import (
    WAIT_SECONDS,
    add_command,
    add_execution,
    add_timeout,
    await_end,
    emit,
    place_of,
    told,
)
from storygate.runs.history import History, Moment
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "watch",
        run,
        help="follow a run until it ends",
        description="Shows the states of a run as it enters them, with retries, the APIs' answers and how long it "
        "waits, until it ends. Without EXECUTION the newest run. With --json one line per event.",
        example="--stage dev --timeout 600",
    )
    add_execution(parser, nargs="?")
    add_timeout(parser, WAIT_SECONDS, "how long to watch")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 if the run ended approved, 1 if otherwise, 124 if it has not ended at the timeout."""
    place, shown = place_of(args), told(args, terminal)
    arn = place.runs.describe(args.execution)["executionArn"] if args.execution else place.runs.newest().arn
    shown.step(f"run {arn.rpartition(':')[2]}")

    def tell(moment: Moment) -> None:
        if args.json:
            emit(moment.as_json())
        moment.tell(shown)

    end = await_end(place, History(place.stepfunctions, arn), args.timeout, tell, shown)
    return 0 if end.details["outcome"] == "approved" else 1
