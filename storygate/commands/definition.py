"""`definition`: print the state machine's definition as the JSON that `deploy` uploads."""

import argparse
from typing import Any

from storygate.commands.arguments import add_command
from storygate.stage.config import find_project
from storygate.stage.definition import DEFINITION, definition_json
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    add_command(
        commands,
        "definition",
        run,
        help="print the state machine's definition as JSON",
        description=f"Prints {DEFINITION} as the JSON that `deploy` uploads. CloudFormation fills in its ${{…}}.",
        example="",
        stage=False,
        json=False,
    )


def run(_args: argparse.Namespace, _terminal: Terminal) -> int:
    """Print the JSON: 0."""
    print(definition_json(find_project()), end="")
    return 0
