"""The workflow's drawing: one self-contained `<svg>`, each state marked with what happened to it in a run.

Colours are custom properties, `--graph-done` and so on: a page that sets them has its own; else light and dark follow
the reader's system. A phase has a sign and a word beside its colour.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, get_args

from storygate.report.coordinates import Box, Drawing, Edge, Point, states

Phase = Literal["done", "running", "waiting", "failed", "retried", "not reached"]
PHASES: tuple[Phase, ...] = get_args(Phase)

# Colour: light, dark. Words and lines are on `ground`, `group` or `surface`; a test computes every contrast.
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
NOT_DRAWN = "Not drawn, because the drawing is of another version of the workflow"

# What a box holds, in pixels: tools/drawing makes the boxes large enough for it.
NAME, SMALL = 14.0, 12.0  # sizes of the letters
LINES = {"name": 19.0, "caption": 17.0, "note": 19.0}  # heights
SIDE, TOP = 14.0, 12.0  # between a box's border and its words
ICON = 30.0  # the icon of a state's type, and the space after it
MARGIN = 20.0  # around the drawing

# Icons of 18 x 18 pixels, drawn with one line.
TYPES = {
    "Task": "M3 9a6 6 0 1 0 12 0a6 6 0 1 0-12 0M7.5 6.5l4 2.5l-4 2.5z",
    "Choice": "M9 2l7 7l-7 7l-7-7z",
    "Wait": "M2.5 9a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M9 5v4l2.8 1.8",
    "Pass": "M2.5 9h12M10.5 5l4 4l-4 4",
    "Succeed": "M2.5 9a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M6 9.2l2.2 2.2l4-4.4",
    "Fail": "M2.5 9a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M6.7 6.7l4.6 4.6M11.3 6.7l-4.6 4.6",
    "Parallel": "M4 3v12M9 3v12M14 3v12",
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


NOT_REACHED = Mark("not reached")


def svg(
    drawing: Drawing,
    definition: Mapping[str, Any],
    marks: Mapping[str, Mark] | None = None,
    *,
    title: str = "The workflow",
) -> str:
    """Return one self-contained `<svg>` element: no script, no font, no address, every text escaped.

    Drawn are the boxes and arrows that the definition has too, by the names of its states; its other states are listed
    above. `marks`, by state: a state without a mark was not reached; without `marks`, phases are left out.
    """
    part = drawing.part(definition)
    rest = tuple(name for name in states(definition) if name not in part.states)
    top = -(2 * MARGIN + LINES["note"] * len(rest)) if rest else 0.0
    height = (drawing.height if part.states else 0) - top
    boxes = "".join(_box(box, marks) for box in part.boxes if part.states)
    edges = "".join(_edge(edge, _reached(edge, marks)) for edge in part.edges)
    labels = "".join(_label(edge) for edge in part.edges)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="storygate-graph" role="img" viewBox="0 {_n(top)} '
        f'{_n(drawing.width)} {_n(height)}" width="{_n(drawing.width)}" height="{_n(height)}">'
        f"<title>{_text(title)}</title><desc>{_text(describe(part, marks, rest))}</desc>"
        f"<style>{STYLE}</style><rect class='ground' y='{_n(top)}' width='100%' height='100%'/>"
        f"{_rest(rest, top, marks)}{boxes}<g>{edges}</g><g>{labels}</g></svg>"
    )


def describe(drawing: Drawing, marks: Mapping[str, Mark] | None = None, rest: Sequence[str] = ()) -> str:
    """Return the drawing in words: with marks what happened to each state, without them where each one leads.

    `rest`: the states that are not drawn.
    """
    not_drawn = [f"{NOT_DRAWN}: {', '.join(rest)}."] if rest else []
    if marks is not None:
        found = {phase: [name for name, mark in marks.items() if mark.phase == phase] for phase in PHASES}
        happened = [f"{phase.capitalize()}: {', '.join(names)}." for phase, names in found.items() if names]
        return " ".join([*(happened or ["No state was reached."]), *not_drawn])
    ways = [f"Starts at {edge.target}." for edge in drawing.edges if edge.way == "start"][:1]
    for box in drawing.boxes:
        if box.kind in ("state", "container"):
            to = [_target(edge) for edge in drawing.edges if edge.source == box.state and edge.target]
            ways.append(f"{box.state} leads to {', '.join(to)}." if to else f"{box.state} ends.")
    return " ".join([*ways, *not_drawn])


def _target(edge: Edge) -> str:
    return f"{edge.target} ({edge.label.text})" if edge.label else edge.target


def _rest(names: Sequence[str], top: float, marks: Mapping[str, Mark] | None) -> str:
    """List the states that have no place in the drawing, each with its mark."""
    if not names:
        return ""
    lines = [f"<text x='{_n(MARGIN)}' y='{_n(top + MARGIN + 6)}'>{NOT_DRAWN}:</text>"]
    for number, name in enumerate(names):
        y = top + MARGIN + 10 + number * LINES["note"]
        mark = None if marks is None else marks.get(name, NOT_REACHED)
        words = f"{name}: {_note(mark)}" if mark else name
        sign, style = (_sign(mark, MARGIN, y), " class='note'") if mark else ("", "")
        text = f"<text{style} x='{_n(MARGIN + 24)}' y='{_n(y + 13)}'>{_text(words)}</text>"
        lines.append(f"<g data-state='{_text(name)}'{_phase(mark)}>{sign}{text}</g>")
    return "".join(lines)


def _note(mark: Mark) -> str:
    return f"{mark.phase.capitalize()} · {mark.note}" if mark.note else mark.phase.capitalize()


def _box(box: Box, marks: Mapping[str, Mark] | None) -> str:
    if box.kind == "branch":
        return f"<rect class='branch' {_area(box)} rx='10'/>"
    if box.kind in ("start", "end"):
        return _terminal(box)
    mark = None if marks is None else marks.get(box.state, NOT_REACHED)
    summary = ": ".join(filter(None, (box.state, _note(mark) if mark else " ".join((box.type, *box.caption)))))
    round_ = 22 if box.type in ("Succeed", "Fail") else 12
    shape = "group" if box.kind == "container" else "card"
    return (
        f"<g data-state='{_text(box.state)}'{_phase(mark)}><title>{_text(summary)}</title>"
        f"<rect class='{shape}' {_area(box)} rx='{round_}'/>{''.join(_words(box, mark))}</g>"
    )


def _terminal(box: Box) -> str:
    """Draw the workflow's start or end with its name, and the start of a branch as a dot."""
    area = f"{_area(box)} rx='{_n(box.height / 2)}'"
    if box.within:
        return f"<rect class='terminal dot' {area}/>"
    x, y = box.x + box.width / 2, box.y + 18.2
    name = f"<text x='{_n(x)}' y='{_n(y)}' text-anchor='middle'>{box.kind.capitalize()}</text>"
    return f"<g><rect class='terminal' {area}/>{name}</g>"


