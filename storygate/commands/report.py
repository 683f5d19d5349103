"""`report`: a run as one HTML file that needs no network, to read, to send and to print."""

import argparse
import os
from pathlib import Path
from typing import Any

from storygate.commands.arguments import add_command, add_execution, context_of, print_json
from storygate.report.coordinates import read_drawing
from storygate.report.page import graph, page
from storygate.report.view import as_json, read_view
from storygate.runs.executions import Runs
from storygate.support.errors import OperatorError, WrongUsage
from storygate.support.terminal import Terminal

STDOUT = "-"


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "report",
        run,
        help="write a run as one HTML file, with its graph",
        description="Draws a run, or the newest one: its states, its times, the APIs' answers, the decision. The file "
        "needs no other file and no network, and holds no token. --json prints the same data as JSON.",
        example="approved-0123456789abcdef --stage dev -o approved.html",
    )
    add_execution(parser, nargs="?")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="where to write, - for standard output (default: the run's name with .html)",
    )
    parser.add_argument("--svg", action="store_true", help="write only the graph of the states, as an SVG file")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the report: 0, whatever the outcome of the run."""
    if args.json and (args.svg or args.output):
        raise WrongUsage("--json prints to standard output, and nothing else.", "Leave out --json, or -o and --svg.")
    context = context_of(args)
    seen = read_view(context, args.execution or Runs(context).newest().arn)
    if args.json:
        print_json(as_json(seen))
        return 0
    drawing = read_drawing(context.project)
    text = graph(seen, drawing) if args.svg else page(seen, drawing)
    if args.output == STDOUT:
        print(text)
        return 0
    path = Path(args.output or seen.execution + (".svg" if args.svg else ".html"))
    try:
        write(path, text)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.", "Give another file with -o.") from error
    terminal.done(f"{seen.execution}, {seen.outcome}: {path}")
    return 0


def write(path: Path, text: str) -> None:
    """Write a file completely or not at all; raises OSError. A device such as /dev/stdout is written to directly."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
