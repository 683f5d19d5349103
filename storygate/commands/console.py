"""`console`: the runs of a stage in the browser, to watch and to decide."""

import argparse
import threading
from typing import Any

from storygate.commands.arguments import add_command, context_of, port, print_json
from storygate.support.signals import stopped_by_signals
from storygate.support.terminal import Terminal

PORT = 8010


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "console",
        run,
        help="show the runs in the browser, until Ctrl-C",
        description="Serves a web page on this machine only: the runs of a stage, each live, to approve, reject, "
        "cancel or retry with your AWS identity. The address it prints holds a key, new with each start. Do "
        "not pass it on: a person who opens it acts with your AWS identity. --json prints the address as JSON.",
        example="--stage dev",
    )
    parser.add_argument(
        "--port", type=port, default=PORT, help=f"the port that it listens on, 0 for a free one (default {PORT})"
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Start, stay, stop: 0. Ctrl-C and SIGTERM are the normal end."""
    # Flask takes a while to import, which the other commands do not need.
    from storygate.console.serving import console, reserved

    with stopped_by_signals():
        try:
            context = context_of(args)
            with reserved(args.port, "--port") as listener, console(context, listener, locked=True) as address:
                if args.json:
                    print_json({"url": address})
                else:
                    terminal.done(f"console of stage {args.stage}: {address}")
                    terminal.say("  Ctrl-C stops it")
                threading.Event().wait()
        except KeyboardInterrupt:
            if not args.json:
                terminal.say("stopped")
    return 0
