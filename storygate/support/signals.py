"""Ending a command that runs until it is stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Make SIGTERM end the block as Ctrl-C does: by KeyboardInterrupt. Shells switch Ctrl-C off in the background."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # All clean-up is bounded in time, so a second signal need not, and must not, cut it short.
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
