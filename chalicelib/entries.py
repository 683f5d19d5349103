"""The entries of the decision table: what each holds, and the DynamoDB calls that write, read and remove it.

Each story has one partition. `entry = STORY` is the latest known verdict, `WAIT#<execution>` a run that waits, and
`MOVED#<former key>` a key that the story had before it was moved. In which order they are written and read is the
protocol's (verdicts.py).
"""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

APPROVED, REJECTED, PENDING = "approved", "rejected", "pending"

# Of two verdicts of the same instant the more cautious one is kept, in whatever order they arrive.
WEAKER_AT_A_TIE = {APPROVED: (), PENDING: (APPROVED,), REJECTED: (APPROVED, PENDING)}

KEPT_SECONDS = 400 * 24 * 3600  # longer than any run may wait (one year), then DynamoDB's TTL removes the entry
CONFLICT_ATTEMPTS = 5


@dataclass(frozen=True)
class Verdict:
    """A decision about a story. Times are UTC, `2026-01-31T12:00:00.000Z`, so that their texts sort by time."""

    decision: str
    decided_at: str
    received_at: str
    status: str | None = None
    actor: str | None = None
    message: str | None = None
    # Jira's account id (Cloud) or user key (Data Center); the name in `actor` can be edited
    actor_id: str | None = None

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
class Partition:
    """A story's partition, as one consistent Query found it."""

    verdict: Verdict | None = None
    waiting: list[Waiting] = field(default_factory=list)
    former_keys: list[str] = field(default_factory=list)


class Entries:
    """The table, by a DynamoDB client."""

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb, self._table = dynamodb, table
        self._clock, self._sleep = clock, sleep

    def remember(self, story: str, former_key: str) -> None:
        """Write that the story had this key before it was moved."""
        item = _strings({"story": story, "entry": f"MOVED#{former_key}"})
        self._dynamodb.put_item(TableName=self._table, Item=item | self._expiry())

    def record(self, story: str, verdict: Verdict) -> None:
        """Write STORY, unless it holds a newer verdict."""
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

    def read(self, story: str) -> Partition:
        """Return the story's whole partition."""
        pages = list(self._query("story = :story", {":story": story}))
        found = Partition()
        for item in itertools.chain.from_iterable(pages):
            kind, _, name = item["entry"].partition("#")
            if kind == "STORY":
                found.verdict = _verdict(item)
            elif kind == "WAIT":
                found.waiting.append(Waiting(name, item["taskToken"], item["countsFrom"]))
            elif kind == "MOVED":
                found.former_keys.append(name)
        if len(pages) > 1:  # a newer verdict may have replaced the first page's before the last page was read
            found.verdict = self.verdict(story)
        return found

    def verdict(self, story: str) -> Verdict | None:
        """Return the story's latest verdict."""
        key = {":story": story, ":entry": "STORY"}
        return next(
            (_verdict(item) for page in self._query("story = :story AND entry = :entry", key) for item in page), None
        )

    def remove(self, story: str, run: Waiting) -> None:
        """Remove a run's entry, if it still holds the token that was read."""
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

    def _expiry(self) -> dict[str, dict[str, str]]:
        return {"expiresAt": {"N": str(int(self._clock()) + KEPT_SECONDS)}}

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
