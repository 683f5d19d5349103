"""`console`: the runs of a stage in the browser, to watch and to decide."""

import argparse
import threading
from typing import Any

from storygate.commands.arguments import emit, place_of
from storygate.commands.local import port, stopped_by_signals
from storygate.support.terminal import Terminal

PORT = 8010


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "console",
        help="the runs in the browser, until Ctrl-C",
        description="Serves a web page on this machine alone: the runs of a stage, each live, to approve, reject, "
        "cancel or retry with your AWS identity. The address it prints holds a key, new with each start: keep it to "
        "yourself, for whoever opens it acts as you.",
        epilog="Example: python -m storygate console --stage dev",
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as dev")
    parser.add_argument("--json", action="store_true", help="the address as JSON on standard output")
    parser.add_argument("--port", type=port, default=PORT, help=f"where it listens, 0 for a free port (default {PORT})")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: up, stay, down. Ctrl-C and SIGTERM are its normal end."""
    # Flask takes a while to import, which no other command shall pay.
    from storygate.console.serving import console, reserved

    with stopped_by_signals():
        try:
            with reserved(args.port, "--port") as listener, console(place_of(args), listener, locked=True) as address:
                if args.json:
                    emit({"url": address})
                else:
                    terminal.done(f"console of stage {args.stage}: {address}")
                    terminal.say("  Ctrl-C stops it")
                threading.Event().wait()
        except KeyboardInterrupt:
            if not args.json:
                terminal.say("stopped")
    return 0
