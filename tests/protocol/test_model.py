"""The protocol keeps its promises in every state that can be reached, and each of its guards is needed for that.

The scenarios: runs that count from different moments, verdicts of every kind decided before, at and after those
moments and at one instant, delivered in every order, at once, twice, and with every accident of the model. Runs that
start at once, a little and long after their upload, and by hand.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from itertools import combinations_with_replacement, product
from typing import Any

import pytest

from chalicelib.entries import WEAKER_AT_A_TIE
from tests.proofs import table
from tests.protocol.explore import Explorer, Way
from tests.protocol.guards import P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, PROPERTIES, Guards
from tests.protocol.model import CAUTION, LONGEST_DELAY, Model, Run, Said, dropped
from tests.protocol.telling import tell as in_words

BEFORE, RUN_A, BETWEEN, RUN_B, AFTER, LATER, LAST = range(1, 8)  # moments; run A counts from RUN_A, run B from RUN_B
ONE, TWO = (dropped(RUN_A),), (dropped(RUN_A), dropped(RUN_B))
A_LITTLE, LONG = RUN_A + LONGEST_DELAY - 1, RUN_A + LONGEST_DELAY + 2
ALL_WAYS_TO_START = [  # of a run whose input was uploaded at RUN_A
    *(dropped(RUN_A, started) for started in (RUN_A, A_LITTLE, LONG)),
    *(Run(RUN_A, started, dropped_at) for started in (RUN_A, A_LITTLE, LONG) for dropped_at in (None, LONG + 3)),
]
SOMETIME = range(BEFORE, LONG + 3)


def moments(count: int, runs: tuple[Run, ...]) -> list[tuple[int, ...]]:
    """Return the ways to place so many verdicts before, at and after the runs' starts, together or apart."""
    between = (BETWEEN, RUN_B) if len(runs) > 1 else ()
    placed = combinations_with_replacement((BEFORE, RUN_A, *between, AFTER, LATER, LAST), count)
    after = [AFTER, LATER, LAST]  # which of them are used is one and the same: LATER never without AFTER
    return [place for place in placed if (used := sorted({m for m in place if m >= AFTER})) == after[: len(used)]]


def scenarios(runs: tuple[Run, ...], placed: list[tuple[int, ...]], attempts: int = 1, tokens: int = 1) -> list[Model]:
    """Return a model for each combination of kinds at these moments. The model tries every order of arrival."""
    said = {tuple(sorted(map(Said, kinds, place))) for place in placed for kinds in product(CAUTION, repeat=len(place))}
    return [Model(runs, one, attempts, tokens) for one in sorted(said)]


def distinct(models: Iterable[Model]) -> list[Model]:
    """Return the models without those that take the same steps as an earlier one."""
    known: dict[tuple[Any, ...], Model] = {}
    for model in models:
        known.setdefault(model.behaviour, model)
    return list(known.values())


def swept(models: list[Model], times: int = 1) -> list[Model]:
    """Return the models with sweeps at any time; in all others one comes in the end (P1)."""
    return [replace(model, sweeps=times) for model in models]


STARTED = [
    model
    for run in ALL_WAYS_TO_START
    for count in (1, 2)
    for model in scenarios((run,), list(combinations_with_replacement(SOMETIME, count)), attempts=count)
]
FAMILIES = {
    "1 run, started at any time after its upload, 2 verdicts": STARTED,
    "1 run, 3 verdicts": scenarios(ONE, moments(3, ONE)),
    "1 run, 2 verdicts, each sent again, an answer lost": scenarios(ONE, moments(2, ONE), attempts=2, tokens=2),
    "1 run, 2 verdicts, a sweep at any time, an answer lost": swept(scenarios(ONE, moments(2, ONE), tokens=2)),
    "1 run, 1 verdict, sent again, two sweeps at any time": swept(
        scenarios(ONE, moments(1, ONE), attempts=2, tokens=2), 2
    ),
    "2 runs, 1 verdict, two sweeps at any time": swept(scenarios(TWO, moments(1, TWO)), 2),
    "2 runs, 1 verdict, a sweep at any time, read in pages": swept(
        [replace(model, pages=True) for model in scenarios(TWO, [(RUN_B,), (AFTER,)])]
    ),
    "2 runs, 2 verdicts": scenarios(TWO, moments(2, TWO)),
    "2 runs, 2 verdicts, each sent again": scenarios(TWO, moments(2, TWO), attempts=2),
    "2 runs, 2 verdicts, read in pages": [
        replace(model, pages=True)
        for model in scenarios(TWO, [(BEFORE, AFTER), (BETWEEN, AFTER), (AFTER, AFTER), (AFTER, LATER)])
    ],
    "2 runs, 3 verdicts at three moments": scenarios(TWO, [(BETWEEN, AFTER, LATER)]),
    "2 runs, 3 verdicts with ties": scenarios(TWO, [(AFTER, AFTER, LATER)]),
}

