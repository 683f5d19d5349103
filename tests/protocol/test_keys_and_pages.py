"""The two cases that test_interleavings.py leaves out: a story with a former key, and a partition of several pages.

A run waits under the key its story had before it was moved; what is said of the story now must reach it. A move writes
its entries before it reads STORY, a verdict writes STORY before it reads them: whichever comes second sees the other. A
callback reads one page; the sweep, which reads all, reads STORY again after the last one. The real handlers and the
real states are followed through every order, and the promises are checked on what is sent and on what comes of it.
"""

import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import combinations, product
from typing import Any

import pytest
from moto import mock_aws

from tests.proofs import table as as_table
from tests.protocol import real
from tests.protocol.interleaved import RESUMES, RUN, Interleaved, State, Step, verdict_in
from tests.protocol.model import CAUTION
from tests.protocol.replay import Answered, Call, Called, Ended, Process, Table

OLD, NEW = "OLD-1", real.STORY
MOVED = json.dumps({"entry": {"S": f"MOVED#{OLD}"}, "story": {"S": NEW}}, sort_keys=True)
Said = tuple[str, datetime]
BEFORE, AFTER, LATER = (real.COUNTS_FROM + timedelta(minutes=minutes) for minutes in (-1, 1, 2))
SAID: list[Said] = list(product(CAUTION, (BEFORE, AFTER)))
PAIRS: list[tuple[Said, Said]] = [
    *(((one, AFTER), (other, LATER)) for one, other in product(CAUTION, CAUTION)),
    *(((one, AFTER), (other, AFTER)) for one, other in combinations(CAUTION, 2)),
    (("approved", BEFORE), ("rejected", AFTER)),
]
DECIDED: list[tuple[Said, Said]] = [(("approved", AFTER), ("rejected", LATER))]


def move() -> bytes:
    """Return Jira's delivery of a move, which decides nothing."""
    body = json.loads(real.webhook("pending", BEFORE))
    body["changelog"]["items"] = [{"field": "Key", "fromString": OLD, "toString": NEW}]
    return json.dumps(body).encode()


def in_pages_of_one(operation: str, arguments: dict[str, Any]) -> Called:
    """Make DynamoDB return one entry a page."""
    return operation, arguments | {"Limit": 1} if operation == "query" else arguments


class Followed:
    """Two deliveries and a run, in every order to the end."""

    def __init__(self, together: Interleaved, story: str, keys: Iterable[str], *said: Said) -> None:
        self._together, self._story, self._keys, self._said = together, story, tuple(keys), said
        self._orders: dict[State, int] = {}

    def orders(self, accidents: int, *contents: str) -> int:
        """Check every order; return how many there are."""
        return self._from(State(contents, ((),) * len(self._together.processes), accidents))

    def _from(self, state: State) -> int:
        if state not in self._orders:
            steps = list(self._together.steps(state))
            for step in steps:
                self._check_sent(state, step)
            if not steps:
                self._check_end(state)
            self._orders[state] = sum(self._from(step.state) for step in steps) or 1
        return self._orders[state]

    def _check_sent(self, state: State, step: Step) -> None:
        """Check that the verdict sent is the one that was read last."""
        if step.what != RESUMES:
            return
        call = self._together.next(state, step.process)
        assert isinstance(call, Call)
        answers = [self._together.answered.answers[number] for number in state.had[step.process]]
        pages = [answer["Items"] for answer in answers if isinstance(answer, dict) and "Items" in answer]
        read = [item for page in pages for item in page if item["entry"]["S"] == "STORY"]
        sent = verdict_in(call.given)
        assert sent["decidedAt"] == read[-1]["decidedAt"]["S"]
        assert sent["decision"] == read[-1]["decision"]["S"]

    def _check_end(self, state: State) -> None:
        stored = {(item["story"]["S"], item["entry"]["S"]): item for item in map(json.loads, state.contents)}
        newest = max(self._said, key=lambda said: (said[1], CAUTION.index(said[0])))
        for key in self._keys:
            story = stored[key, "STORY"]
            assert (story["decision"]["S"], story["decidedAt"]["S"]) == (newest[0], real.text(newest[1]))
        run = self._together.next(state, RUN)
        if isinstance(run, Ended):
            taken = run.result["decision"]
            assert run.result["outcome"] == taken["decision"]
            assert run.result["green"] == (run.result["outcome"] == "approved")
            assert (taken["decision"], taken["decidedAt"]) in [(kind, real.text(when)) for kind, when in self._said]
            assert taken["decision"] != "pending"
            assert taken["decidedAt"] > real.text(real.COUNTS_FROM)
        else:
            assert (self._story, "WAIT#execution") in stored
            assert newest[0] == "pending" or newest[1] <= real.COUNTS_FROM, "it waits beside a verdict that counts"


