"""Follow a run in the terminal: redraw its picture where the terminal can, else print a line for each moment."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from storygate.report.live_picture import Picture
from storygate.runs.executions import name_of
from storygate.runs.history import History, Moment, follow
from storygate.stage.context import Context
from storygate.support.errors import Interrupted, OutOfPatience
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from storygate.support.times import local_time, span

LINE_EVERY = 600.0  # seconds between two lines that say how long a run has waited


def follow_live(
    history: History,
    patience: Patience,
    show: Callable[[Moment], None],
    terminal: Terminal,
    *,
    until: Callable[[], bool] = lambda: False,
    idle: Callable[[], None] = lambda: None,
) -> bool:
    """Follow a run as `history.follow` does; on a terminal that can redraw, a picture replaces the lines of `show`."""
    with _shown(history, show, terminal) as shown:
        return follow(history, patience, shown, until=until, idle=idle)


def follow_to_end(
    context: Context, history: History, timeout: float, show: Callable[[Moment], None], terminal: Terminal
) -> Moment:
    """Follow a run to its end; return its last moment, of kind `ended`.

    Raises OutOfPatience after `timeout` seconds, and Interrupted at Ctrl-C; the run itself continues either way.
    """
    again = context.stage.command(f"watch {name_of(history.arn)}")
    next_line = 0.0

    def idle() -> None:
        nonlocal next_line
        if history.waiting_since and not terminal.can_redraw and time.monotonic() >= next_line:
            next_line = time.monotonic() + LINE_EVERY
            terminal.detail(_position(history))

    try:
        has_ended = follow_live(history, Patience(timeout), show, terminal, idle=idle)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted; the run continues.", f"To watch it again: {again}") from None
    if has_ended and history.end:
        return history.end
    raise OutOfPatience(
        f"The run has not ended within {timeout:g} s; it is still at {_position(history)}.",
        f"It continues. To watch it again, with --timeout for longer: {again}",
    )


@contextmanager
def _shown(history: History, show: Callable[[Moment], None], terminal: Terminal) -> Iterator[Callable[[Moment], None]]:
    if not terminal.can_redraw:
        yield show
        return
    with terminal.redrawn(Picture(history)):
        yield lambda _: None


def _position(history: History) -> str:
    """The state that a run is at, and how long it has waited there."""
    state = history.path[-1] if history.path else "its start"
    if history.waiting_since is None:
        return state
    since = history.waiting_since
    waited = span((datetime.now(UTC) - since).total_seconds())
    return f"{state}, waiting for {waited}, since {local_time(since)}"
