"""The workflow's definition as a graph for the Eclipse Layout Kernel (ELK), and ELK's answer as a drawing.

Nodes and edges carry their box or arrow (`box`, `arrow`): ELK returns fields that it does not know unchanged.
A Parallel holds one node for each branch. No transition leaves the `States` it is in
(https://states-language.net/spec.html#states-fields), so no arrow crosses a container's border.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import groupby, pairwise
from typing import Any

from storygate.report.coordinates import Box, Drawing, Edge, Kind, Label, Point, Way, arrows, inner_machines
from storygate.report.graph import ICON, LINES, MARGIN, NAME, SIDE, SMALL, TOP
from tools.drawing import labels

BOLD = 1.1  # times the width
LONGEST_NOTE = "Retried · 6 attempts, 1 min 52 s"
"""What a state's box has room for under its name; so a run's drawing needs no layout of its own."""
OPTIONS = {
    "elk.algorithm": "layered",
    "elk.direction": "DOWN",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST",
    "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
    "elk.layered.considerModelOrder.strategy": "PREFER_EDGES",
    "elk.layered.edgeLabels.centerLabelPlacementStrategy": "TAIL_LAYER",
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
BRANCHES = {
    **OPTIONS,
    "elk.separateConnectedComponents": "false",
    "elk.layered.crossingMinimization.forceNodeModelOrder": "true",
    "elk.nodeSize.constraints": "MINIMUM_SIZE",
}
STRAIGHT = {"start": "10", "next": "10", "choice": "5", "otherwise": "2", "catch": "1", "end": "1"}
APPROVED = "40"
"""How much ELK is to keep an arrow straight: by its way, and most of all on the way to an approval."""


def graph_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition as ELK's JSON graph.

    https://eclipse.dev/elk/documentation/tooldevelopers/graphdatastructure/jsonformat.html
    """
    root = {"id": "root", **_machine(definition, "", "")}
    everywhere = {"json.shapeCoords": "ROOT", "json.edgeCoords": "ROOT", "elk.padding": _padding(MARGIN, MARGIN)}
    return root | {"layoutOptions": OPTIONS | everywhere}


