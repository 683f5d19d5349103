"""Shared by the commands: flags, the context of a stage, and output for scripts."""

import argparse
import json
import os
from collections.abc import Callable
from typing import Any

from storygate.stage.aws import of_stage
from storygate.stage.config import check_known, find_project
from storygate.stage.context import Context, load_context
from storygate.support.terminal import Terminal

# A run may wait a week for people. A script that watches it waits so long only if it is asked to.
WAIT_SECONDS = 3600.0


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace, Terminal], int],
    *,
    help: str,
    description: str,
    example: str,
    stage: bool = True,
    json: bool = True,
    continues: bool = False,
) -> argparse.ArgumentParser:
    """Add a command, with `--stage` and `--json` unless they are False; `example` follows `storygate <name>`.

    `continues`: after Ctrl-C, the same command goes on where it was stopped.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=description, epilog=f"Example: storygate {name} {example}".rstrip()
    )
    if stage:
        parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as dev")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON on standard output, and nothing else")
    parser.set_defaults(run=run, continues=continues)
    return parser


def add_timeout(parser: argparse.ArgumentParser, default: float, what: str) -> None:
    """Add `--timeout SECONDS`."""
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=default,
        metavar="SECONDS",
        help=f"{what} (default {default:g}); exit code 124 after that",
    )


def add_execution(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add `EXECUTION`, a run's name or ARN."""
    parser.add_argument("execution", metavar="EXECUTION", help="a run's name or ARN, see `list`", **options)


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`, for commands that call real APIs."""
    parser.add_argument(
        "--yes", action="store_true", help="call real APIs without asking; without a terminal it is needed"
    )


def seconds(text: str) -> float:
    """Parse a span as an argument: a number above zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above zero")
    return number


def port(text: str) -> int:
    """Parse a port as an argument; 0 takes a free one."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not a port: 0 to 65535")
    return number


def number_between(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers in a range, for an argument."""

    def number(text: str) -> int:
        given = int(text)
        if not least <= given <= most:
            raise argparse.ArgumentTypeError(f"{given} is not from {least} to {most}")
        return given

    return number


def context_of(args: argparse.Namespace) -> Context:
    """Return the context of `--stage`, in this project and on the AWS of that stage (`aws.of_stage`)."""
    project = find_project()
    check_known(project, args.stage)  # before its AWS: an unknown stage is not a missing region
    return load_context(project, args.stage, of_stage(args.stage))


def exit_code(outcome: Any) -> int:
    """Return 0 for the outcome `approved`, 1 for any other: such a run fails on AWS, too."""
    return 0 if outcome == "approved" else 1


def print_json(document: Any) -> None:
    """Print one line of JSON on standard output."""
    print(json.dumps(document, ensure_ascii=False), flush=True)


def quiet_if_json(args: argparse.Namespace, terminal: Terminal) -> Terminal:
    """Return a silent terminal if `--json` owns standard output."""
    return Terminal(open(os.devnull, "w", encoding="utf-8")) if args.json else terminal