# Where to look for counterexamples, small scenes first.
SEARCHED = [
    scenarios(ONE, moments(1, ONE), attempts=2, tokens=2),
    scenarios(ONE, moments(2, ONE), attempts=2, tokens=2),
    scenarios(TWO, moments(1, TWO)),
    [replace(model, pages=True) for model in scenarios(ONE, [(AFTER,), (AFTER, LATER)])],
    scenarios(ONE, [(AFTER, LATER, LAST)], tokens=2),
    STARTED,
    swept(scenarios(ONE, [(AFTER,)])),
]

# What breaks with each guard.
BREAKS = {
    "only_newer_is_written": {P4, P6, P7},
    "cautious_at_a_tie": {P4, P6, P7},
    "write_before_read": {P2, P6},
    "query_is_consistent": {P1, P2, P4, P6},
    "story_is_read_last": {P4, P6},
    "refused_write_reads_on": {P1, P2},
    "gives_what_it_found": {P1, P4, P6},
    "callback_compares_start": {P3},
    "pending_resumes_nobody": {P3},
    "send_before_remove": {P1, P2},
    "removes": {P10},
    "removes_only_its_token": {P1, P2},
    "sweep_looks_first": {P1, P2},
    "goes_on_after_trouble": {P1},
    "wait_checks_story": {P2},
    "wait_is_one_transaction": {P2},
    "pending_turns_nobody_away": {P8},
    "wait_compares_start": {P8},
    "wait_agrees_on_the_instant": {P8},
    "read_compares_start": {P3},
    "read_can_go_back": {P3},
    "read_is_consistent": {P4, P6},
    "counts_from_the_upload": {P1, P2},
    "upload_is_bounded": {P9},
    "upload_is_not_after_the_start": {P1, P2},
    "redrive_counts_from_its_start": {P9},
    "token_is_accepted_once": {P5},
}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Turn the garbage collector off: an exploration makes millions of tuples and no cycles."""
    gc.disable()
    yield
    gc.enable()


def test_the_model_orders_verdicts_of_one_instant_as_the_code_does() -> None:
    assert {kind: CAUTION[:caution] for caution, kind in enumerate(CAUTION)} == WEAKER_AT_A_TIE


def test_every_property_holds_in_every_state(tell: Callable[[str], None]) -> None:
    rows, began = [], time.process_time()
    for family, models in FAMILIES.items():
        states, that_differ = 0, distinct(models)
        for model in that_differ:
            found = Explorer(model).explore()
            assert not found.ways, "\n".join(in_words(model, *broken) for broken in found.ways.items())
            states += found.states
        rows.append((family, len(models), len(that_differ), states))
    title = f"A. Every state of the model, {time.process_time() - began:.1f} s of one core. In all of them:"
    total = ("together", *(sum(int(row[column]) for row in rows) for column in (1, 2, 3)))
    properties = "\n".join(f"    {name}" for name in PROPERTIES)
    tell(table(f"{title}\n{properties}", ("scenarios", "number", "that differ", "states"), [*rows, total]))


def test_every_guard_is_needed(tell: Callable[[str], None]) -> None:
    rows = []
    for guard in (one.name for one in fields(Guards)):
        ways = counterexamples(guard)
        assert set(ways) == BREAKS[guard], guard
        for name, (model, way) in ways.items():
            print(f"\nwithout {guard}: {in_words(model, name, way)}")
        steps = ", ".join(f"{name.split()[0]} ({len(way.steps)} steps)" for name, (_, way) in ways.items())
        rows.append((guard, steps))
    tell(table("B. Each guard broken (the ways are printed with -s)", ("without", "property broken after"), rows))


def counterexamples(guard: str) -> dict[str, tuple[Model, Way]]:
    """Return the shortest way to break each property, in the smallest scenarios that break all the known ones."""
    ways: dict[str, tuple[Model, Way]] = {}
    for scenes in SEARCHED:
        for model in distinct(replace(scene, guards=Guards(**{guard: False})) for scene in scenes):
            for name, way in Explorer(model).explore(BREAKS[guard] or PROPERTIES).ways.items():
                if name not in ways or len(way.steps) < len(ways[name][1].steps):
                    ways[name] = (model, way)
        if ways and BREAKS[guard] <= ways.keys():
            break
    return ways
