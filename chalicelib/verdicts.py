"""The decision protocol: how a verdict about a story reaches the runs that wait for it.

Each story has one partition of the table (entries.py). `entry = STORY` is the latest known verdict. `entry =
WAIT#<execution>` is a waiting run: the state machine puts it there in one transaction, which also checks that STORY
holds no verdict that counts for the run (workflow.asl.yaml, WaitForStory). A verdict counts for a run if it was decided
after the run's `countsFrom`: the moment its input was uploaded, within bounds. Each callback takes three steps, and may
crash after any of them:

    1. write STORY, unless it holds a newer verdict
    2. read the whole partition in one consistent Query
    3. send the verdict *found there* to every run it counts for, then remove that run's entry

A run that puts its entry before (1) is found by (2). The transaction of a run that comes after (1) fails by its own
check, and the run reads STORY itself. No other order exists. What a crash left undone, the next caller of (2) and (3)
does: another callback, or the sweep (sweep.py). There is no second way past this protocol.

`MOVED#<former key>` names a key that the story had before it was moved: a verdict counts for runs under that key too.
A move writes its entries before it reads STORY, and a verdict writes STORY before it reads the entries; so the later of
the two sees the earlier one. `BECAME#<later key>`, under the former key, leads whoever begins there to what is known
under the later one.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.entries import APPROVED, PENDING, REJECTED, Entries, Partition, Verdict, Waiting
from chalicelib.parallel import each
from chalicelib.refusals import Unavailable

__all__ = ["APPROVED", "PENDING", "REJECTED", "Budget", "Delivery", "Verdict", "VerdictTable", "Waiting"]

AWS_ERRORS = (ClientError, BotoCoreError)
REFUSED = "AWS did not take the verdict; send it again"
# Jira waits 20 seconds for an answer, and API Gateway 29. An AWS call that begins in time may take six more seconds.
PATIENCE_SECONDS = 12
SEND_SECONDS = 1.5  # then the answer leaves the other runs to the sweep's function
AT_ONCE = 120  # entries that a callback reads: with its share of a CPU it resumes fewer in SEND_SECONDS


class Budget(NamedTuple):
    """When the last send and the last AWS call begin (seconds since 1970), and how many entries are read; None: all."""

    send_by: float
    call_by: float
    entries: int | None = None

    @classmethod
    def of_request(cls, arrived: float, now: float) -> "Budget":
        """Return the budget of a request that arrived then."""
        return cls(now + SEND_SECONDS, arrived + PATIENCE_SECONDS, AT_ONCE)


@dataclass
class Delivery:
    """What came of a story's verdict: the one in the table, and the runs that wait for the story.

    `resumed` got the verdict now, `closed` were already over, and it does not count for those in `waiting`. `resuming`
    is the number of runs that there was no time for, and `failures` has the errors of AWS calls for single runs.
    """

    verdict: Verdict | None = None
    resumed: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    resuming: int = 0
    failures: list[Exception] = field(default_factory=list)

    @property
    def later(self) -> list[str]:
        """The runs that wait although the story is decided: it was decided too early to count for them."""
        decided = self.verdict is not None and self.verdict.decision != PENDING
        return [run.execution for run in self.waiting] if decided else []


class VerdictTable:
    """The table, by a DynamoDB client, and the Step Functions client that resumes the runs found in it.

    `deliver`, `move` and `resume` answer a request, which arrived at `arrived` (seconds since 1970; now, if it is not
    given). `hand_over(story)` lets the sweep's function resume the runs that an answer has no time for. They raise
    Unavailable if an AWS call fails, or would begin more than PATIENCE_SECONDS after the arrival. The steps done before
    are still right then, and the story's next callback, a retry or a new one, or the sweep does the rest. A caller that
    answers no request gives a `budget` of its own.
    """

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        stepfunctions: Any,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        hand_over: Callable[[str], None] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._dynamodb, self._table, self._stepfunctions = dynamodb, table, stepfunctions
        self._clock, self._sleep = clock, sleep
        self._hand_over, self._budget = hand_over, budget

    def deliver(
        self, story: str, verdict: Verdict, former_key: str | None = None, arrived: float | None = None
    ) -> Delivery:
        """Record the verdict, and send the one found in the table to every waiting run it counts for.

        `former_key` is the key that the story had until this delivery.
        """
        delivery = self._answered(story, arrived, verdict, former_key)
        if delivery.verdict is None:
            raise Unavailable("the verdict just written is not there; send it again")
        return delivery

    def move(self, story: str, former_key: str, arrived: float | None = None) -> Delivery:
        """Record the story's former key, and send the story's latest verdict to the runs that wait for it."""
        return self._answered(story, arrived, former_key=former_key)

    def resume(self, story: str, arrived: float | None = None) -> Delivery:
        """Send the story's latest verdict to the runs that wait for it: steps 2 and 3, without a new verdict."""
        return self._answered(story, arrived)

    def sweep(self, story: str) -> Delivery:
        """Do the same as `resume`, but hand nothing over, and return the `failures` of AWS calls for single runs.

        Raises Unavailable if another call fails, or would begin too late.
        """
        return self._three_steps(story, self._budget_of(None))

    def _budget_of(self, arrived: float | None) -> Budget:
        now = self._clock()
        return self._budget or Budget.of_request(now if arrived is None else arrived, now)

    def _answered(
        self, story: str, arrived: float | None, verdict: Verdict | None = None, former_key: str | None = None
    ) -> Delivery:
        budget = self._budget_of(arrived)
        delivery = self._three_steps(story, budget, verdict, former_key)
        if delivery.failures:
            raise Unavailable(REFUSED) from delivery.failures[-1]
        if delivery.resuming:
            if self._hand_over is None or self._clock() > budget.call_by:
                raise Unavailable("more runs wait for this story than one answer has time for; send it again")
            try:
                self._hand_over(story)
            except AWS_ERRORS as error:
                raise Unavailable(REFUSED) from error
        return delivery

    def _three_steps(
        self, story: str, budget: Budget, verdict: Verdict | None = None, former_key: str | None = None
    ) -> Delivery:
        entries = Entries(self._dynamodb, self._table, self._clock, self._sleep, budget.call_by)
        try:
            if former_key:
                entries.remember(story, former_key)
            if verdict:
                entries.record(story, verdict)
            resumption = _Resumption(entries, self._stepfunctions, self._clock, budget)
            resumption.resume(story)
        except AWS_ERRORS as error:
            raise Unavailable(REFUSED) from error
        return resumption.delivery


