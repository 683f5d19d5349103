"""Where everything of a state machine's drawing goes: boxes sized by their words, arrows around them, labels beside.

The Eclipse Layout Kernel places (elk.py); this turns a definition in the Amazon States Language into its graph.
A Parallel holds one box for each branch, a Map the states of its processor. No transition leaves the `States` it is in
(https://states-language.net/spec.html#states-fields), so no arrow crosses a container's border.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Literal

from storygate.report import elk, labels

Kind = Literal["state", "container", "branch", "start", "end"]
Way = Literal["start", "next", "choice", "otherwise", "catch", "end"]
Point = tuple[float, float]

NAME, SMALL = 14.0, 12.0  # sizes of the letters, in pixels
BOLD = 1.1  # times the width
LONGEST_LINE = 30  # characters of a state's name before it goes on in the next line
MARGIN = 20.0
SIDE = 14.0  # between a box's border and its words
ICON = 34.0  # the icon of a state's type, and the space after it
LINES = {"name": 19.0, "caption": 17.0, "note": 19.0}  # heights
NARROWEST = 132.0
NARROWEST_NOTED = 240.0  # so that a note that changes while one watches moves nothing
BRANCHES_IN_A_ROW = 5

LAYERED = {
    "elk.algorithm": "layered",
    "elk.direction": "DOWN",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST",
    "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
    "elk.layered.considerModelOrder.strategy": "PREFER_EDGES",
    "elk.layered.edgeLabels.centerLabelPlacementStrategy": "TAIL_LAYER",
    # ELK tries orders by chance. Of the first seeds this one leads our own way to an approval straight down.
    "elk.randomSeed": "2",
    "elk.spacing.nodeNode": "36",
    "elk.spacing.edgeNode": "18",
    "elk.spacing.edgeEdge": "14",
    "elk.spacing.edgeLabel": "5",
    "elk.spacing.componentComponent": "44",
    "elk.spacing.portPort": "22",
    "elk.layered.spacing.nodeNodeBetweenLayers": "34",
    "elk.layered.spacing.edgeNodeBetweenLayers": "20",
    "elk.layered.spacing.edgeEdgeBetweenLayers": "12",
}
BUNDLE = (
    8  # arrows into one state that meet at one point of a line they share; else ELK needs the square of their number
)
CROWDED = 60  # states of one machine; from there on quick is better than pretty, and a dashed arrow says "any error"
QUICK = {"elk.layered.nodePlacement.strategy": "BRANDES_KOEPF", "elk.layered.thoroughness": "1"}
STRAIGHT = {"start": "10", "next": "10", "choice": "5", "otherwise": "2", "catch": "1", "end": "1"}
ROW = {
    **LAYERED,
    "elk.separateConnectedComponents": "false",
    "elk.layered.crossingMinimization.forceNodeModelOrder": "true",
}
ROWS = {"elk.algorithm": "rectpacking", "elk.aspectRatio": "2.2", "elk.spacing.nodeNode": "20"}


@dataclass(frozen=True)
class Box:
    """A state, a container of states, one branch of a Parallel, or where a machine starts and ends."""

    kind: Kind
    state: str  # the state's name; a branch has its Parallel's, start and end have none
    type: str
    name: tuple[str, ...]  # in lines
    caption: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    parent: int | None  # index of the container


@dataclass(frozen=True)
class Label:
    """Words on an arrow, the area they take, and whether the arrow is to their right."""

    text: str
    x: float
    y: float
    width: float
    height: float
    before: bool


@dataclass(frozen=True)
class Edge:
    """An arrow: the corners of its line from `source` to `target`, indices of boxes."""

    way: Way
    source: int
    target: int
    points: tuple[Point, ...]
    label: Label | None


@dataclass(frozen=True)
class Layout:
    """A drawing's size and parts; a container comes before what it holds."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def has_room(note: str) -> bool:
    """Whether even the narrowest box has room for the note."""
    return text_width(note, SMALL) * BOLD + ICON + 2 * SIDE <= NARROWEST_NOTED


