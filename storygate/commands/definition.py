"""`definition`: the state machine's definition as the JSON that `deploy` uploads."""

import argparse
from typing import Any

from storygate.stage.config import find_project
from storygate.stage.definition import DEFINITION, definition_json
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "definition",
        help="the state machine's definition as JSON",
        description=f"Prints {DEFINITION} as the JSON that `deploy` uploads. CloudFormation fills in its ${{…}}.",
        epilog="Example: python -m storygate definition",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, _terminal: Terminal) -> int:
    """The command: prints the JSON and returns 0."""
    print(definition_json(find_project()), end="")
    return 0
