"""`diagram`: the workflow as a Mermaid flowchart, drawn from `statemachine/workflow.asl.json` itself.

Solid arrows are the way on, dotted ones what a state catches. docs/architecture.md holds the drawing; a test compares.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storygate.errors import OperatorError
from storygate.stage import DEFINITION, find_project
from storygate.terminal import Terminal

DOCUMENT = Path("docs", "architecture.md")
BLOCK = re.compile(r"^```mermaid\nflowchart TD\n.*?^```$", re.MULTILINE | re.DOTALL)
# Mermaid's brackets for the shape of each type; Map has none, for no state of ours is one.
SHAPES = {
    "Choice": "{{{}}}",
    "Fail": "([{}])",
    "Parallel": "[{}]",
    "Pass": "[{}]",
    "Succeed": "([{}])",
    "Task": "[{}]",
    "Wait": "({})",
}
LONGEST_LABEL = 2  # names of errors on one arrow


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "diagram",
        help="the workflow as a drawing",
        description=f"Draws {DEFINITION} as a Mermaid flowchart, which GitHub and many editors show.",
        epilog="Example: python -m storygate diagram --write",
    )
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT} in place of the one there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: prints the drawing, or puts it where it belongs."""
    project = find_project()
    drawing = draw(json.loads((project / DEFINITION).read_text(encoding="utf-8")))
    if not args.write:
        terminal.say(drawing)
        return 0
    path = project / DOCUMENT
    before = path.read_text(encoding="utf-8")
    after, replaced = BLOCK.subn(lambda _: f"```mermaid\n{drawing}\n```", before)
    if replaced != 1:
        raise OperatorError(f"{DOCUMENT} holds {replaced} drawings of the workflow.", "Restore it from the repository.")
    path.write_text(after, encoding="utf-8")
    terminal.done(f"{DOCUMENT}: {'up to date' if after == before else 'drawn anew'}")
    return 0


def draw(definition: Any) -> str:
    """The flowchart of a state machine's definition."""
    return "\n".join(["flowchart TD", f"  start(( )) --> {definition['StartAt']}", *_machine(definition, "  ")])


def _machine(machine: Any, indent: str) -> Iterator[str]:
    for name, state in machine["States"].items():
        if "Branches" in state:
            yield f'{indent}subgraph {name} ["{name}, in parallel"]'
            for branch in state["Branches"]:
                yield from _machine(branch, indent + "  ")
            yield f"{indent}end"
        else:
            yield indent + name + SHAPES[state["Type"]].format(f'"{_label(name, state)}"')
    for name, state in machine["States"].items():
        for arrow in dict.fromkeys(_arrows(state)):
            yield f"{indent}{name} {arrow}"


def _label(name: str, state: Any) -> str:
    """The state's name, and what it calls."""
    resource = state.get("Resource", "").removeprefix("arn:aws:states:::").removeprefix("aws-sdk:")
    called, _, pattern = resource.partition(".")
    return "<br/>".join(filter(None, (name, called, pattern and "and wait for the token")))


def _arrows(state: Any) -> Iterator[str]:
    for choice in state.get("Choices", []):
        yield f"--> {choice['Next']}"
    if "Default" in state:
        yield f'-->|"otherwise"| {state["Default"]}'
    if "Next" in state:
        yield f"--> {state['Next']}"
    caught: dict[str, list[str]] = {}
    for catch in state.get("Catch", []):
        caught.setdefault(catch["Next"], []).extend(catch["ErrorEquals"])
    for target, errors in caught.items():
        yield f'-.->|"{_errors(errors, alone=len(caught) == 1)}"| {target}'


def _errors(names: list[str], *, alone: bool) -> str:
    if "States.ALL" in names:
        return "any error" if alone else "any other error"
    short = [name.rpartition(".")[2].removesuffix("Exception") for name in names]
    return ", ".join(short[:LONGEST_LABEL]) + (", …" if len(short) > LONGEST_LABEL else "")
