"""The decision table: each story's latest verdict, and the runs that wait for it.

Each story has one partition. `entry = STORY` is the latest known verdict. `entry = WAIT#<execution>` is a waiting run:
the state machine puts it there in one transaction, which also checks that STORY holds no verdict that counts for the
run (workflow.asl.yaml, WaitForStory). A verdict counts for a run if it was decided after the run's `countsFrom`: the
upload of its input, at most five minutes before the run's start (workflow.asl.yaml, ApisSucceeded). Each callback takes
three steps, and may crash after any of them:

    1. write STORY, unless it holds a newer verdict
    2. read the whole partition in one consistent Query
    3. send the verdict *found there* to every run it counts for, then remove that run's entry

A run that puts its entry before (1) is found by (2). The transaction of a run that comes after (1) fails by its own
check, and the run reads STORY itself. No other order exists.

`entry = MOVED#<former key>` names a key that the story had before it was moved: a verdict counts for runs under that
key too. A move writes its entry before it reads STORY, and a verdict writes STORY before it reads the entries; so the
later of the two sees the earlier one.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.entries import APPROVED, PENDING, REJECTED, Entries, Verdict, Waiting
from chalicelib.refusals import Unavailable

__all__ = ["APPROVED", "PENDING", "REJECTED", "Delivery", "Verdict", "VerdictTable"]

# Jira waits 20 seconds for an answer. To resume hundreds of waiting runs may take longer: then the callback answers
# 503, and Jira's retry resumes the rest.
PATIENCE_SECONDS = 12


@dataclass
class Delivery:
    """The table's verdict, and a story's waiting runs: `resumed` got the verdict now, `closed` were already over."""

    verdict: Verdict
    resumed: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def add(self, other: "Delivery") -> None:
        """Add the runs that waited under another key of the story."""
        self.resumed += other.resumed
        self.closed += other.closed


class VerdictTable:
    """The table, by a DynamoDB client, and the Step Functions client that resumes the runs found in it."""

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        stepfunctions: Any,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._entries = Entries(dynamodb, table, clock, sleep)
        self._stepfunctions, self._clock = stepfunctions, clock

    def deliver(self, story: str, verdict: Verdict, former_key: str | None = None) -> Delivery:
        """Record the verdict, and send the one found in the table to every waiting run it counts for.

        `former_key` is the key that the story had until this delivery. Raises Unavailable if an AWS call fails. The
        steps done before are still right then, and the story's next callback, a retry or a new one, does the rest.
        """
        try:
            if former_key:
                self._entries.remember(story, former_key)
            self._entries.record(story, verdict)
            return self._resume(story, self._clock() + PATIENCE_SECONDS)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("AWS did not take the verdict; send it again") from error

    def move(self, story: str, former_key: str) -> Delivery | None:
        """Record the story's former key, and send the story's latest verdict to the runs that wait under that key.

        Return None if the story has no verdict yet. Raises Unavailable as `deliver` does.
        """
        try:
            self._entries.remember(story, former_key)
            if self._entries.verdict(story) is None:
                return None
            return self._resume(story, self._clock() + PATIENCE_SECONDS)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("AWS did not take the move; send it again") from error

    def _resume(
        self, story: str, deadline: float, current: str | None = None, seen: frozenset[str] = frozenset()
    ) -> Delivery:
        """Do steps 2 and 3 for the story, then for its former keys; `current` is the present key if `story` is one."""
        found = self._entries.read(story)
        if current:  # new verdicts come under the current key, so STORY is read there last
            found.verdict = self._refreshed(story, found.verdict, self._entries.verdict(current))
        if found.verdict is None:
            raise Unavailable("the verdict just written is not there; send it again")
        delivery, failures = Delivery(found.verdict), []
        for run in found.waiting:
            if found.verdict.decision == PENDING or found.verdict.decided_at <= run.counts_from:
                continue
            if self._clock() > deadline:
                raise Unavailable("more runs wait for this story than one answer has time for; send it again")
            try:
                (delivery.resumed if self._send(run, found.verdict) else delivery.closed).append(run.execution)
                self._entries.remove(story, run)
            except (ClientError, BotoCoreError) as error:
                failures.append(error)  # the other runs must get their verdict all the same
        for former_key in found.former_keys:
            if former_key in seen:  # a story can be moved there and back
                continue
            try:
                self._entries.record(former_key, found.verdict)
                delivery.add(self._resume(former_key, deadline, story, seen | {story}))
            except (ClientError, BotoCoreError) as error:
                failures.append(error)
        if failures:
            raise failures[-1]
        return delivery

    def _refreshed(self, story: str, known: Verdict | None, now: Verdict | None) -> Verdict | None:
        """Copy a newer verdict from the current key, then return the former key's verdict."""
        if now and now != known:
            self._entries.record(story, now)
            return self._entries.verdict(story)
        return known

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
