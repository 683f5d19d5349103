"""`new-stage`: write a stage's part of config.json and its policies."""

import argparse
from typing import Any

from storygate.commands.arguments import add_command
from storygate.stage.config import CONFIG, find_project
from storygate.stage.new_stage import write_stage
from storygate.support.own_command import command_line
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "new-stage",
        run,
        help="write a new stage's configuration and policies",
        description=f"Writes a new stage into {CONFIG}, with the functions of dev and names of its own, and its "
        "policies beside it. To a stage that exists it adds what it lacks of both, as after an upgrade. Nothing is "
        "deployed.",
        example="qa",
        stage=False,
        json=False,
    )
    parser.add_argument("name", metavar="NAME", help="the stage: lower-case letters, digits and hyphens")
    parser.add_argument(
        "--bucket", metavar="NAME", help="its bucket, if storygate-NAME is taken: all of AWS shares names"
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the stage: 0, also if it lacked nothing."""
    written = write_stage(find_project(), args.name, args.bucket)
    if written.is_new:
        terminal.done(f"stage {written.name}: written to {CONFIG}, bucket {written.bucket}")
    elif written.functions:
        terminal.done(f"stage {written.name}: {', '.join(written.functions)} added to {CONFIG}")
    for file in written.files:
        terminal.done(f"{CONFIG.parent / file}: written")
    if not (written.is_new or written.functions or written.files):
        terminal.done(f"stage {written.name}: has all it needs")
    terminal.say(f"  {command_line(f'deploy --stage {written.name}')}")
    return 0
