"""Do the same for many things, several at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

THREADS = 8  # measured (docs/measured.md)
FEW = 10  # so few are done without threads, whose start costs a fraction of a CPU as much as an AWS call does

Thing = TypeVar("Thing")
Outcome = TypeVar("Outcome")


def each(work: Callable[[Thing], Outcome], things: Sequence[Thing]) -> list[Outcome]:
    """Return what `work` returns for each thing, in the things' order. Threads see the caller's context variables."""
    if len(things) <= FEW:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(THREADS) as pool:
        return [done.result() for done in [pool.submit(copy_context().run, work, thing) for thing in things]]
