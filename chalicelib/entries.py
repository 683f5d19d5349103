"""The entries of the decision table: what each holds, and the DynamoDB calls that write, read and remove it.

Each story has one partition. `entry = STORY` is the latest known verdict, `WAIT#<execution>` a run that waits,
`MOVED#<former key>` a key that the story had before it was moved, and `BECAME#<later key>` one that it got by a move.
In which order they are written and read is the protocol's (verdicts.py). Only runs that wait have `startedAt`, and so
are in the table's index `waiting`. A Query returns entries in the order of their bytes: BECAME, MOVED, STORY, then
`TELLS#` and `TOLD#`, which runs leave (jira_tell.py), and WAIT. No entry that each run may leave comes before STORY,
because a callback reads only the first entries.
"""

import itertools
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib.refusals import Unavailable

APPROVED, REJECTED, PENDING = "approved", "rejected", "pending"

# Of two verdicts of the same instant the more cautious one is kept, in whatever order they arrive.
WEAKER_AT_A_TIE = {APPROVED: (), PENDING: (APPROVED,), REJECTED: (APPROVED, PENDING)}

KEPT_SECONDS = 400 * 24 * 3600  # longer than any run may wait (one year), then DynamoDB's TTL removes the entry
CONFLICT_ATTEMPTS = 5
CURSOR = {"story": "#sweep", "entry": "CURSOR"}  # no story's key: those begin with a letter


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

    def counts_for(self, run: "Waiting") -> bool:
        """Return whether this is an approval or a rejection that was decided after the run's `countsFrom`."""
        return self.decision != PENDING and self.decided_at > run.counts_from

    def is_newer_than(self, other: "Verdict | None") -> bool:
        """Return whether STORY takes this verdict in place of the other, by the same rule as `record`."""
        if other is None or self.decided_at != other.decided_at:
            return other is None or self.decided_at > other.decided_at
        return other.decision in WEAKER_AT_A_TIE[self.decision]


@dataclass(frozen=True)
class Waiting:
    """A run that waits for a story, as its WAIT entry says."""

    story: str
    execution: str
    task_token: str
    counts_from: str


@dataclass
class Partition:
    """A story's partition, as one consistent Query found it."""

    verdict: Verdict | None = None
    waiting: list[Waiting] = field(default_factory=list)
    former_keys: list[str] = field(default_factory=list)
    later_keys: list[str] = field(default_factory=list)
    rest: Any = None  # where reading goes on, if not all entries were read


class _Page(NamedTuple):
    items: list[dict[str, str]]
    number: int
    rest: Any


