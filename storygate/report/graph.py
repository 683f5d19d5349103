"""The drawing of a state machine: one self-contained `<svg>`, each state marked with what happened to it.

Colours are custom properties, `--graph-done` and so on: a page that sets them has its own; else light and dark follow
the reader's system. A phase is told by its icon and its word as well as by its colour.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, Literal, get_args

from storygate.report.layout import LINES, NAME, SMALL, Box, Edge, Layout, Point, has_room, lay_out, transitions

Phase = Literal["done", "running", "waiting", "failed", "retried", "not reached"]
PHASES: tuple[Phase, ...] = get_args(Phase)

# Colour: light, dark. Words and lines stand on `ground`, `group` or `surface`; tests/report computes every contrast.
PALETTE = {
    "ground": ("#ffffff", "#0f1419"),
    "group": ("#f5f7fa", "#161d26"),
    "surface": ("#ffffff", "#1e2732"),
    "text": ("#17202b", "#eef2f6"),
    "muted": ("#54616f", "#a9b6c3"),
    "border": ("#7c8896", "#73808e"),
    "line": ("#4d5965", "#aab7c4"),
    "done": ("#15713a", "#5fd38d"),
    "running": ("#0b5cad", "#6db7ff"),
    "waiting": ("#8a5300", "#f2b84b"),
    "failed": ("#b3261e", "#ff8f86"),
    "retried": ("#7a3fa8", "#cfa2f5"),
    "not-reached": ("#54616f", "#a9b6c3"),
}
UNWRITABLE = re.compile("[^\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
ROUND = 9.0  # radius of an arrow's bends

# Icons of 18 x 18 pixels, drawn with one line.
TYPES = {
    "Task": "M3 9a6 6 0 1 0 12 0a6 6 0 1 0-12 0M7.5 6.5l4 2.5l-4 2.5z",
    "Choice": "M9 2l7 7l-7 7l-7-7z",
    "Wait": "M2.5 9a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M9 5v4l2.8 1.8",
    "Pass": "M2.5 9h12M10.5 5l4 4l-4 4",
    "Succeed": "M2.5 9a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M6 9.2l2.2 2.2l4-4.4",
    "Fail": "M2.5 9a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M6.7 6.7l4.6 4.6M11.3 6.7l-4.6 4.6",
    "Parallel": "M4 3v12M9 3v12M14 3v12",
    "Map": "M3 5.5h11.5M3 9h11.5M3 12.5h7M12.5 12.5l2 2l3-4",
}
SIGNS: dict[Phase, str] = {
    "done": "M4.5 9.2l3 3l6-6.5",
    "running": "M6.5 4.8l6.5 4.2l-6.5 4.2z",
    "waiting": "M6.7 5v8M11.3 5v8",
    "failed": "M5.2 5.2l7.6 7.6M12.8 5.2l-7.6 7.6",
    "retried": "M13.2 9a4.2 4.2 0 1 1-1.4-3.2M12.6 2.8v3.4h-3.4",
    "not reached": "M5.5 9h7",
}


@dataclass(frozen=True)
class Mark:
    """What happened to a state, and a short text under its name, such as "3 attempts, 4.2 s"."""

    phase: Phase
    note: str = ""


def svg(definition: Mapping[str, Any], marks: Mapping[str, Mark] | None = None, *, title: str = "") -> str:
    """One `<svg>` element, self-contained: no script, no font, no address, every text escaped.

    `marks`: by the state's name; a state without one was not reached. Without `marks` the machine is drawn as it is.
    Raises ValueError for a definition that cannot be laid out.
    """
    # A note that has room anyway changes no place: left out, the layout of a moment ago still holds.
    notes = None if marks is None else {name: note for name, mark in marks.items() if not has_room(note := _note(mark))}
    layout = _laid_out(json.dumps(definition), None if notes is None else json.dumps(notes))
    name = title or "State machine"
    boxes = "".join(_box(box, marks) for box in layout.boxes)
    edges = "".join(_edge(edge, _reached(edge, layout, marks)) for edge in layout.edges)
    labels = "".join(_label(edge) for edge in layout.edges)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="storygate-graph" role="img" viewBox="0 0 {_n(layout.width)} '
        f'{_n(layout.height)}" width="{_n(layout.width)}" height="{_n(layout.height)}">'
        f"<title>{_text(name)}</title><desc>{_text(describe(definition, marks))}</desc><style>{STYLE}</style>"
        f'<rect class="ground" width="100%" height="100%"/>{boxes}<g>{edges}</g><g>{labels}</g></svg>'
    )


def describe(definition: Mapping[str, Any], marks: Mapping[str, Mark] | None = None) -> str:
    """The drawing in words: with marks what happened to each state, without them where each one leads."""
    if marks is not None:
        found = {phase: [name for name, mark in marks.items() if mark.phase == phase] for phase in PHASES}
        told = [f"{phase.capitalize()}: {', '.join(names)}." for phase, names in found.items() if names]
        return " ".join(told) or "No state was reached."
    ways = []
    for name, state in definition["States"].items():
        to = [f"{target} ({label})" if label else target for _, target, label in transitions(state)]
        ways.append(f"{name} leads to {', '.join(to)}." if to else f"{name} ends.")
    return " ".join([f"Starts at {definition['StartAt']}.", *ways])


@lru_cache(maxsize=32)
def _laid_out(definition: str, notes: str | None) -> Layout:
    """A page that is drawn anew every second changes its colours, rarely its places."""
    return lay_out(json.loads(definition), None if notes is None else json.loads(notes))


def _note(mark: Mark) -> str:
    return f"{mark.phase.capitalize()} · {mark.note}" if mark.note else mark.phase.capitalize()


def _box(box: Box, marks: Mapping[str, Mark] | None) -> str:
    if box.kind == "branch":
        return f"<rect class='branch' {_area(box)} rx='10'/>"
    if box.kind in ("start", "end"):
        words = "".join(
            f"<text x='{_n(box.x + box.width / 2)}' y='{_n(box.y + 18.2)}' text-anchor='middle'>{word}</text>"
            for word in box.name
        )
        return f"<g><rect class='terminal{'' if words else ' dot'}' {_area(box)} rx='{_n(box.height / 2)}'/>{words}</g>"
    mark = None if marks is None else marks.get(box.state, Mark("not reached"))
    phase = f" data-phase='{mark.phase}'" if mark else ""
    told = ": ".join(filter(None, (box.state, _note(mark) if mark else " ".join((box.type, *box.caption)))))
    round_ = 22 if box.type in ("Succeed", "Fail") else 12
    shape = "group" if box.kind == "container" else "card"
    return (
        f"<g data-state='{_text(box.state)}'{phase}><title>{_text(told)}</title>"
        f"<rect class='{shape}' {_area(box)} rx='{round_}'/>{''.join(_words(box, mark))}</g>"
    )


def _words(box: Box, mark: Mark | None) -> Iterator[str]:
    """The icon of the type, the name, the caption, and the phase with its sign."""
    x, y = box.x + 14, box.y + 12
    yield f"<path class='icon' transform='translate({_n(x)} {_n(y)})' d='{TYPES.get(box.type, TYPES['Pass'])}'/>"
    x += 30
    for line in box.name:
        yield f"<text class='name' x='{_n(x)}' y='{_n(y + 14)}'>{_text(line)}</text>"
        y += LINES["name"]
    for line in box.caption:
        yield f"<text x='{_n(x)}' y='{_n(y + 13)}'>{_text(line)}</text>"
        y += LINES["caption"]
    if mark:
        yield f"<path class='sign' transform='translate({_n(box.x + 14)} {_n(y + 1)})' d='{SIGNS[mark.phase]}'/>"
        yield f"<text class='note' x='{_n(x)}' y='{_n(y + 14)}'>{_text(_note(mark))}</text>"


def _edge(edge: Edge, reached: bool) -> str:
    *_, before, (x, y) = edge.points
    head = f"M{_n(x - 4.5)} {_n(y - 8)}L{_n(x)} {_n(y)}L{_n(x + 4.5)} {_n(y - 8)}z"
    line = _rounded((*edge.points[:-1], (x, y - 7 if before[1] < y - 7 else y)))
    return f"<path class='line {edge.way}{'' if reached else ' unreached'}' d='{line}'/><path class='head' d='{head}'/>"


def _rounded(points: tuple[Point, ...]) -> str:
    """A line with its corners rounded off."""
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for (ax, ay), (bx, by), (cx, cy) in zip(points, points[1:], points[2:], strict=False):
        first, second = abs(bx - ax) + abs(by - ay), abs(cx - bx) + abs(cy - by)
        near = min(ROUND, first / 2, second / 2)
        if near:
            px, py = bx - (bx - ax) / first * near, by - (by - ay) / first * near
            qx, qy = bx + (cx - bx) / second * near, by + (cy - by) / second * near
            parts.append(f"L{_n(px)} {_n(py)}Q{_n(bx)} {_n(by)} {_n(qx)} {_n(qy)}")
    return "".join((*parts, f"L{_n(points[-1][0])} {_n(points[-1][1])}"))


def _label(edge: Edge) -> str:
    label = edge.label
    if label is None:
        return ""
    x, anchor = (label.x + label.width - 4, "end") if label.before else (label.x + 4, "start")
    return f"<text x='{_n(x)}' y='{_n(label.y + 13)}' text-anchor='{anchor}'>{_text(label.text)}</text>"


def _reached(edge: Edge, layout: Layout, marks: Mapping[str, Mark] | None) -> bool:
    names = (layout.boxes[number].state for number in (edge.source, edge.target))
    return marks is None or all(
        not name or marks.get(name, Mark("not reached")).phase != "not reached" for name in names
    )


def _area(box: Box) -> str:
    return f"x='{_n(box.x)}' y='{_n(box.y)}' width='{_n(box.width)}' height='{_n(box.height)}'"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    """Escaped; what XML has no way to write becomes a space."""
    return escape(UNWRITABLE.sub(" ", text))


def _style() -> str:
    def colours(theme: int) -> str:
        return "".join(f"--_{name}:var(--graph-{name},{both[theme]});" for name, both in PALETTE.items())

    line = "fill:none;stroke-linecap:round;stroke-linejoin:round"
    rules = {
        ".ground": "fill:var(--_ground)",
        ".card": "fill:var(--_surface);stroke:var(--_phase);stroke-width:1.25",
        ".group": "fill:var(--_group);stroke:var(--_phase);stroke-width:1.25",
        ".branch": "fill:none;stroke:var(--_border);stroke-dasharray:2 4",
        "[data-phase]>rect": "stroke-width:2.25",
        "[data-phase='not reached']>rect": "stroke-width:1.25;stroke-dasharray:5 4",
        "text": f"font-size:{_n(SMALL)}px;fill:var(--_muted)",
        ".name": f"font-size:{_n(NAME)}px;font-weight:600;fill:var(--_text)",
        ".note": "font-weight:600;fill:var(--_phase)",
        ".terminal": "fill:var(--_text)",
        ".terminal+text": "font-weight:600;fill:var(--_ground)",
        ".dot": "fill:var(--_line)",
        ".icon": f"{line};stroke:var(--_muted);stroke-width:1.6",
        ".sign": f"{line};stroke:var(--_phase);stroke-width:2.2",
        ".line": "fill:none;stroke:var(--_line);stroke-width:1.5",
        ".head": "fill:var(--_line)",
        ".catch": "stroke-dasharray:5 4",
        ".unreached": "stroke:var(--_border);stroke-width:1.25",
        **{f"[data-phase='{phase}']": f"--_phase:var(--_{phase.replace(' ', '-')})" for phase in PHASES},
    }
    root = ".storygate-graph"
    return (
        f"{root}{{font-family:{FONT};max-width:100%;height:auto;--_phase:var(--_border);{colours(0)}}}"
        f"@media (prefers-color-scheme:dark){{{root}{{{colours(1)}}}}}"
        f"@media print{{{root}{{{colours(0)}print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}"
        + "".join(f"{root} {selector}{{{body}}}" for selector, body in rules.items())
    )


STYLE = _style()
