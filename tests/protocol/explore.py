"""Visit every state of a model, breadth first, and check the properties; a broken one is found by the shortest way.

Worlds and deliveries recur in many states. Each is kept once, under a number, and so are the steps from it. A state is
one integer made of these numbers, `world delivery delivery ...`; a step is the difference between two such integers.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from tests.protocol.guards import P1, P2, P7, P8, P10, PROPERTIES
from tests.protocol.model import OVER, READS, REST, STARTS, WAITS, Delivery, Label, Model, World

BITS = 16  # of a delivery's number; far fewer are needed
MASK = (1 << BITS) - 1

Thing = TypeVar("Thing", World, Delivery)
Difference = tuple[int, tuple[str, ...], Label]  # what the step adds to the state, what it breaks, what it is


class Way(NamedTuple):
    """The steps from the start to a state, and its world."""

    steps: tuple[Label, ...]
    ends: World


@dataclass
class Explored:
    """`ways` holds the shortest way to break each broken property; if it is empty, all hold in every state."""

    states: int = 0
    ways: dict[str, Way] = field(default_factory=dict)


class Numbered(Generic[Thing]):
    """Things by number, and numbers by thing."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self._numbers: dict[Thing, int] = {}

    def number(self, thing: Thing) -> int:
        """Return the thing's number, a new one for a new thing."""
        found = self._numbers.setdefault(thing, len(self.things))
        if found == len(self.things):
            self.things.append(thing)
        return found


