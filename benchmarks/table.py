"""What a benchmark measured beside its goal: a table for people, aligned lines in a log, Markdown for the docs."""

from collections.abc import Sequence
from dataclasses import dataclass

from storygate.terminal import Terminal

COLUMNS = ("WHAT", "MEASURED", "GOAL", "", "NOTE")


@dataclass(frozen=True)
class Figure:
    """One figure. `must` marks what may never be wrong (lost, doubled, 5xx): missed, it fails the whole command."""

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


def show(title: str, figures: Sequence[Figure]) -> None:
    """Prints the figures, and once more, in a line of its own, each that missed its goal."""
    terminal = Terminal()
    terminal.step(title)
    terminal.table(COLUMNS, [_cells(figure) for figure in figures])
    for figure in missed(figures):
        terminal.fail(f"MISSED: {figure.what} is {figure.measured}; the goal is {figure.goal}")
    terminal.say()


def missed(figures: Sequence[Figure]) -> list[Figure]:
    """Those that missed their goal."""
    return [figure for figure in figures if figure.met is False]


def markdown(title: str, figures: Sequence[Figure]) -> str:
    """A heading and the same table for docs/performance.md."""
    cells = [[cell.replace("|", "\\|") for cell in _cells(figure)] for figure in figures]
    rows = [[column.capitalize() for column in COLUMNS], ["---"] * len(COLUMNS), *cells]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(row)} |" for row in rows), ""])


def _cells(figure: Figure) -> tuple[str, ...]:
    return figure.what, figure.measured, figure.goal or "", figure.verdict, figure.note
