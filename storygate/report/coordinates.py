"""Where each box and arrow of the workflow's drawing is: `statemachine/drawing.json`, which `make drawing` writes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from storygate.support.errors import OperatorError

DRAWING = Path("statemachine", "drawing.json")

Kind = Literal["state", "container", "branch", "start", "end"]
Way = Literal["start", "next", "choice", "otherwise", "catch", "end"]
Arrow = tuple[Way, str, str]
"""Way, source and target: names of states, and "" for where a machine starts or ends."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A state, a Parallel that holds states, one of its branches, or a machine's start or end; in pixels."""

    kind: Kind
    state: str
    """The state's name; a branch has its Parallel's, start and end have none."""
    within: str
    """The Parallel around it, or ""."""
    type: str
    caption: tuple[str, ...]
    """The lines under the name."""
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Label:
    """Words on an arrow and the area they take, in pixels; `before`: the arrow is to their right."""

    text: str
    x: float
    y: float
    width: float
    height: float
    before: bool


@dataclass(frozen=True)
class Edge:
    """An arrow and the corners of its line, from its source to its target."""

    way: Way
    source: str
    target: str
    points: tuple[Point, ...]
    label: Label | None


@dataclass(frozen=True)
class Drawing:
    """All parts of a drawing and its size in pixels; a container comes before the boxes that it holds.

    `fingerprint` is that of the graph that was laid out, `seed` the one of ELK's random order: tools/drawing uses both.
    """

    fingerprint: str
    seed: int
    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]

    def part(self, definition: Mapping[str, Any]) -> "Drawing":
        """Return the boxes and arrows that this definition has too, by the names of their states."""
        names, arrows = {"", *states(definition)}, set(all_arrows(definition))
        return replace(
            self,
            boxes=tuple(box for box in self.boxes if {box.state, box.within} <= names),
            edges=tuple(edge for edge in self.edges if (edge.way, edge.source, edge.target) in arrows),
        )

    @property
    def states(self) -> frozenset[str]:
        """The names of all states that have a box."""
        return frozenset(box.state for box in self.boxes) - {""}


def read_drawing(project: Path) -> Drawing:
    """Read the drawing of the project's workflow; raises OperatorError if its file is missing or broken."""
    path = project / DRAWING
    try:
        return drawing_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        fix = "Restore the file from the repository, or write it again with `make drawing` (needs Node)."
        raise OperatorError(f"{DRAWING} cannot be read: {error}.", fix) from error


def drawing_from(document: Mapping[str, Any]) -> Drawing:
    """Build a drawing from its JSON: the fields of the classes above, by name."""
    boxes = [box | {"caption": tuple(box["caption"])} for box in document["boxes"]]
    edges = [
        edge | {"points": tuple((x, y) for x, y in edge["points"]), "label": edge["label"] and Label(**edge["label"])}
        for edge in document["edges"]
    ]
    parts = {"boxes": tuple(Box(**box) for box in boxes), "edges": tuple(Edge(**edge) for edge in edges)}
    return Drawing(**{**document, **parts})


def states(machine: Mapping[str, Any]) -> Iterator[str]:
    """Name each state of a machine and of the machines inside it, in the definition's order."""
    for name, state in machine.get("States", {}).items():
        yield name
        for inner in inner_machines(state):
            yield from states(inner)


def all_arrows(machine: Mapping[str, Any]) -> Iterator[Arrow]:
    """List the arrows of a machine and of the machines inside it."""
    yield from arrows(machine)
    for state in machine.get("States", {}).values():
        for inner in inner_machines(state):
            yield from all_arrows(inner)


def arrows(machine: Mapping[str, Any]) -> Iterator[Arrow]:
    """List the arrows of one machine, in the definition's order; several rules to one state are one arrow."""
    if "StartAt" in machine:
        yield "start", "", machine["StartAt"]
    for name, state in machine.get("States", {}).items():
        found: list[tuple[Way, str | None]] = [("next", state.get("Next"))]
        found += [("choice", rule["Next"]) for rule in state.get("Choices", ())]
        found += [("otherwise", state.get("Default"))]
        found += [("catch", catch["Next"]) for catch in state.get("Catch", ())]
        yield from dict.fromkeys((way, name, target) for way, target in found if target)
        if state.get("End") or state.get("Type") in ("Succeed", "Fail"):
            yield "end", name, ""


def inner_machines(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the machines inside a state: a Parallel's branches, or the processor of a Map."""
    processor = state.get("ItemProcessor")
    return [*state.get("Branches", ()), *([processor] if processor else [])]
