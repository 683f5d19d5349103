"""A run's times as bars: one row a state, on an axis that shortens stretches that dominate all others."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from storygate.report.graph import Phase
from storygate.report.view import RunView
from storygate.runs.history import Visit
from storygate.support.times import span

# A stretch DOMINATES times longer than all the others together is drawn SHORTENED percent of the width wide.
DOMINATES, SHORTENED = 8.0, 18.0
MOST_CUTS = 3
TICKS = 5
THINNEST = 0.6  # percent of the width, so that a state of a millisecond can still be seen
STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800)


@dataclass(frozen=True)
class Cut:
    """A stretch of the axis that is drawn shortened; places are percent of the width."""

    left: float
    width: float
    seconds: float

    @property
    def text(self) -> str:
        """Its length in words."""
        return span(self.seconds, precise=True)


@dataclass(frozen=True)
class Tick:
    """A place on the axis, and its seconds since the start in words."""

    place: float
    text: str


@dataclass(frozen=True)
class Bar:
    """One visit; `failures` are the places of failed attempts."""

    left: float
    width: float
    phase: Phase
    failures: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """All visits of a state."""

    state: str
    depth: int
    phase: Phase
    bars: tuple[Bar, ...]
    entered: datetime
    seconds: float
    times: int
    attempts: int
    errors: tuple[tuple[str, int], ...]
    """Each error's name, and how often it occurred."""
    stopped: bool
    """Whether the end of the run cut it off."""


@dataclass(frozen=True)
class Timeline:
    """The rows in the order in which their states were entered, and the axis above them."""

    rows: tuple[Row, ...]
    cuts: tuple[Cut, ...]
    ticks: tuple[Tick, ...]


class _Axis:
    """Maps moments to percent of the width: to scale, except for stretches that dominate all others."""

    def __init__(self, moments: Sequence[datetime]) -> None:
        self._start = moments[0]
        at = sorted({(moment - self._start).total_seconds() for moment in moments})
        stretches = sorted(pairwise(at), key=lambda stretch: stretch[0] - stretch[1])
        lengths = [end - start for start, end in stretches]
        shortened = 0
        while shortened < min(MOST_CUTS, len(lengths) - 1) and (
            lengths[shortened] > sum(lengths[shortened + 1 :]) * DOMINATES
        ):
            shortened += 1
        self._cut = sorted(stretches[:shortened])
        self.length = at[-1]
        linear = self.length - sum(end - start for start, end in self._cut)
        self._scale = (100 - SHORTENED * len(self._cut)) / linear if linear else 0.0

    @property
    def cuts(self) -> tuple[Cut, ...]:
        return tuple(Cut(self._place(start), SHORTENED, end - start) for start, end in self._cut)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The start, even steps up to the first cut, and the whole length at the end."""
        first = self._cut[0][0] if self._cut else self.length
        step = _step(100 / TICKS / self._scale) if self._scale else first
        # Leave room for the text over the cut, or at the end.
        before = self._place(first) - (3 if self._cut else 10)
        steps = (n * step for n in range(1, int(first / step) + 1)) if step else ()
        between = (Tick(self._place(seconds), span(seconds, precise=True).replace(".0 ", " ")) for seconds in steps)
        ends = not self._cut or self._place(self._cut[-1][1]) < 90  # else the cut's own text is there
        last = [Tick(100.0, span(self.length, precise=True))] if ends else []
        return (Tick(0.0, "0"), *(tick for tick in between if 6 < tick.place < before), *last)

    def place(self, at: datetime) -> float:
        return self._place((at - self._start).total_seconds())

    def _place(self, seconds: float) -> float:
        place = 0.0
        for start, end in self._cut:
            if seconds > start:
                inside = min(seconds, end) - start
                place += inside / (end - start) * SHORTENED - inside * self._scale
        return round(min(100.0, place + seconds * self._scale), 3)


def timeline(view: RunView) -> Timeline:
    """Return the bars of a run; a state that has not ended is drawn up to the moment the run was read."""
    last = view.ended or view.read_at
    moments = [view.started, *(visit.entered for visit in view.visits)]
    moments += [visit.left for visit in view.visits if visit.left]
    moments += [at for visit in view.visits for at, _ in visit.failures]
    axis = _Axis([view.started, *moments, max(last, *moments, view.started + timedelta(milliseconds=1))])
    rows: dict[str, list[Visit]] = {}
    for visit in view.visits:
        rows.setdefault(visit.state, []).append(visit)
    return Timeline(tuple(_row(view, axis, visits, last) for visits in rows.values()), axis.cuts, axis.ticks)


def _row(view: RunView, axis: _Axis, visits: Sequence[Visit], last: datetime) -> Row:
    errors = Counter(error for visit in visits for error in visit.errors)
    return Row(
        state=visits[0].state,
        depth=sum(1 for _ in _around(view, visits[0])),
        phase=view.phases[visits[0].state],
        bars=tuple(_bar(view, axis, visit, last, single=len(visits) == 1) for visit in visits),
        entered=visits[0].entered,
        seconds=sum(((visit.left or last) - visit.entered).total_seconds() for visit in visits),
        times=len(visits),
        attempts=sum(visit.attempts for visit in visits),
        errors=tuple(errors.items()),
        stopped=visits[-1].stopped and not visits[-1].failed and visits[-1].kind != "Fail",
    )


def _bar(view: RunView, axis: _Axis, visit: Visit, last: datetime, *, single: bool) -> Bar:
    left, right = axis.place(visit.entered), axis.place(visit.left or last)
    width = max(THINNEST, right - left)
    phase: Phase = view.phases[visit.state] if single or visit.left is None else "failed" if visit.failed else "done"
    failures = tuple(axis.place(at) for at, _ in visit.failures)
    return Bar(min(left, 100 - width), width, phase, failures)


def _around(view: RunView, visit: Visit) -> Iterator[Visit]:
    while visit.within is not None:
        visit = view.visits[visit.within]
        yield visit


def _step(seconds: float) -> float:
    if seconds < 1:
        size = 10.0 ** math.floor(math.log10(seconds))
        return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= seconds)
    return next((step for step in STEPS if step >= seconds), STEPS[-1] * math.ceil(seconds / STEPS[-1]))
