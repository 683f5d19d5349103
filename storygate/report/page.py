"""A run as a web page: one HTML document that needs no network, or its article for the console's own page."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from storygate.report.coordinates import Drawing
from storygate.report.graph import Phase, svg
from storygate.report.timeline import timeline
from storygate.report.view import RunView, marks
from storygate.support.times import iso, span

TEMPLATES = Path(__file__).parent / "templates"
CSS = (TEMPLATES / "style.css").read_text(encoding="utf-8")
"""The style of a run, for light, dark and paper; the console adds its own to it."""

# Outcome -> its name for people, and the class of its colour and sign. A refusal is a decision, and a timeout the lack
# of one: neither looks like a fault.
LABELS = {
    "approved": ("Approved", "done"),
    "rejected": ("Rejected", "rejected"),
    "timed_out": ("Timed out", "late"),
    "api_failed": ("API failed", "failed"),
    "release_failed": ("Release failed", "failed"),
    "invalid_input": ("Invalid input", "invalid"),
    "error": ("Error", "failed"),
    "cancelled": ("Cancelled", "stopped"),
    "running": ("Running", "running"),
    "waiting": ("Waiting", "waiting"),
}
LEGEND: tuple[Phase, ...] = ("done", "retried", "running", "waiting", "failed", "not reached")
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
SHORT = 1200  # characters of JSON that are shown at once; more is folded away
LINE = 64  # characters of JSON in a line
FEW = 12  # packages that are shown at once


def page(view: RunView, drawing: Drawing) -> str:
    """Return the whole document. It loads nothing from anywhere: its Content-Security-Policy forbids that."""
    main = Markup(body(view, drawing))  # noqa: S704
    return _environment().get_template("page.html").render(body=main, view=view, style=Markup(CSS))  # noqa: S704


def body(view: RunView, drawing: Drawing) -> str:
    """Return the content of the page's `<main>`: an `<article>` that starts with the page's only h1. Needs CSS."""
    template = _environment().get_template("run.html")
    return template.render(view=view, graph=Markup(graph(view, drawing)), timeline=timeline(view))  # noqa: S704


def graph(view: RunView, drawing: Drawing) -> str:
    """Return the run's states as one `<svg>` element, each marked with what happened to it."""
    return svg(drawing, view.definition, marks(view), title=f"The states of {view.execution}")


def label(outcome: str) -> tuple[str, str]:
    """Return an outcome's name for people and the class of its colour; an error of AWS's own keeps its name."""
    return LABELS.get(outcome, (outcome, "failed"))


def words(seconds: float) -> str:
    """Return a span in words: `3 days 4 hours`, `1 minute`, `4.2 seconds`, `240 milliseconds`."""
    if seconds < 1:
        return _counted(max(0, round(seconds * 1000)), "millisecond")
    if seconds < 59.95:
        return f"{seconds:.1f} seconds"
    rest, parts = int(seconds), []
    for unit, size in UNITS:
        if rest >= size:
            parts.append(_counted(rest // size, unit))
            rest %= size
        elif parts:
            break  # not `1 day 5 seconds`
        if len(parts) == 2:
            break
    return " ".join(parts)


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" + ("" if number == 1 else "s")


def _pretty(value: Any, indent: str = "") -> str:
    """JSON for people: a value that fits into a line is not broken."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= LINE or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{json.dumps(name, ensure_ascii=False)}: {_pretty(item, inner)}" for name, item in value.items()]
    else:
        items = [_pretty(item, inner) for item in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{last}"


def _moment(at: datetime, form: str = "%-d %b %Y, %H:%M:%S UTC") -> Markup:
    """A `<time>` in UTC, since a report may be read in any time zone."""
    return Markup('<time datetime="{}">{}</time>').format(iso(at), at.astimezone(UTC).strftime(form))


def _clock(at: datetime, since: datetime) -> Markup:
    """The time of a day with milliseconds, with its day if that is not the day of `since`."""
    day = "" if at.astimezone(UTC).date() == since.astimezone(UTC).date() else "%-d %b, "
    return _moment(at, f"{day}%H:%M:%S.{at.microsecond // 1000:03}")


def _lasting(seconds: float, text: str) -> Markup:
    """A `<time>` for a span."""
    return Markup('<time datetime="PT{}S">{}</time>').format(round(max(0.0, seconds), 3), text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": _moment,
        "clock": _clock,
        "words": lambda seconds: _lasting(seconds, words(seconds)),
        "span": lambda seconds: _lasting(seconds, span(seconds, precise=True)),
        "pretty": _pretty,
    }
    environment.globals |= {"label": label, "legend": LEGEND, "short": SHORT, "few": FEW}
    return environment