Follow = Callable[..., Followed]


@pytest.fixture(scope="module")
def follow() -> Iterator[Follow]:
    gc.disable()
    with mock_aws():
        exceptions = {name: real.client(name).exceptions for name in ("dynamodb", "stepfunctions")}
        answered, table = Answered(), Table(real.client("dynamodb"), real.TABLE)

        @cache
        def handler(body: bytes) -> Process:
            return Process(real.handler(body, exceptions), answered)

        @cache
        def sweep(pages: bool) -> Process:
            return Process(real.sweep(exceptions, in_pages_of_one if pages else None), answered)

        @cache
        def run(story: str) -> Process:
            return Process(real.run(real.waiting_states(real.DEFINITION, story)), answered)

        def build(bodies: list[bytes], *said: Said, story: str, again: int, pages: bool = False) -> Followed:
            callbacks = [handler(body) for body in bodies] + ([sweep(True)] if pages else [])
            processes = (*callbacks, run(story), *([sweep(False)] if again else []))
            together = Interleaved(table, answered, processes, exceptions["stepfunctions"])
            return Followed(together, story, {story, NEW}, *said)

        yield build
    gc.enable()


def test_what_is_said_of_a_story_reaches_the_runs_under_its_former_key(
    follow: Follow, tell: Callable[[str], None]
) -> None:
    rows, began = [], time.process_time()
    for accidents, alone in ((0, SAID), (1, [("approved", AFTER)])):
        orders = 0
        for said in alone:
            followed = follow([move(), real.webhook(*said)], said, story=OLD, again=accidents)
            orders += followed.orders(accidents)
        rows.append(("a move and a verdict", accidents, len(alone), orders))
    orders = 0
    for pair in PAIRS:
        orders += follow([real.webhook(*said) for said in pair], *pair, story=OLD, again=0).orders(0, MOVED)
    rows.append(("two verdicts after a move", 0, len(PAIRS), orders))
    head = ("deliveries", "accidents", "pairs", "interleavings")
    tell(as_table(f"E. A run under a former key, {time.process_time() - began:.1f} s of one core", head, rows))


def test_a_sweep_reads_a_partition_of_many_pages_as_one(follow: Follow, tell: Callable[[str], None]) -> None:
    rows, began = [], time.process_time()
    for accidents, pairs in ((0, PAIRS), (1, DECIDED)):
        orders = 0
        for first, second in pairs:
            followed = follow([real.webhook(*second)], first, second, story=NEW, again=1, pages=True)
            orders += followed.orders(accidents, stored(*first))
        rows.append(("a verdict after another, and a sweep", accidents, len(pairs), orders))
    title = f"F. Every entry a page of its own, {time.process_time() - began:.1f} s of one core"
    tell(as_table(title, ("deliveries", "accidents", "pairs", "interleavings"), rows))


def stored(decision: str, decided: datetime) -> str:
    """Return STORY as an earlier callback left it."""
    texts = {"entry": "STORY", "story": NEW, "decision": decision}
    texts |= dict.fromkeys(("decidedAt", "receivedAt"), real.text(decided))
    return json.dumps({name: {"S": value} for name, value in texts.items()}, sort_keys=True)