class Entries:
    """The table, by a DynamoDB client. After `call_by` (seconds since 1970) every method raises Unavailable.

    A call takes at most six seconds (clients.TIMEOUTS: two attempts of 2.5 seconds, and a pause of one between them).
    """

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        call_by: float = math.inf,
    ) -> None:
        self._dynamodb, self._table = dynamodb, table
        self._clock, self._sleep, self._call_by = clock, sleep, call_by

    def remember(self, story: str, former_key: str) -> None:
        """Write that the story had the former key before it was moved: first there, then under its present key."""
        for key, entry in ((former_key, f"BECAME#{story}"), (story, f"MOVED#{former_key}")):
            self._call("put_item", Item=_strings({"story": key, "entry": entry}) | self._expiry())

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
            "Item": _strings(item) | self._expiry(),
            "ConditionExpression": newer,
            "ExpressionAttributeValues": _strings(values),
        }
        try:
            self._through_conflicts("put_item", **put)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            pass  # STORY holds a newer verdict, or this same one: step 2 reads which

    def read(self, story: str, at_most: int | None = None) -> Partition:
        """Return the story's whole partition, or what is known of the story and the first `at_most` runs at most."""
        pages = self._query("story = :story", {":story": story}, {"Limit": at_most} if at_most else {})
        read = [next(pages)] if at_most else list(pages)
        if at_most and read[0].rest and read[0].rest["entry"]["S"] < "WAIT#":
            # Many runs that are over have left entries (jira_tell.py), so this page may end before those that wait.
            runs = "story = :story AND begins_with(entry, :wait)"
            read.append(next(self._query(runs, {":story": story, ":wait": "WAIT#"}, {"Limit": at_most})))
        found = _partition(story, read, read[-1].rest)
        if len(read) > 1:  # a newer verdict may have replaced the first page's before the last page was read
            found.verdict = self.known(story).verdict
        return found

    def count_due(self, story: str, verdict: Verdict, rest: Any) -> int:
        """Return for how many of the other runs of a partition (`Partition.rest`) the verdict counts."""
        counted = {"Select": "COUNT", "FilterExpression": "countsFrom < :decidedAt", "ExclusiveStartKey": rest}
        values = {":story": story, ":decidedAt": verdict.decided_at}
        return sum(page.number for page in self._query("story = :story", values, counted))

    def known(self, story: str) -> Partition:
        """Return the story's partition without the runs that wait."""
        # In order of their bytes the entries are BECAME#…, MOVED#…, STORY, and then everything about runs.
        return _partition(story, self._query("story = :story AND entry <= :last", {":story": story, ":last": "STORY"}))

    def remove(self, run: Waiting) -> None:
        """Remove a run's entry, if it still holds the token that was read."""
        try:
            self._through_conflicts(
                "delete_item",
                Key=_strings({"story": run.story, "entry": f"WAIT#{run.execution}"}),
                # A run that tried again to wait has put a new token here; its entry must not be removed.
                ConditionExpression="taskToken = :token",
                ExpressionAttributeValues=_strings({":token": run.task_token}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            pass

    def waiting(self) -> dict[str, list[str]]:
        """Return the names of all waiting runs by story, from the table's index of them, which is a second behind."""
        found: dict[str, list[str]] = {}
        scan = {"IndexName": "waiting", "ProjectionExpression": "story, entry"}
        while True:
            page = self._call("scan", **scan)
            for item in page["Items"]:
                found.setdefault(item["story"]["S"], []).append(item["entry"]["S"].removeprefix("WAIT#"))
            if "LastEvaluatedKey" not in page:
                return found
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def last_swept(self) -> str:
        """Return the story at which the last sweep ran out of time, or ""."""
        pages = self._query("story = :story", {":story": CURSOR["story"]})
        return next((item["after"] for page in pages for item in page.items), "")

    def keep_last_swept(self, story: str) -> None:
        """Write at which story this sweep ran out of time."""
        self._call("put_item", Item=_strings({**CURSOR, "after": story}) | self._expiry())

    def _query(
        self, condition: str, values: dict[str, str], more: Mapping[str, Any] = MappingProxyType({})
    ) -> Iterator["_Page"]:
        """Yield the pages of a consistent Query."""
        query = {
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": _strings(values),
            **more,
        }
        while True:
            page = self._call("query", **query)
            items = [
                {name: value["S"] for name, value in item.items() if "S" in value} for item in page.get("Items", [])
            ]
            query["ExclusiveStartKey"] = page.get("LastEvaluatedKey")
            yield _Page(items, page["Count"], query["ExclusiveStartKey"])
            if query["ExclusiveStartKey"] is None:
                return

    def _expiry(self) -> dict[str, dict[str, str]]:
        return {"expiresAt": {"N": str(int(self._clock()) + KEPT_SECONDS)}}

    def _call(self, operation: str, **arguments: Any) -> Any:
        if self._clock() > self._call_by:
            raise Unavailable("AWS took too long to answer; send it again")
        return getattr(self._dynamodb, operation)(TableName=self._table, **arguments)

    def _through_conflicts(self, operation: str, **arguments: Any) -> None:
        # A run's transaction locks the item for some milliseconds. A plain write then fails with
        # TransactionConflictException, which botocore does not retry (DynamoDB developer guide, transaction conflicts).
        for attempt in range(1, CONFLICT_ATTEMPTS + 1):
            try:
                self._call(operation, **arguments)
                return
            except self._dynamodb.exceptions.TransactionConflictException:
                if attempt == CONFLICT_ATTEMPTS:
                    raise
                self._sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret


def _partition(story: str, pages: Iterable[_Page], rest: Any = None) -> Partition:
    found = Partition(rest=rest)
    for item in itertools.chain.from_iterable(page.items for page in pages):
        kind, _, name = item["entry"].partition("#")
        if kind == "STORY":
            found.verdict = _verdict(item)
        elif kind == "WAIT":
            found.waiting.append(Waiting(story, name, item["taskToken"], item["countsFrom"]))
        elif kind == "MOVED":
            found.former_keys.append(name)
        elif kind == "BECAME":
            found.later_keys.append(name)
    return found


def _verdict(item: dict[str, str]) -> Verdict:
    optional = (item.get(name) for name in ("status", "actor", "message", "actorId"))
    return Verdict(item["decision"], item["decidedAt"], item["receivedAt"], *optional)


def _strings(item: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in item.items()}
