"""The decision table: what Jira last said of a story, and which runs wait for it.

One partition a story: `entry = STORY` is the latest known verdict, `entry = WAIT#<execution>` a run that waits, put
there by the state machine together with a check that STORY holds no verdict that counts for it (workflow.asl.json,
WaitForStory). A verdict counts for a run if it was decided after the run's `countsFrom`: its start, less an allowance
for clock skew. The callback's three steps keep the two in step, whatever crashes in between:

    1. write STORY, unless a newer verdict stands there
    2. read the whole partition in one consistent Query
    3. give the verdict *found there* to every run it counts for, then remove that run's entry

A run that enters its wait before (1) is found by (2). One that enters after (1) is cancelled by its own check and
reads STORY itself. There is no third moment.
"""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable

APPROVED, REJECTED, PENDING = "approved", "rejected", "pending"

# Of two verdicts of the same instant the more cautious one stands, in whatever order they arrive.
YIELDS_AT_A_TIE = {APPROVED: (), PENDING: (APPROVED,), REJECTED: (APPROVED, PENDING)}

STORY_KEPT_SECONDS = 400 * 24 * 3600  # longer than any run may wait (one year), then DynamoDB's TTL removes it
CONFLICT_ATTEMPTS = 5


@dataclass(frozen=True)
class Verdict:
    """What Jira said of a story. Times are UTC, `2026-01-31T12:00:00.000Z`: as text they sort as they happened."""

    decision: str
    decided_at: str
    received_at: str
    status: str | None = None
    actor: str | None = None
    message: str | None = None

    def as_decision(self) -> dict[str, str | None]:
        """The `decision` of a result (design: Contract, Result)."""
        return {
            "decision": self.decision,
            "status": self.status,
            "actor": self.actor,
            "message": self.message,
            "decidedAt": self.decided_at,
            "receivedAt": self.received_at,
        }


@dataclass(frozen=True)
class Waiting:
    """A run that waits for a story."""

    execution: str
    task_token: str
    counts_from: str


@dataclass
class Delivery:
    """What became of a story's waiting runs: `resumed` got the verdict now, `closed` were already over."""

    stands: Verdict
    resumed: list[str]
    closed: list[str]


class VerdictTable:
    """The table behind a DynamoDB client, and the Step Functions client that resumes the runs found in it."""

    def __init__(self, dynamodb: Any, table: str, stepfunctions: Any) -> None:
        self._dynamodb, self._table, self._stepfunctions = dynamodb, table, stepfunctions

    def deliver(self, story: str, verdict: Verdict) -> Delivery:
        """Records the verdict and gives the one that stands to every waiting run it counts for.

        Raises Unavailable if AWS refuses any of it; whatever was done then stays right, and the next callback of the
        story, a repeat or another, does the rest.
        """
        try:
            self._record(story, verdict)
            stands, waiting = self._read(story)
            return self._resume(story, stands, waiting)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("AWS did not take the verdict; send it again") from error

    def _record(self, story: str, verdict: Verdict) -> None:
        item = {"story": story, "entry": "STORY"} | {k: v for k, v in verdict.as_decision().items() if v is not None}
        weaker = YIELDS_AT_A_TIE[verdict.decision]
        newer = "attribute_not_exists(story) OR decidedAt < :decidedAt"
        values = {":decidedAt": verdict.decided_at} | {f":weaker{i}": name for i, name in enumerate(weaker)}
        if weaker:
            newer += (
                f" OR (decidedAt = :decidedAt AND decision IN ({', '.join(f':weaker{i}' for i in range(len(weaker)))}))"
            )
        put = {
            "TableName": self._table,
            "Item": _strings(item) | {"expiresAt": {"N": str(int(time.time()) + STORY_KEPT_SECONDS)}},
            "ConditionExpression": newer,
            "ExpressionAttributeValues": _strings(values),
        }
        try:
            self._through_conflicts(self._dynamodb.put_item, **put)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            pass  # a newer verdict stands, or this very one: step 2 reads which

    def _read(self, story: str) -> tuple[Verdict, list[Waiting]]:
        stands: Verdict | None = None
        waiting = []
        for item in self._partition(story):
            entry = item["entry"]
            if entry == "STORY":
                stands = Verdict(
                    item["decision"], item["decidedAt"], item["receivedAt"],
                    item.get("status"), item.get("actor"), item.get("message"),
                )  # fmt: skip
            elif entry.startswith("WAIT#"):
                waiting.append(Waiting(entry.removeprefix("WAIT#"), item["taskToken"], item["countsFrom"]))
        if stands is None:
            raise Unavailable("the verdict just written is not there; send it again")
        return stands, waiting

    def _partition(self, story: str) -> Iterator[dict[str, str]]:
        query = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "story = :story",
            "ExpressionAttributeValues": _strings({":story": story}),
        }
        while True:
            page = self._dynamodb.query(**query)
            for item in page["Items"]:
                yield {name: value["S"] for name, value in item.items() if "S" in value}
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _resume(self, story: str, stands: Verdict, waiting: list[Waiting]) -> Delivery:
        delivery = Delivery(stands, [], [])
        failure: Exception | None = None
        for run in waiting:
            if stands.decision == PENDING or stands.decided_at <= run.counts_from:
                continue
            try:
                (delivery.resumed if self._send(run, stands) else delivery.closed).append(run.execution)
                self._forget(story, run)
            except (ClientError, BotoCoreError) as error:
                failure = error  # one run's trouble must not keep the others waiting
        if failure:
            raise failure
        return delivery

    def _send(self, run: Waiting, verdict: Verdict) -> bool:
        """False for a token that is spent or expired: that run is over (SendTaskSuccess API reference)."""
        over = self._stepfunctions.exceptions
        try:
            self._stepfunctions.send_task_success(taskToken=run.task_token, output=json.dumps(verdict.as_decision()))
        except (over.TaskTimedOut, over.TaskDoesNotExist, over.InvalidToken):
            return False
        return True

    def _forget(self, story: str, run: Waiting) -> None:
        try:
            self._through_conflicts(
                self._dynamodb.delete_item,
                TableName=self._table,
                Key=_strings({"story": story, "entry": f"WAIT#{run.execution}"}),
                # A wait that was entered anew has put its new token here; that one is not ours to remove.
                ConditionExpression="taskToken = :token",
                ExpressionAttributeValues=_strings({":token": run.task_token}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            pass

    def _through_conflicts(self, call: Any, **arguments: Any) -> None:
        # A run entering its wait holds the item in a transaction for some milliseconds, and a plain write then gets
        # TransactionConflictException, which botocore does not retry (DynamoDB developer guide, transaction conflicts).
        for attempt in range(1, CONFLICT_ATTEMPTS + 1):
            try:
                call(**arguments)
                return
            except self._dynamodb.exceptions.TransactionConflictException:
                if attempt == CONFLICT_ATTEMPTS:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret


def _strings(item: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in item.items()}
