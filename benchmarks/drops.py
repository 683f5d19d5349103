"""Ten thousand drops in ten seconds: how many start their run, by the trigger's reserved concurrency; a simulation.

Nothing is called: these are AWS's published rules, played event by event.

- Lambda: an asynchronous event that finds no free environment is tried again for up to six hours, after one second at
  first and then twice as long each time, up to five minutes. One whose function failed is tried twice more, after one
  and two minutes, and then goes to the queue (developer guide, invocation-async). A function gains up to 1,000
  environments in ten seconds (lambda-concurrency); a new account has ten in all.
- Step Functions: StartExecution takes from a bucket of 1,300 that refills by 300 a second in the large regions, 800 and
  150 elsewhere (developer guide, service-quotas).
- The trigger: two attempts (chalicelib/clients.py), the second after up to one second; its times as measured here.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from benchmarks.table import Figure

DROPS, SECONDS = 10_000, 10.0
LARGE, SMALL = (1300, 300), (800, 150)  # StartExecution: bucket, refill a second
UNRESERVED = 1000  # environments of an account, by default
COLD, WARM = 0.6, 0.06  # seconds of an invocation, StartExecution included
ATTEMPTS = 2  # of the trigger's client
FAILED = (60.0, 120.0)  # seconds before the second and third invocation of an event whose function failed
LONGEST, SIX_HOURS = 300.0, 6 * 3600.0


@dataclass(frozen=True)
class Played:
    """What became of the drops: started, or kept in the queue; when the last one started; the highest concurrency."""

    started: int
    queued: int
    last: float
    busiest: int


class Bucket:
    """A token bucket, as Step Functions limits its API's calls."""

    def __init__(self, size: float, refill: float) -> None:
        self._size, self._refill, self._left, self._at = size, refill, size, 0.0

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        self._left = min(self._size, self._left + (now - self._at) * self._refill)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True)
class Event:
    """A drop's event: how often it found no environment since it last ran, and how often its function failed."""

    tries: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Call:
    """A call of StartExecution, by the function that runs for an event; `attempt` counts from 1."""

    event: Event
    attempt: int


def play(environments: int, quota: tuple[int, int], drops: int = DROPS, seed: int = 1) -> Played:
    """Play the drops with so many environments for the trigger."""
    chance, bucket, order = random.Random(seed), Bucket(*quota), count()  # noqa: S311 - a simulation
    agenda: list[tuple[float, int, Event | Call]] = []

    def later(at: float, what: Event | Call) -> None:
        heapq.heappush(agenda, (at, next(order), what))

    for number in range(drops):
        later(number * SECONDS / drops, Event())
    busy = made = started = queued = busiest = 0
    last = 0.0
    while agenda:
        now, _, what = heapq.heappop(agenda)
        if isinstance(what, Event):
            if busy < min(environments, UNRESERVED * (1 + now // 10)):
                is_cold = busy >= made
                busy, made = busy + 1, made + is_cold
                busiest = max(busiest, busy)
                later(now + (COLD if is_cold else WARM), Call(what, 1))
                continue
            wait = min(LONGEST, 2.0**what.tries) * chance.uniform(0.8, 1.2)
            if now + wait < SIX_HOURS:
                later(now + wait, Event(what.tries + 1, what.failures))
            else:
                queued += 1
        elif bucket.take(now):
            busy, started, last = busy - 1, started + 1, now
        elif what.attempt < ATTEMPTS:
            later(now + chance.random(), Call(what.event, what.attempt + 1))
        else:
            busy -= 1
            if what.event.failures < len(FAILED):
                later(now + FAILED[what.event.failures], Event(0, what.event.failures + 1))
            else:
                queued += 1
    return Played(started, queued, last, busiest)


def run(quick: bool) -> Sequence[Figure]:
    """Play the drops for each number of environments, in both kinds of regions."""
    drops = DROPS // 10 if quick else DROPS
    figures = []
    for region, quota in (("large", LARGE), ("other", SMALL)):
        for environments, name in (
            (UNRESERVED, "no reservation"),
            *((number, f"{number} reserved") for number in (50, 20, 10, 5)),
        ):
            played = play(environments, quota, drops)
            goal = environments <= 10
            figures.append(
                Figure(
                    f"{region} region, {name}: drops left to `redrive`",
                    f"{played.queued:,}",
                    "0" if goal else None,
                    played.queued == 0 if goal else None,
                    f"of {drops:,}; the last run starts after {played.last:,.0f} s; {played.busiest:,} at once",
                )
            )
    return figures
