"""`diagram`: the workflow as an SVG.

docs/workflow.svg is that drawing; a test compares.
"""

import argparse
from pathlib import Path
from typing import Any

from storygate.commands.arguments import add_command
from storygate.report.coordinates import read_drawing
from storygate.report.graph import svg
from storygate.stage.config import find_project
from storygate.stage.definition import read_definition
from storygate.support.terminal import Terminal

DOCUMENT = Path("docs", "workflow.svg")


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "diagram",
        run,
        help="draw the workflow",
        description="Draws the workflow as an SVG, which every browser shows, in light and dark. Its places come from "
        "statemachine/drawing.json; it lists the states that have no place there.",
        example="--write",
        stage=False,
        json=False,
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it to FILE instead of standard output")
    where.add_argument("--write", action="store_true", help=f"write it to {DOCUMENT}")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print the drawing, or write it to a file: 0."""
    project = find_project()
    drawing = diagram(project)
    path: Path | None = project / DOCUMENT if args.write else args.output
    if path is None:
        print(drawing)  # not through the terminal, which would wrap the markup
        return 0
    path.write_text(drawing + "\n", encoding="utf-8")
    terminal.done(f"{DOCUMENT if args.write else path} drawn")
    return 0


def diagram(project: Path) -> str:
    """Return the drawing of a project's workflow as one `<svg>` element."""
    return svg(read_drawing(project), read_definition(project))