def _words(box: Box, mark: Mark | None) -> Iterator[str]:
    """Draw the icon of the type, the name, the caption, and the phase with its sign."""
    x, y = box.x + SIDE, box.y + TOP
    if mark is None and box.kind == "state":
        y += LINES["note"] / 2  # the line of the note is free: the others are centred
    yield f"<path class='icon' transform='translate({_n(x)} {_n(y)})' d='{TYPES[box.type]}'/>"
    x += ICON
    yield f"<text class='name' x='{_n(x)}' y='{_n(y + 14)}'>{_text(box.state)}</text>"
    y += LINES["name"]
    for line in box.caption:
        yield f"<text x='{_n(x)}' y='{_n(y + 13)}'>{_text(line)}</text>"
        y += LINES["caption"]
    if mark:
        yield _sign(mark, box.x + SIDE, y + 1)
        yield f"<text class='note' x='{_n(x)}' y='{_n(y + 14)}'>{_text(_note(mark))}</text>"


def _sign(mark: Mark, x: float, y: float) -> str:
    return f"<path class='sign' transform='translate({_n(x)} {_n(y)})' d='{SIGNS[mark.phase]}'/>"


def _phase(mark: Mark | None) -> str:
    return f" data-phase='{mark.phase}'" if mark else ""


def _edge(edge: Edge, reached: bool) -> str:
    *_, before, (x, y) = edge.points
    head = f"M{_n(x - 4.5)} {_n(y - 8)}L{_n(x)} {_n(y)}L{_n(x + 4.5)} {_n(y - 8)}z"
    line = _rounded((*edge.points[:-1], (x, y - 7 if before[1] < y - 7 else y)))
    return f"<path class='line {edge.way}{'' if reached else ' unreached'}' d='{line}'/><path class='head' d='{head}'/>"


def _rounded(points: tuple[Point, ...]) -> str:
    """Return the path of a line with round corners."""
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


def _reached(edge: Edge, marks: Mapping[str, Mark] | None) -> bool:
    """Tell whether both ends of an arrow were reached, as far as they are states."""
    names = filter(None, (edge.source, edge.target))
    return marks is None or all(marks.get(name, NOT_REACHED).phase != "not reached" for name in names)


def _area(box: Box) -> str:
    return f"x='{_n(box.x)}' y='{_n(box.y)}' width='{_n(box.width)}' height='{_n(box.height)}'"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    """Escape a text; a character that XML cannot hold becomes a space."""
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
