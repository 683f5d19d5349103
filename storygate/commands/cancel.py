"""`cancel`: stops a run, and takes its entry out of the decision table."""

import argparse
from dataclasses import dataclass
from typing import Any

from storygate.commands.arguments import Place, add_command, add_execution, add_timeout, emit, place_of, say, told
from storygate.runs.executions import RUNNING
from storygate.runs.history import outcome_of
from storygate.runs.inputs import story_of
from storygate.runs.waits import remove_entry
from storygate.support.errors import OperatorError, OutOfPatience
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

SECONDS = 30.0


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "cancel",
        run,
        help="stop a run",
        description="Stops a run at once, and removes its entry among those that wait. It writes no result and no "
        "log. What the APIs were told stays told. Run again, it finishes what an interrupted one left.",
        example='approved-0123456789abcdef --stage dev --reason "wrong packages"',
    )
    add_execution(parser)
    parser.add_argument("--reason", metavar="TEXT", help="kept as the run's cause, beside who cancelled it")
    add_timeout(parser, SECONDS, "how long until the run is seen to have stopped")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 if the run is cancelled, now or before; 1 if it ended by itself; 124 if it is not seen to stop."""
    place, shown = place_of(args), told(args, terminal)
    cancelled = cancel(place, args.execution, args.reason, args.timeout)
    shown.done(f"{cancelled.name} is cancelled; it writes no result and no log")
    if args.json:
        emit(
            {
                "execution": cancelled.name,
                "status": "ABORTED",
                "story": cancelled.story,
                "entryRemoved": cancelled.entry_removed,
            }
        )
    shown.detail(f"its entry for {cancelled.story}: {'removed' if cancelled.entry_removed else 'not there'}")
    return 0


@dataclass(frozen=True)
class Cancelled:
    """A run that was stopped, and whether its entry for the story was still there to be removed."""

    name: str
    story: str | None
    entry_removed: bool


def cancel(place: Place, execution: str, reason: str | None, timeout: float = SECONDS) -> Cancelled:
    """Stops a run and removes its entry, also what an interrupted cancel left.

    Raises OperatorError if it ended by itself, and OutOfPatience if it is not seen to stop within `timeout` seconds.
    """
    described = place.runs.describe(execution)
    name, status = described["name"], described["status"]
    if status == RUNNING:
        place.runs.stop(name, f"cancelled by {place.who}" + (f": {reason}" if reason else ""))
        # It may have ended by itself in the meantime, of which StopExecution says nothing, and the description may
        # lag behind (API reference: eventually consistent).
        patience = Patience(timeout)
        while (status := place.runs.describe(name)["status"]) == RUNNING:
            if not patience.pause():
                raise OutOfPatience(
                    f"{name} was told to stop, and has not been seen to within {timeout:g} s.",
                    f"Run this again: {say(f'cancel {name}', place.stage)}",
                )
    if status != "ABORTED":
        raise OperatorError(
            f"{name} is over already: {outcome_of(status, described.get('error'))}. Nothing was cancelled.",
            say(f"results {name}", place.stage),
        )
    # Only now: before, the run could have put its entry there behind our back.
    story = story_of(place.s3, place.stage.bucket, described.get("input"))
    removed = bool(story) and remove_entry(place.dynamodb, place.stage.table, str(story), name)
    return Cancelled(name, story, removed)
