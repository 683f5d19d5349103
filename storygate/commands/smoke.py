"""`smoke`: the whole round on a deployed stage, once approved and once rejected, and everything cleaned up after it."""

import argparse
from dataclasses import asdict
from typing import Any

from storygate.commands.arguments import add_command, add_yes, context_of, print_json, quiet_if_json, seconds
from storygate.operations.called_apis import confirm_real_calls, read_apis
from storygate.operations.smoke_rounds import WANTED, play_round
from storygate.support.terminal import Terminal

SECONDS = 300.0


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "smoke",
        run,
        help="test the whole round on a deployed stage, approved and rejected",
        description="Plays one approval and one rejection on a deployed stage: upload, wait, signed callback, result. "
        "Each has a story of its own, and all their files and entries are deleted. Real APIs are really called: "
        "it asks first, and without a terminal it needs --yes.",
        example="--stage dev",
    )
    add_yes(parser)
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=SECONDS,
        metavar="SECONDS",
        help=f"how long each of the two runs may take (default {SECONDS:g}); exit code 1 after that",
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Play both rounds: 0 if they ended as wanted and everything was cleaned up, else 1."""
    context, shown = context_of(args), quiet_if_json(args, terminal)
    apis = read_apis(context)
    if not args.yes:
        confirm_real_calls(context.stage, apis, "each of the two runs", shown)
    rounds = [play_round(context, wanted, args.timeout, shown) for wanted in WANTED]
    passed = not any(played.problem for played in rounds)
    if args.json:
        print_json({"stage": context.stage.name, "passed": passed, "runs": [asdict(played) for played in rounds]})
    shown.say(f"smoke test of stage {context.stage.name}: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1