class Explorer:
    """One exploration of one model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._worlds, self._deliveries = Numbered[World](), Numbered[Delivery]()
        count = len(model.processes)
        self._shifts = [BITS * index for index in range(count)][::-1]
        self._top = BITS * count
        self._delivery_steps: dict[tuple[int, int, int], list[Difference]] = {}
        self._run_steps: dict[int, list[Difference]] = {}
        self._world_breaks: dict[int, tuple[tuple[str, ...], ...]] = {}

    def explore(self, wanted: Collection[str] = PROPERTIES) -> Explored:
        """Visit every state that can be reached, or stop when all the wanted properties are broken."""
        start = self._worlds.number(self.model.start)
        for process in self.model.processes:
            start = start << BITS | self._deliveries.number(process)
        came_from, frontier, found = {start: start}, [start], Explored()
        while frontier and found.ways.keys() != set(wanted):
            following: list[int] = []
            for state in frontier:
                for steps in self._steps(state):
                    for difference, wrong, label in steps:
                        after = state + difference
                        broken = wrong
                        if after not in came_from:
                            came_from[after] = state
                            following.append(after)
                            broken = wrong + self._broken(after)
                        for name in broken:
                            if name in wanted and name not in found.ways:
                                found.ways[name] = self._way(came_from, state, label, after)
            frontier = following
        found.states = len(came_from)
        return found

    def _steps(self, state: int) -> list[list[Difference]]:
        world = state >> self._top
        steps = [found if (found := self._run_steps.get(world)) is not None else self._find_run_steps(world)]
        for shift in self._shifts:
            key = (world, shift, state >> shift & MASK)
            found = self._delivery_steps.get(key)
            steps.append(self._find_delivery_steps(key) if found is None else found)
        return steps

    def _find_delivery_steps(self, key: tuple[int, int, int]) -> list[Difference]:
        world, shift, delivery = key
        index = self._shifts.index(shift)
        found: list[Difference] = []
        for step in self.model.delivery_steps(self._worlds.things[world], index, self._deliveries.things[delivery]):
            world_by = self._worlds.number(step.world) - world
            delivery_by = self._deliveries.number(step.delivery) - delivery
            found.append(
                ((world_by << self._top) + (delivery_by << shift), (step.wrong,) if step.wrong else (), step.label)
            )
        self._delivery_steps[key] = found
        return found

    def _find_run_steps(self, number: int) -> list[Difference]:
        world = self._worlds.things[number]
        found: list[Difference] = [
            ((self._worlds.number(step.world) - number) << self._top, (step.wrong,) if step.wrong else (), step.label)
            for run in range(len(self.model.runs))
            for step in self.model.run_steps(world, run)
        ]
        self._run_steps[number] = found
        return found

    def _broken(self, state: int) -> tuple[str, ...]:
        """Return the properties that the state breaks; those that a step breaks are in the step."""
        world = state >> self._top
        known = self._world_breaks.get(world)
        if known is None:
            known = self._world_breaks[world] = self._find_world_breaks(self._worlds.things[world])
        always, at_rest, settled = known
        if not (at_rest or settled):
            return always
        deliveries = [self._deliveries.things[state >> shift & MASK] for shift in self._shifts]
        if any(delivery.step != REST for delivery in deliveries):
            return always
        owed = any(delivery.owed for delivery in deliveries[: len(self.model.said)])  # a sweep is never sent again
        return always + at_rest + (() if owed else settled)

    def _find_world_breaks(self, world: World) -> tuple[tuple[str, ...], ...]:
        """Return what the world breaks: always, if no delivery is under way, and if none will be sent again either."""
        always = () if world.story == world.newest else (P7,)
        at_rest: tuple[str, ...] = (
            (P8,) if any(goes_round(self.model, world, run) for run in range(len(world.runs))) else ()
        )
        if untidy(world) and any(untidy(end) for end in swept(self.model, world)):
            at_rest += (P10,)
        if not forgotten(self.model, world):
            return always, at_rest, ()
        return always, at_rest + (() if unmended(self.model, world) is None else (P1,)), (P2,)

    def _way(self, came_from: dict[int, int], state: int, last: Label, end: int) -> Way:
        steps = [last]
        while (earlier := came_from[state]) != state:
            following = (step for found in self._steps(earlier) for step in found)
            steps.append(next(label for difference, _, label in following if earlier + difference == state))
            state = earlier
        return Way(tuple(steps[::-1]), self._worlds.things[end >> self._top])


def forgotten(model: Model, world: World, but: int | None = None) -> bool:
    """Return whether a run (other than `but`) waits although STORY holds a verdict that counts for it."""
    if world.story < 0:
        return False
    counts = model.facts.counts[world.story]
    return any(does == WAITS and counts[run] and run != but for run, (does, _) in enumerate(world.runs))


def unmended(model: Model, world: World) -> tuple[int, int | None] | None:
    """Find a further callback or sweep after which a run still waits: its number, and the run it cannot resume."""
    for index in range(len(model.said) + 1):
        for stuck in (None, *range(len(model.runs))):
            if any(forgotten(model, end, but=stuck) for end in further_callback(model, world, index, stuck)):
                return index, stuck
    return None


def untidy(world: World) -> bool:
    """Return whether a run that is over has an entry."""
    return any(token and does == OVER for token, (does, _) in zip(world.waits, world.runs, strict=True))


def swept(model: Model, world: World) -> Iterator[World]:
    """Return the world after one more sweep, alone and without accident."""
    return further_callback(model, world, len(model.said), None)


def further_callback(model: Model, world: World, index: int, stuck: int | None) -> Iterator[World]:
    """Return the world after one more delivery or sweep, alone and without accident, that cannot resume `stuck`."""
    unfinished = [(world, Delivery(1))]
    while unfinished:
        world, delivery = unfinished.pop()
        steps = list(model.delivery_steps(world, index, delivery, accidents=False, stuck=stuck))
        unfinished += [(step.world, step.delivery) for step in steps]
        if not steps:
            yield world


def goes_round(model: Model, world: World, run: int) -> bool:
    """Return whether a run's transaction fails although the run would find no verdict to take."""
    if world.runs[run][0] != STARTS:
        return False
    turned_away = model.begin_to_wait(world, run).world
    if turned_away.runs[run][0] != READS:
        return False
    return all(step.world.runs[run][0] != OVER for step in model.read_verdict(turned_away, run))