def approved_way(machine: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the states of a run in which no state fails and each Choice takes its first rule."""
    way: list[str] = []
    following = machine["StartAt"]
    while following and following not in way:
        way.append(following)
        state = machine["States"][following]
        following = state["Choices"][0]["Next"] if "Choices" in state else state.get("Next")
    return tuple(way)


def fingerprint(graph: Mapping[str, Any]) -> str:
    """Return a digest of all that a layout depends on: states, arrows, words, sizes and ELK's options."""
    return sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()[:16]


def drawing_of(graph: Mapping[str, Any], seed: int, laid_out: Mapping[str, Any]) -> Drawing:
    """Return the drawing of a graph with the coordinates that ELK added to it."""
    nodes = list(_nodes(laid_out))
    return Drawing(
        fingerprint(graph),
        seed,
        round(laid_out["width"], 1),
        round(laid_out["height"], 1),
        tuple(_box(node) for node in nodes),
        tuple(_edge(edge) for holder in (laid_out, *nodes) for edge in holder.get("edges", ())),
    )


def text_width(text: str, size: float) -> float:
    """Estimate the pixels that a text takes at most in the fonts of common systems."""
    return size * sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0
    if letter in " .,:;'|!ijlI()[]ft/":
        return 0.38
    if letter in "mwMW@%…":
        return 0.95
    return 0.74 if letter.isupper() else 0.63


def _machine(machine: Mapping[str, Any], id_: str, within: str) -> dict[str, Any]:
    """Return the nodes and edges of a machine; `id_` and `within` are "" for the workflow itself."""
    outermost = not within
    nodes = {"start": _node("start", f"{id_}start", within)}
    nodes |= {name: _state(name, state, within) for name, state in machine["States"].items()}
    if outermost:
        nodes["end"] = _node("end", "end", within)
    steps = set(pairwise(approved_way(machine)))
    edges = []
    for way, source, target in arrows(machine):
        if way != "end" or outermost:
            words = labels.label(machine["States"][source], way, target) if source else ""
            edge = _arrow(way, source, target, nodes[source or "start"], nodes[target or "end"], words)
            approved = way != "catch" and (source, target) in steps
            edge["layoutOptions"] = {"elk.layered.priority.straightness": APPROVED if approved else STRAIGHT[way]}
            edges.append(edge)
    return {"layoutOptions": OPTIONS, "children": list(nodes.values()), "edges": edges}


def _state(name: str, state: Mapping[str, Any], within: str) -> dict[str, Any]:
    inner = inner_machines(state)
    words = {"state": name, "type": state["Type"], "caption": labels.caption(state)}
    node = _node("container" if inner else "state", name, within, **words)
    if not inner:
        return node
    width, head = node.pop("width"), node.pop("height")
    node["children"] = [_branch(branch, name, number) for number, branch in enumerate(inner)]
    node["layoutOptions"] |= BRANCHES | {
        "elk.padding": _padding(head + 6, 18),
        "elk.nodeSize.minimum": f"({width}, {head})",
    }
    return node


def _branch(machine: Mapping[str, Any], parallel: str, number: int) -> dict[str, Any]:
    id_ = f"{parallel}/{number}"
    node = _node("branch", id_, parallel, state=parallel) | _machine(machine, f"{id_}/", parallel)
    return node | {"layoutOptions": OPTIONS | FIXED_SIDE | {"elk.padding": _padding(16, 16)}}


FIXED_SIDE = {"elk.portConstraints": "FIXED_SIDE"}


def _node(kind: Kind, id_: str, within: str, **words: Any) -> dict[str, Any]:
    box = {"kind": kind, "state": "", "within": within, "type": "", "caption": ()} | words
    width, height = _size(box)
    size = {"width": width, "height": height}
    return {"id": id_, "box": box, **size, "layoutOptions": dict(FIXED_SIDE), "ports": [_port(f"{id_}:in", "NORTH")]}


def _size(box: Mapping[str, Any]) -> tuple[float, float]:
    if box["kind"] in ("start", "end"):
        return (12, 12) if box["within"] else (round(text_width(box["kind"].capitalize(), SMALL) + 28), 28)
    widths = [text_width(box["state"], NAME) * BOLD]
    widths += [text_width(line, SMALL) for line in box["caption"]]
    widths += [text_width(LONGEST_NOTE, SMALL) * BOLD]
    height = LINES["name"] + len(box["caption"]) * LINES["caption"] + LINES["note"]
    return round(max(widths) + ICON + 2 * SIDE), height + 2 * TOP


def _arrow(
    way: Way, source: str, target: str, start: dict[str, Any], end: Mapping[str, Any], words: str
) -> dict[str, Any]:
    """Return an edge. All edges into a node end at one port and may share a line; each leaves by a port of its own."""
    port = f"{start['id']}:out{len(start['ports'])}"
    start["ports"].append(_port(port, "SOUTH"))
    label = {"text": words, "width": text_width(words, SMALL) + 10, "height": 18}
    return {
        "id": f"{port}>",
        "arrow": (way, source, target),
        "sources": [port],
        "targets": [f"{end['id']}:in"],
        "labels": [label] if words else [],
    }


def _port(id_: str, side: str) -> dict[str, Any]:
    return {"id": id_, "width": 0, "height": 0, "layoutOptions": {"elk.port.side": side}}


def _padding(top: float, rest: float) -> str:
    return f"[top={top},left={rest},bottom={rest},right={rest}]"


def _nodes(holder: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for node in holder.get("children", ()):
        yield node
        yield from _nodes(node)


def _area(node: Mapping[str, Any]) -> dict[str, float]:
    return {side: round(node[side], 1) for side in ("x", "y", "width", "height")}


def _box(node: Mapping[str, Any]) -> Box:
    fields = node["box"] | {"caption": tuple(node["box"]["caption"])} | _area(node)
    return Box(**fields)


def _edge(edge: Mapping[str, Any]) -> Edge:
    (section,) = edge["sections"]
    corners = (section["startPoint"], *section.get("bendPoints", ()), section["endPoint"])
    points = [point for point, _ in groupby((round(corner["x"], 1), round(corner["y"], 1)) for corner in corners)]
    label = next(iter(edge["labels"]), None)
    way, source, target = edge["arrow"]
    return Edge(way, source, target, tuple(points), _label(label, points) if label else None)


def _label(label: Mapping[str, Any], points: list[Point]) -> Label:
    """Return the words with their area, and whether the nearest part of their arrow is to their right."""
    area = _area(label)
    x, y, width = area["x"], area["y"] + area["height"] / 2, area["width"]
    beside = [ax for (ax, ay), (bx, by) in pairwise(points) if ax == bx and min(ay, by) < y < max(ay, by)]
    nearest = min(beside, key=lambda line: min(abs(line - x), abs(line - x - width)), default=x)
    return Label(label["text"], **area, before=nearest > x + width / 2)
