"""Measured figures beside their goals: a table for people, aligned lines in a log, Markdown for the docs."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from storygate.support.terminal import Terminal

COLUMNS = ("WHAT", "MEASURED", "GOAL", "", "NOTE")


@dataclass(frozen=True)
class Figure:
    """One figure. `must` marks what must never be wrong (lost, doubled, 5xx): if missed, the whole command fails."""

    what: str
    measured: str
    goal: str | None
    met: bool | None  # None: there is no goal
    note: str = ""
    must: bool = False

    @property
    def verdict(self) -> str:
        """`met`, `MISSED`, or nothing without a goal."""
        return "" if self.met is None else "met" if self.met else "MISSED"

    @property
    def shortfall(self) -> str:
        """The line that reports a missed goal."""
        return f"MISSED: {self.what} is {self.measured}; the goal is {self.goal}"


def against(what: str, ours: Sequence[float], theirs: Sequence[float], goal: float, note: str = "") -> Figure:
    """Seconds of ours against seconds of theirs: the median of each round's ratio.

    Both hold one value a round. The note shows the ratio's quartiles and both times, then `note`.
    """
    low, ratio, high = statistics.quantiles([our / their for our, their in zip(ours, theirs, strict=True)], n=4)
    compared = f"[{low:.3f}-{high:.3f}]; {spread(ours)} against {spread(theirs)} ms{note}"
    return Figure(what, f"{ratio:.3f}", f"<= {goal:.2f}", ratio <= goal, compared)


def spread(seconds: Sequence[float]) -> str:
    """Median and quartiles in ms, to three digits: `312 [305-330]`."""
    low, middle, high = (f"{value * 1000:.3g}" for value in statistics.quantiles(seconds, n=4))
    return f"{middle} [{low}-{high}]"


def show(figures: Sequence[Figure]) -> None:
    """Print the figures, then a line for each that missed its goal."""
    terminal = Terminal()
    terminal.table(COLUMNS, [_cells(figure) for figure in figures])
    for figure in missed(figures):
        terminal.fail(figure.shortfall)
    terminal.say()


def missed(figures: Sequence[Figure]) -> list[Figure]:
    """Return those that missed their goal."""
    return [figure for figure in figures if figure.met is False]


def markdown(title: str, figures: Sequence[Figure]) -> str:
    """Return a heading and the same table for docs/measured.md."""
    cells = [[cell.replace("|", "\\|") for cell in _cells(figure)] for figure in figures]
    rows = [[column.capitalize() for column in COLUMNS], ["---"] * len(COLUMNS), *cells]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(row)} |" for row in rows), ""])


def _cells(figure: Figure) -> tuple[str, ...]:
    return figure.what, figure.measured, figure.goal or "", figure.verdict, figure.note