class _Resumption:
    """Steps 2 and 3, for a story and for the keys that it had before."""

    def __init__(self, entries: Entries, stepfunctions: Any, clock: Callable[[], float], budget: Budget) -> None:
        self._entries, self._stepfunctions = entries, stepfunctions
        self._clock, self._budget = clock, budget
        self._seen: set[str] = set()
        self.delivery = Delivery()

    def resume(self, story: str, present_key: str | None = None) -> None:
        """Do steps 2 and 3 for the story, then for its former keys; `present_key` is known if `story` is one."""
        self._seen.add(story)
        found = self._read(story, present_key)
        if present_key is None:
            self.delivery.verdict = found.verdict
        self._send_to_all(story, found)
        for former_key in found.former_keys:
            if former_key in self._seen:  # a story can be moved there and back
                continue
            try:
                if found.verdict:
                    self._entries.record(former_key, found.verdict)
                self.resume(former_key, story)
            except AWS_ERRORS as error:
                self.delivery.failures.append(error)  # the other keys' runs must get their verdict all the same

    def _read(self, story: str, present_key: str | None) -> Partition:
        """Do step 2. If the story was moved, what is known under its later keys is read last, and counts here too."""
        while True:
            found = self._entries.read(story, self._budget.entries)
            newest = self._newest_of_later_keys({story}, {*found.later_keys, *([present_key] if present_key else [])})
            if newest is None or not newest.is_newer_than(found.verdict):
                return found
            self._entries.record(story, newest)

    def _newest_of_later_keys(self, seen: set[str], keys: set[str]) -> Verdict | None:
        newest = None
        while unseen := keys - seen:
            key = min(unseen)
            seen.add(key)
            known = self._entries.known(key)
            keys = keys.union(known.later_keys)
            newest = known.verdict if known.verdict and known.verdict.is_newer_than(newest) else newest
        return newest

    def _send_to_all(self, story: str, found: Partition) -> None:
        """Do step 3."""
        verdict = found.verdict
        if verdict is None or verdict.decision == PENDING:
            self.delivery.waiting += found.waiting
            return
        self.delivery.waiting += [run for run in found.waiting if not verdict.counts_for(run)]
        due = [run for run in found.waiting if verdict.counts_for(run)]
        for run, (sent, failure) in zip(due, each(lambda run: self._send_to(run, verdict), due), strict=True):
            if failure:
                self.delivery.failures.append(failure)
            elif sent is None:
                self.delivery.resuming += 1
            if sent is not None:
                (self.delivery.resumed if sent else self.delivery.closed).append(run.execution)
        if found.rest:
            self.delivery.resuming += self._entries.count_due(story, verdict, found.rest)

    def _send_to(self, run: Waiting, verdict: Verdict) -> tuple[bool | None, Exception | None]:
        """Send, then remove the entry. Return whether the run was resumed (None: not sent), and what failed."""
        sent = None
        if self._clock() > self._budget.send_by:
            return None, None
        try:
            sent = self._send(run, verdict)
            self._entries.remove(run)
        except (*AWS_ERRORS, Unavailable) as error:
            return sent, error  # the other runs must get their verdict all the same
        return sent, None

    def _send(self, run: Waiting, verdict: Verdict) -> bool:
        """Complete the run's wait with the decision, an approval or a rejection; the workflow branches on it.

        Return False for a token that is spent or expired: that run is over (API reference, SendTaskSuccess).
        """
        over = self._stepfunctions.exceptions
        try:
            output = json.dumps(verdict.as_decision(), ensure_ascii=False)
            self._stepfunctions.send_task_success(taskToken=run.task_token, output=output)
        except (over.TaskTimedOut, over.TaskDoesNotExist, over.InvalidToken):
            return False
        return True
