"""`python -m tools.drawing.lay_out` (`make drawing`): lay the workflow's drawing out, and write it to its two files.

Writes statemachine/drawing.json, the coordinates, and docs/workflow.svg. Needs Node, and elkjs in tools/drawing
(`npm ci`); nothing that users run does.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from storygate.commands.diagram import DOCUMENT, diagram
from storygate.report.coordinates import DRAWING, Drawing
from storygate.stage.definition import read_definition
from tools.drawing.elk_graph import drawing_of, graph_of

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
ELKJS = HERE / "node_modules" / "elkjs"
SEEDS = 30
"""ELK tries orders at random. So many seeds are tried, and the best layout is kept."""
SECONDS = 120.0


def main() -> int:
    """Write both files; 1 without elkjs."""
    if not ELKJS.is_dir():
        print("error: elkjs is not installed\n  fix: run `make drawing`, or `npm ci` in tools/drawing", file=sys.stderr)
        return 1
    drawing = best_layout(read_definition(ROOT))
    (ROOT / DRAWING).write_text(as_text(drawing), encoding="utf-8")
    (ROOT / DOCUMENT).write_text(diagram(ROOT) + "\n", encoding="utf-8")
    print(f"{DRAWING} and {DOCUMENT} written: {len(drawing.boxes)} boxes, {len(drawing.edges)} arrows")
    return 0


def best_layout(definition: Mapping[str, Any]) -> Drawing:
    """Return the layout with the lowest cost."""
    return min(layouts(definition, range(1, SEEDS + 1)), key=cost)


def layouts(definition: Mapping[str, Any], seeds: Iterable[int]) -> list[Drawing]:
    """Have Node run ELK once for each seed; raises CalledProcessError if that fails."""
    graph = graph_of(definition)
    graphs = [graph | {"layoutOptions": graph["layoutOptions"] | {"elk.randomSeed": str(seed)}} for seed in seeds]
    done = subprocess.run(
        ["node", str(HERE / "elk.mjs")],
        input=json.dumps(graphs),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    return [drawing_of(graph, seed, one) for seed, one in zip(seeds, json.loads(done.stdout), strict=True)]


def cost(drawing: Drawing) -> float:
    """Return how hard a layout is to read: its bends and crossings, and its width, which makes letters small."""
    return sum(len(edge.points) - 2 for edge in drawing.edges) + 2 * crossings(drawing) + drawing.width / 10


def crossings(drawing: Drawing) -> int:
    """Count where a vertical part of one arrow crosses a horizontal part of another."""
    parts = [(edge.target, *part) for edge in drawing.edges for part in pairwise(edge.points)]
    upright = [(to, ax, min(ay, by), max(ay, by)) for to, (ax, ay), (bx, by) in parts if ax == bx]
    level = [(to, ay, min(ax, bx), max(ax, bx)) for to, (ax, ay), (bx, by) in parts if ay == by]
    return sum(
        to != other and left < x < right and top < y < bottom
        for to, x, top, bottom in upright
        for other, y, left, right in level
    )


def as_text(drawing: Drawing) -> str:
    """Return the drawing as JSON with a line for each box and arrow, so that a difference can be read."""
    fields = asdict(drawing)
    lists = {name: fields.pop(name) for name in ("boxes", "edges")}
    head = json.dumps(fields)[:-1]
    for name, parts in lists.items():
        lines = ",\n".join("  " + json.dumps(part, ensure_ascii=False) for part in parts)
        head += f',\n"{name}": [\n{lines}\n]'
    return head + "}\n"


if __name__ == "__main__":
    sys.exit(main())
