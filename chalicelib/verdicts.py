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

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.refusals import Unavailable

APPROVED, REJECTED, PENDING = "approved", "rejected", "pending"

# Of two verdicts of the same instant the more cautious one is kept, in whatever order they arrive.
WEAKER_AT_A_TIE = {APPROVED: (), PENDING: (APPROVED,), REJECTED: (APPROVED, PENDING)}

KEPT_SECONDS = 400 * 24 * 3600  # longer than any run may wait (one year), then DynamoDB's TTL removes the entry
CONFLICT_ATTEMPTS = 5
# Jira waits 20 seconds for an answer. To resume hundreds of waiting runs may take longer: then the callback answers
# 503, and Jira's retry resumes the rest.
PATIENCE_SECONDS = 12


@dataclass(frozen=True)
class Verdict:
    """A decision about a story. Times are UTC, `2026-01-31T12:00:00.000Z`, so that their texts sort by time."""

    decision: str
    decided_at: str
    received_at: str
    status: str | None = None
    actor: str | None = None
    message: str | None = None
    actor_id: str | None = (
        None  # Jira's account id (Cloud) or user key (Data Center); the name in `actor` can be edited
    )

    def as_decision(self) -> dict[str, str | None]:
        """Return the `decision` object of a result (README, "What comes out")."""
        return {
            "decision": self.decision,
            "status": self.status,
            "actor": self.actor,
            "actorId": self.actor_id,
            "message": self.message,
            "decidedAt": self.decided_at,
            "receivedAt": self.received_at,
        }


@dataclass(frozen=True)
class Waiting:
    """A run that waits for a story, as its WAIT entry says."""

    execution: str
    task_token: str
    counts_from: str


