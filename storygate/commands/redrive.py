"""`redrive`: start the runs of drops that started nothing."""

import argparse
from typing import Any

from storygate.commands.arguments import add_command, context_of, print_json, quiet_if_json
from storygate.operations.redrive_drops import redrive_drops
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    add_command(
        commands,
        "redrive",
        run,
        help="start the runs of drops that started nothing",
        description="Takes the drops on which the trigger failed from their queue, and starts a run for each: with the "
        "name it would have had, and the version of the input that was dropped. A drop whose run exists starts "
        "nothing, so run it again at any time. A verdict counts only if it comes after the new run's start.",
        example="--stage prod",
        continues=True,
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Start the runs: 0; 1 if a message is no drop of this stage, or the queue still holds some."""
    context, shown = context_of(args), quiet_if_json(args, terminal)

    def show(name: str, new: bool) -> None:
        shown.detail(f"{name}: {'started' if new else 'exists already'}")

    done = redrive_drops(context, show)
    if args.json:
        print_json({"started": done.started, "existed": done.existed, "left": done.left, "errors": done.errors})
    for error in done.errors:
        shown.fail(error)
    said = f"{len(done.started)} started, {len(done.existed)} existed already, {done.left} left in the queue"
    (shown.warn if done.left else shown.done)(said)
    if done.left > len(done.errors):
        shown.say("  Others look at the rest, or it is new: run this again in a minute.")
    return int(bool(done.left or done.errors))