def lay_out(definition: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> Layout:
    """The drawing of a definition; with `notes` (state's name: text), every state has room for one line more."""
    graph = _Graph(notes)
    root = {"id": "root", **graph.machine(definition, None, outermost=True)}
    root["layoutOptions"] |= {
        "json.shapeCoords": "ROOT",
        "json.edgeCoords": "ROOT",
        "elk.padding": _padding(MARGIN, MARGIN),
    }
    laid_out = elk.lay_out(root)
    nodes = {node["id"]: node for node in _nodes(laid_out)}
    drawn = {edge["id"]: edge for holder in (laid_out, *nodes.values()) for edge in holder.get("edges", ())}
    boxes = tuple(
        Box(**fields, **{side: round(nodes[str(number)][side], 1) for side in ("x", "y", "width", "height")})
        for number, fields in enumerate(graph.boxes)
    )
    edges = tuple(_edge(drawn, f"e{number}", *fields) for number, fields in enumerate(graph.edges))
    return Layout(round(laid_out["width"], 1), round(laid_out["height"], 1), boxes, edges)


def transitions(state: Mapping[str, Any]) -> Iterator[tuple[Way, str, str]]:
    """Where a state leads: the way, the next state's name, the arrow's label; rules to one state are one way."""
    if "Next" in state:
        yield "next", state["Next"], ""
    rules: dict[str, list[Mapping[str, Any]]] = {}
    for rule in state.get("Choices", ()):
        rules.setdefault(rule["Next"], []).append(rule)
    for target, leading in rules.items():
        yield "choice", target, labels.condition(leading)
    if "Default" in state:
        yield "otherwise", state["Default"], "otherwise"
    caught: dict[str, list[str]] = {}
    for catch in state.get("Catch", ()):
        caught.setdefault(catch["Next"], []).extend(catch["ErrorEquals"])
    for target, names in caught.items():
        yield "catch", target, labels.errors(names, alone=len(caught) == 1)


def machines(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The state machines inside a state: a Parallel's branches, a Map's processor (`Iterator` until 2022)."""
    inner = state.get("ItemProcessor") or state.get("Iterator")
    return [*state.get("Branches", ()), *([inner] if inner else [])]


def text_width(text: str, size: float) -> float:
    """Pixels that a text takes at most in the fonts that systems have: estimated, with no font to measure."""
    return size * sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1
    if letter in " .,:;'|!ijlI()[]ft/":
        return 0.38
    if letter in "mwMW@%…":
        return 0.95
    return 0.74 if letter.isupper() else 0.63


class _Graph:
    """The graph for ELK, and beside it what each of its nodes and edges stands for, by number."""

    def __init__(self, notes: Mapping[str, str] | None) -> None:
        self.notes = notes
        self.boxes: list[dict[str, Any]] = []
        self.edges: list[tuple[Way, int, int]] = []
        self.points = 0

    def machine(self, machine: Mapping[str, Any], parent: int | None, *, outermost: bool = False) -> dict[str, Any]:
        states, crowded = machine["States"], len(machine["States"]) > CROWDED
        start = self.node("start", parent, name=("Start",) if outermost else ())
        nodes = {name: self.state(name, state, parent) for name, state in states.items()}
        children, edges = [start, *nodes.values()], []
        if machine.get("StartAt") in nodes:
            edges.append(self.edge("start", start, nodes[machine["StartAt"]], ""))
        for name, state in states.items():
            edges += [
                self.edge(way, nodes[name], nodes[target], "" if crowded and label in labels.ANY_ERROR else label)
                for way, target, label in transitions(state)
                if target in nodes
            ]
        if outermost:
            children.append(end := self.node("end", parent, name=("End",)))
            last = [
                name for name, state in states.items() if state.get("End") or state.get("Type") in ("Succeed", "Fail")
            ]
            edges += [self.edge("end", nodes[name], end, "") for name in last]
        points, links = self.bundle(edges)
        options = LAYERED | (QUICK if crowded else {})
        return {"layoutOptions": options, "children": [*children, *points], "edges": [*edges, *links]}

    def bundle(self, edges: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Has many edges into one state meet at points of one line: those points, and the links of that line."""
        arriving: dict[str, list[dict[str, Any]]] = {}
        for edge in edges:
            arriving.setdefault(edge["targets"][0], []).append(edge)
        points: list[dict[str, Any]] = []
        links: list[dict[str, Any]] = []
        for port, those in arriving.items():
            for at in range(0, len(those), BUNDLE) if len(those) > BUNDLE else ():
                point = f"p{self.points}"
                self.points += 1
                points.append(
                    _node(point, 0, 0) | {"ports": [_port(f"{point}in", "NORTH"), _port(f"{point}out", "SOUTH")]}
                )
                for edge in those[at : at + BUNDLE]:
                    edge["targets"] = [f"{point}in"]
                following = f"p{self.points}in" if at + BUNDLE < len(those) else port
                links.append({"id": f"{point}link", "sources": [f"{point}out"], "targets": [following]})
        return points, links

    def state(self, name: str, state: Mapping[str, Any], parent: int | None) -> dict[str, Any]:
        inner = machines(state)
        words = {
            "state": name,
            "type": str(state.get("Type", "")),
            "name": lines(name),
            "caption": labels.caption(state),
        }
        node = self.node("container" if inner else "state", parent, **words)
        if not inner:
            return node
        number, head = int(node["id"]), node.pop("height")
        if "Branches" in state:
            node["children"] = []
            for branch in inner:
                held = self.node("branch", number, state=name)
                held |= self.machine(branch, int(held["id"]))
                held["layoutOptions"] |= {"elk.padding": _padding(16, 16)}
                node["children"].append(held)
            node["layoutOptions"] |= ROW if len(inner) <= BRANCHES_IN_A_ROW else ROWS
        else:
            options = node["layoutOptions"]
            node |= self.machine(inner[0], number)
            node["layoutOptions"] |= options
        node["layoutOptions"] |= {
            "elk.padding": _padding(head + 6, 18),
            "elk.nodeSize.constraints": "MINIMUM_SIZE",
            "elk.nodeSize.minimum": f"({node.pop('width')}, {head})",
        }
        return node

    def node(self, kind: Kind, parent: int | None, **words: Any) -> dict[str, Any]:
        number = len(self.boxes)
        fields = {"kind": kind, "state": "", "type": "", "name": (), "caption": (), "parent": parent} | words
        self.boxes.append(fields)
        width, height = self.size(fields)
        return _node(str(number), width, height) | {"ports": [_port(f"{number}in", "NORTH")]}

    def size(self, fields: Mapping[str, Any]) -> tuple[float, float]:
        if fields["kind"] in ("start", "end"):
            return (text_width(fields["name"][0], SMALL) + 28, 28) if fields["name"] else (12, 12)
        noted = self.notes is not None
        note = (self.notes or {}).get(fields["state"], "")
        widest = max(
            [text_width(line, NAME) * BOLD for line in fields["name"]]
            + [text_width(line, SMALL) for line in fields["caption"]]
            + [text_width(note, SMALL) * BOLD],
            default=0,
        )
        height = len(fields["name"]) * LINES["name"] + len(fields["caption"]) * LINES["caption"] + noted * LINES["note"]
        return max(widest + ICON + 2 * SIDE, NARROWEST_NOTED if noted else NARROWEST), height + 2 * 12

    def edge(self, way: Way, source: dict[str, Any], target: Mapping[str, Any], label: str) -> dict[str, Any]:
        number = len(self.edges)
        self.edges.append((way, int(source["id"]), int(target["id"])))
        # All arrows into a state end at one point and may share a line; each leaves from a point of its own.
        source["ports"].append(_port(f"o{number}", "SOUTH"))
        size = {"text": label, "width": text_width(label, SMALL) + 10, "height": 18}
        return {
            "id": f"e{number}",
            "sources": [f"o{number}"],
            "targets": [target["id"] + "in"],
            "labels": [size] if label else [],
            "layoutOptions": {"elk.layered.priority.straightness": STRAIGHT[way]},
        }


def lines(name: str) -> tuple[str, ...]:
    """A name in lines that are not too long, broken between its words, one of these within it if it must be."""
    broken = [""]
    for word in name.split() or [name]:
        parts = re.findall(r"[A-Z]*[^A-Z]+|[A-Z]+", word) if len(word) > LONGEST_LINE else [word]
        pieces = [part[at : at + LONGEST_LINE] for part in parts for at in range(0, len(part), LONGEST_LINE)]
        for number, piece in enumerate(pieces or [word]):
            space = " " if number == 0 and broken[-1] else ""
            if broken[-1] and len(broken[-1] + space + piece) > LONGEST_LINE:
                broken.append(piece)
            else:
                broken[-1] += space + piece
    return tuple(broken)


def _node(number: str, width: float, height: float) -> dict[str, Any]:
    return {"id": number, "width": width, "height": height, "layoutOptions": {"elk.portConstraints": "FIXED_SIDE"}}


def _port(number: str, side: str) -> dict[str, Any]:
    return {"id": number, "width": 0, "height": 0, "layoutOptions": {"elk.port.side": side}}


def _padding(top: float, rest: float) -> str:
    return f"[top={top},left={rest},bottom={rest},right={rest}]"


def _nodes(holder: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for node in holder.get("children", ()):
        yield node
        yield from _nodes(node)


def _edge(drawn: Mapping[str, Any], number: str, way: Way, source: int, target: int) -> Edge:
    points: list[Point] = []
    part = drawn[number]
    label = next(iter(part["labels"]), None)
    while True:
        (section,) = part["sections"]
        corners = (section["startPoint"], *section.get("bendPoints", ()), section["endPoint"])
        points += [(round(corner["x"], 1), round(corner["y"], 1)) for corner in corners]
        (end,) = part["targets"]
        if not end.startswith("p"):
            break
        part = drawn[end.removesuffix("in") + "link"]
    points = [point for point, _ in groupby(points)]
    return Edge(way, source, target, tuple(points), _label(label, points) if label else None)


def _label(drawn: Mapping[str, Any], points: list[Point]) -> Label:
    x, y, width, height = (round(drawn[side], 1) for side in ("x", "y", "width", "height"))
    beside = [ax for (ax, ay), (bx, by) in pairwise(points) if ax == bx and min(ay, by) < y + height / 2 < max(ay, by)]
    nearest = min(beside, key=lambda line: min(abs(line - x), abs(line - x - width)), default=x)
    return Label(drawn["text"], x, y, width, height, before=nearest > x + width / 2)