@dataclass
class _Partition:
    """A story's partition, as one consistent Query found it."""

    verdict: Verdict | None = None
    waiting: list[Waiting] = field(default_factory=list)
    former_keys: list[str] = field(default_factory=list)


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
        self._dynamodb, self._table, self._stepfunctions = dynamodb, table, stepfunctions
        self._clock, self._sleep = clock, sleep

    def deliver(self, story: str, verdict: Verdict, former_key: str | None = None) -> Delivery:
        """Record the verdict, and send the one found in the table to every waiting run it counts for.

        `former_key` is the key that the story had until this delivery. Raises Unavailable if an AWS call fails. The
        steps done before are still right then, and the story's next callback, a retry or a new one, does the rest.
        """
        try:
            if former_key:
                self._remember(story, former_key)
            self._record(story, verdict)
            return self._resume(story, self._clock() + PATIENCE_SECONDS)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("AWS did not take the verdict; send it again") from error

    def move(self, story: str, former_key: str) -> Delivery | None:
        """Record the story's former key, and send the story's latest verdict to the runs that wait under that key.

        Return None if the story has no verdict yet. Raises Unavailable as `deliver` does.
        """
        try:
            self._remember(story, former_key)
            if self._story(story) is None:
                return None
            return self._resume(story, self._clock() + PATIENCE_SECONDS)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("AWS did not take the move; send it again") from error

    def _remember(self, story: str, former_key: str) -> None:
        item = _strings({"story": story, "entry": f"MOVED#{former_key}"})
        self._dynamodb.put_item(TableName=self._table, Item=item | self._expiry())

    def _record(self, story: str, verdict: Verdict) -> None:
        item = {"story": story, "entry": "STORY"} | {k: v for k, v in verdict.as_decision().items() if v is not None}
        weaker = WEAKER_AT_A_TIE[verdict.decision]
        newer = "attribute_not_exists(story) OR decidedAt < :decidedAt"
        values = {":decidedAt": verdict.decided_at} | {f":weaker{i}": name for i, name in enumerate(weaker)}
        if weaker:
            newer += (
                f" OR (decidedAt = :decidedAt AND decision IN ({', '.join(f':weaker{i}' for i in range(len(weaker)))}))"
            )
        put = {
            "TableName": self._table,
            "Item": _strings(item) | self._expiry(),
            "ConditionExpression": newer,
            "ExpressionAttributeValues": _strings(values),
        }
        try:
            self._through_conflicts(self._dynamodb.put_item, **put)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            pass  # STORY holds a newer verdict, or this same one: step 2 reads which

    def _read(self, story: str) -> "_Partition":
        pages = list(self._query("story = :story", {":story": story}))
        found = _Partition()
        for item in itertools.chain.from_iterable(pages):
            kind, _, name = item["entry"].partition("#")
            if kind == "STORY":
                found.verdict = _verdict(item)
            elif kind == "WAIT":
                found.waiting.append(Waiting(name, item["taskToken"], item["countsFrom"]))
            elif kind == "MOVED":
                found.former_keys.append(name)
        if len(pages) > 1:  # a newer verdict may have replaced the first page's before the last page was read
            found.verdict = self._story(story)
        return found

    def _query(self, condition: str, values: dict[str, str]) -> Iterator[list[dict[str, str]]]:
        """Yield the pages of a consistent Query."""
        query = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": _strings(values),
        }
        while True:
            page = self._dynamodb.query(**query)
            yield [{name: value["S"] for name, value in item.items() if "S" in value} for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _resume(
        self, story: str, deadline: float, current: str | None = None, seen: frozenset[str] = frozenset()
    ) -> Delivery:
        """Do steps 2 and 3 for the story, then for its former keys; `current` is the present key if `story` is one."""
        found = self._read(story)
        if current:  # new verdicts come under the current key, so STORY is read there last
            found.verdict = self._refreshed(story, found.verdict, self._story(current))
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
                self._forget(story, run)
            except (ClientError, BotoCoreError) as error:
                failures.append(error)  # the other runs must get their verdict all the same
        for former_key in found.former_keys:
            if former_key in seen:  # a story can be moved there and back
                continue
            try:
                self._record(former_key, found.verdict)
                delivery.add(self._resume(former_key, deadline, story, seen | {story}))
            except (ClientError, BotoCoreError) as error:
                failures.append(error)
        if failures:
            raise failures[-1]
        return delivery

    def _refreshed(self, story: str, known: Verdict | None, now: Verdict | None) -> Verdict | None:
        """Copy a newer verdict from the current key, then return the former key's verdict."""
        if now and now != known:
            self._record(story, now)
            return self._story(story)
        return known

    def _story(self, story: str) -> Verdict | None:
        key = {":story": story, ":entry": "STORY"}
        return next(
            (_verdict(item) for page in self._query("story = :story AND entry = :entry", key) for item in page), None
        )

    def _expiry(self) -> dict[str, dict[str, str]]:
        return {"expiresAt": {"N": str(int(self._clock()) + KEPT_SECONDS)}}

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

    def _forget(self, story: str, run: Waiting) -> None:
        try:
            self._through_conflicts(
                self._dynamodb.delete_item,
                TableName=self._table,
                Key=_strings({"story": story, "entry": f"WAIT#{run.execution}"}),
                # A run that tried again to wait has put a new token here; its entry must not be removed.
                ConditionExpression="taskToken = :token",
                ExpressionAttributeValues=_strings({":token": run.task_token}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            pass

    def _through_conflicts(self, call: Any, **arguments: Any) -> None:
        # A run's transaction locks the item for some milliseconds. A plain write then fails with
        # TransactionConflictException, which botocore does not retry (DynamoDB developer guide, transaction conflicts).
        for attempt in range(1, CONFLICT_ATTEMPTS + 1):
            try:
                call(**arguments)
                return
            except self._dynamodb.exceptions.TransactionConflictException:
                if attempt == CONFLICT_ATTEMPTS:
                    raise
                self._sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret


def _verdict(item: dict[str, str]) -> Verdict:
    optional = (item.get(name) for name in ("status", "actor", "message", "actorId"))
    return Verdict(item["decision"], item["decidedAt"], item["receivedAt"], *optional)


def _strings(item: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in item.items()}
