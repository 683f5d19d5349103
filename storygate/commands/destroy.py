"""`destroy`: take a stage down. Bucket, table and secret are kept, unless --purge is given."""

import argparse
from typing import Any

from storygate.commands.arguments import add_command, context_of
from storygate.deployment.take_down import confirm, destroy
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "destroy",
        run,
        help="take a stage down",
        description="Takes a stage down: its runs are stopped and write no result. Bucket, table and secret are kept, "
        "and a later deploy uses them again. Asks first; without a terminal it needs --yes.",
        example="--stage dev --purge",
        json=False,
        continues=True,
    )
    parser.add_argument(
        "--purge", action="store_true", help="also delete bucket (all versions), table, secret and logs, for good"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Ask, then destroy: 0."""
    context = context_of(args)
    if not args.yes:
        confirm(context, terminal, purge=args.purge)
    destroy(context, terminal, purge=args.purge)
    return 0
