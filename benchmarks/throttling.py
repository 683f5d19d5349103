"""Two hundred drops at once on the mocks: how many calls API Gateway's limits refuse for good; a simulation.

Nothing is called: the limits are the stage's defaults (storygate/stage/config.py), the retries those of the workflow,
played event by event.

- API Gateway: a token bucket for each method (developer guide, api-gateway-request-throttling). One bucket that the
  methods with one setting share is played as well, in case that is meant.
- The workflow: retries after a 429 with full jitter (Amazon States Language, "Retriers").
"""

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.drops import Bucket
from benchmarks.table import Figure
from chalicelib.apis import APIS
from storygate.stage.config import THROTTLING, find_project
from storygate.stage.definition import read_definition

DROPS = 200
THROTTLED = "States.Http.StatusCode.429"


@dataclass(frozen=True)
class Played:
    """What became of the calls: refused for good, the most retries that one needed, and when the last was let in."""

    refused: int
    retries: int
    last: float


def retrier() -> Mapping[str, Any]:
    """Return the workflow's retrier of a 429; all calls of APIs have the same one."""
    first, *others = _retriers(read_definition(find_project()))
    assert all(one == first for one in others)  # noqa: S101
    return first


def play(drops: int, rule: Mapping[str, Any], *, is_shared: bool, seed: int = 1) -> Played:
    """Play the first calls of so many runs, all at the same moment: one call of each API for each run."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    limit = (THROTTLING["mockBurstLimit"], THROTTLING["mockRateLimit"])
    one = Bucket(*limit)
    buckets = {api: one if is_shared else Bucket(*limit) for api in APIS}
    agenda = [(0.0, number, api, 0) for number in range(drops) for api in APIS]
    heapq.heapify(agenda)
    refused = most = 0
    last = 0.0
    while agenda:
        now, number, api, tries = heapq.heappop(agenda)
        if buckets[api].take(now):
            most, last = max(most, tries), now
        elif tries == rule["MaxAttempts"]:
            refused += 1
        else:
            longest = min(rule["MaxDelaySeconds"], rule["IntervalSeconds"] * rule["BackoffRate"] ** tries)
            heapq.heappush(agenda, (now + chance.uniform(0, longest), number, api, tries + 1))
    return Played(refused, most, last)


def run(quick: bool) -> Sequence[Figure]:  # noqa: ARG001 - it takes a moment
    """Play growing numbers of drops, for a bucket of each method and for one that they share."""
    figures, rule = [], retrier()
    for drops in (DROPS, 5 * DROPS):
        for name, is_shared in (("a bucket for each method", False), ("one bucket for all", True)):
            played = play(drops, rule, is_shared=is_shared)
            goal = drops == DROPS
            figures.append(
                Figure(
                    f"{drops} drops, {name}: calls refused for good",
                    f"{played.refused:,}",
                    "0" if goal else None,
                    played.refused == 0 if goal else None,
                    f"of {drops * len(APIS):,}; at most {played.retries} retries, the last is let in after "
                    f"{played.last:.0f} s",
                )
            )
    return figures


def _retriers(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield from (rule for rule in value.get("Retry", []) if rule["ErrorEquals"] == [THROTTLED])
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _retriers(each)
