"""Draw a run in the terminal as the bars of its report, and redraw them until the run ends."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from storygate.report.timeline import Cut, Row, timeline
from storygate.report.view import RunView, of_events
from storygate.runs.executions import name_of
from storygate.runs.history import History
from storygate.support.terminal import UNPRINTABLE
from storygate.support.times import local_time, span

# Phase -> its sign and colour. The sign must be enough: NO_COLOR removes colours, and some readers do not see them.
SIGNS = {
    "done": ("✓", "green"),
    "retried": ("↻", "yellow"),
    "running": ("▸", "cyan"),
    "waiting": ("◷", "magenta"),
    "failed": ("✗", "red"),
}
CUT = "┆"
WIDEST_BAR, NARROWEST_BAR = 60, 10  # characters
TIMES = 18  # characters of a row's time, and the gaps between its columns
FRAME = 6  # lines around the rows


class Picture:
    """A run as `rich` draws it: a bar for each state entered, and a line on whether it runs, waits or has ended."""

    def __init__(self, history: History, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._history, self._now = history, now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the run at this moment, within the console's width and height."""
        events = list(self._history.events)
        if not events:
            yield Text(f"{name_of(self._history.arn)}: starting")
            return
        view = of_events(self._history.arn, events, {}, read_at=self._now())
        drawn = timeline(view)
        # Lines above the screen cannot be redrawn, so the first states are left out.
        room = max(3, (options.height or console.height) - FRAME)
        hidden = max(0, len(drawn.rows) - room)
        rows = [(row, _name(row), _notes(row)) for row in drawn.rows[hidden:]]
        words = max(name.cell_len for _, name, _ in rows) + max(notes.cell_len for *_, notes in rows)
        width = max(NARROWEST_BAR, min(WIDEST_BAR, options.max_width - words - TIMES))
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for column in range(4):
            table.add_column(no_wrap=True, overflow="ellipsis", justify="right" if column == 2 else "left")
        for row, name, notes in rows:
            table.add_row(name, _bars(row, drawn.cuts, width), span(row.seconds, precise=True), notes)
        above = [Text(f"  … {hidden} states before", style="dim")] if hidden else []
        cut = [Text(f"  {CUT} = " + ", ".join(cut.text for cut in drawn.cuts) + ", drawn short", style="dim")]
        yield Group(*above, table, *(cut if drawn.cuts else ()), _status_line(view))


def _name(row: Row) -> Text:
    sign, colour = SIGNS[row.phase]
    return Text(f"{'  ' * row.depth}{sign} {row.state}".translate(UNPRINTABLE), style=colour)


def _notes(row: Row) -> Text:
    notes = [f"{row.times} times"] if row.times > 1 else [f"{row.attempts} attempts"] if row.attempts > 1 else []
    notes += [error.replace("States.Http.StatusCode.", "HTTP ") for error, _ in row.errors]
    return Text(", ".join(notes).translate(UNPRINTABLE), style="yellow")


def _bars(row: Row, cuts: Sequence[Cut], width: int) -> Text:
    """Every visit as a line, broken where the axis is drawn short, with a cross for each failed attempt."""
    cells = [(" ", "")] * width
    for bar in row.bars:
        first = min(width - 1, int(bar.left / 100 * width))
        last = min(width, max(first + 1, round((bar.left + bar.width) / 100 * width)))
        cells[first:last] = [("━", SIGNS[bar.phase][1])] * (last - first)
        for middle in (int((cut.left + cut.width / 2) / 100 * width) for cut in cuts):
            if first <= middle < last:
                cells[middle] = (CUT, SIGNS[bar.phase][1])
        for place in bar.failures:
            cells[min(width - 1, int(place / 100 * width))] = SIGNS["failed"]
    return Text.assemble(*cells)


def _status_line(view: RunView) -> Text:
    """The run's end, or what it waits for, on as many lines as needed: the terminal's own wrapping is off."""
    story = view.story or "its story"
    if view.ended:
        sign, colour = SIGNS["done" if view.outcome == "approved" else "failed"]
        reason = f": {view.reason}" if view.reason else ""
        line = f"{sign} {view.outcome} after {span(view.seconds, precise=True)}{reason}"
    elif view.waiting_since:
        sign, colour = SIGNS["waiting"]
        line = f"{sign} waiting for {story} for {span((view.read_at - view.waiting_since).total_seconds())}, since "
        line += local_time(view.waiting_since) + (
            f", at most until {local_time(view.deadline)}" if view.deadline else ""
        )
    else:
        sign, colour = SIGNS["running"]
        line = f"{sign} running for {span(view.seconds, precise=True)}"
    return Text(line.translate(UNPRINTABLE), style=colour, overflow="fold", no_wrap=False)
