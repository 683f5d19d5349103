"""`sweep`: give waiting runs their verdicts now, as every five minutes."""

import argparse
from dataclasses import asdict
from typing import Any

from storygate.commands.arguments import add_command, context_of, print_json, quiet_if_json
from storygate.operations.sweep_now import Sweep, sweep_now
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    add_command(
        commands,
        "sweep",
        run,
        help="give waiting runs the verdicts that they did not get",
        description="Does now what the stage does every five minutes: gives each waiting run the verdict that its "
        "story has, if a callback crashed before it did, and removes the entries of runs that are over. What there is "
        "no time for, the next sweep begins with.",
        example="--stage prod",
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Sweep: 0; 1 if a call failed for some story."""
    swept = sweep_now(context_of(args))
    if args.json:
        print_json(asdict(swept))
    show(swept, quiet_if_json(args, terminal))
    return int(bool(swept.errors))


def show(swept: Sweep, terminal: Terminal) -> None:
    """Say what the sweep did."""
    for name in swept.mended:
        terminal.done(f"{name} got the verdict that its story had")
    for name in swept.decided:
        terminal.done(f"{name} got the verdict that Jira's answer gives")
    for error in swept.errors:
        terminal.fail(error)
    terminal.say(f"{swept.waiting} waited, {len(swept.mended) + len(swept.decided)} of them got their verdict")
    if swept.left:
        terminal.warn(f"there was no time for {swept.left} runs: run this again, or wait for the next sweep")
