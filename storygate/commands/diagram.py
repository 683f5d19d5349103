"""`diagram`: the workflow as an SVG, drawn from `statemachine/workflow.asl.yaml` itself.

docs/workflow.svg is that drawing; a test compares.
"""

import argparse
from pathlib import Path
from typing import Any

from storygate.report.graph import svg
from storygate.stage.config import find_project
from storygate.stage.definition import DEFINITION, read_definition
from storygate.support.terminal import Terminal

DOCUMENT = Path("docs", "workflow.svg")


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "diagram",
        help="the workflow as a drawing",
        description=f"Draws {DEFINITION} as an SVG, which every browser shows, in light and dark.",
        epilog="Example: python -m storygate diagram --write",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", type=Path, help="put it into FILE, not to standard output")
    where.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT}")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: prints the drawing, or puts it where it belongs."""
    project = find_project()
    drawing = svg(read_definition(project), title="The workflow")
    path: Path | None = project / DOCUMENT if args.write else args.output
    if path is None:
        print(drawing)  # as it is: a terminal's width is nothing to markup
        return 0
    path.write_text(drawing + "\n", encoding="utf-8")
    terminal.done(f"{DOCUMENT if args.write else path} drawn")
    return 0
