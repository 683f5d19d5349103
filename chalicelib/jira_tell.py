"""Tell Jira of runs: a link on the story while a run waits for it, the link's last state and one comment at its end.

Best effort, and never a reason for a run to fail. Two entries of the story's partition keep the order: `TELLS#<run>`
says that the link was made, `TOLD#<run>` that the end was told, with its time and outcome. TOLD is written before Jira
is called, so that there is at most one comment; and whoever has written "waits" looks for it afterwards, so that
"waits" does not stay over the end.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chalicelib import jira_texts
from chalicelib.jira_api import JiraApi, JiraAway, JiraFailed

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
# An event comes late by a day at most, and a run can be redriven for 14 days. A link is made again after that time.
KEPT_SECONDS = 15 * 24 * 3600

Request = dict[str, Any]


@dataclass(frozen=True)
class End:
    """How a run ended: `at` is Step Functions' `stopDate` in UTC, `request` has packages and metadata."""

    execution_arn: str
    story: str
    outcome: str
    reason: str
    at: str
    request: Request

    @property
    def execution(self) -> str:
        """The run's name."""
        return self.execution_arn.rpartition(":")[2]


class Teller:
    """Tells one Jira, and keeps in the table what it has told.

    `run_url` is where people see a run, with `{execution}` in it; without one it is Step Functions' page of it.
    """

    def __init__(
        self, api: JiraApi, dynamodb: Any, table: str, run_url: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._api, self._dynamodb, self._table = api, dynamodb, table
        self._run_url, self._clock = run_url, clock

    def link_waiting(
        self, story: str, execution_arns: Iterable[str], request: Callable[[str], Request | None]
    ) -> list[str]:
        """Make the link of each waiting run that has none yet; return what went wrong.

        `request` finds what a run, by its ARN, was asked to do. Raises JiraAway.
        """
        made, errors = self._linked(story), []
        for arn in execution_arns:
            execution = arn.rpartition(":")[2]
            if execution in made:
                continue
            asked = request(arn)
            try:
                self._api.put_link(story, jira_texts.waiting_link(execution, self._url(arn), asked))
                if outcome := self._told(story, execution):
                    self._api.put_link(story, jira_texts.ended_link(execution, self._url(arn), outcome, asked))
            except JiraAway:
                raise
            except JiraFailed as error:
                errors.append(f"{story}: no link for {execution}: {error}")
                continue
            self._put(story, f"TELLS#{execution}")
        return errors

    def report_end(self, end: End) -> tuple[list[str], list[str]]:
        """Update the run's link, and write its comment if its end was not told yet; return what was told, and errors.

        An event that comes again, or later than that of a newer end, changes nothing: a run that was redriven ends
        more than once.
        """
        claimed = self._claim(end)
        if claimed is None:
            return [], []
        told: list[str] = []
        errors: list[str] = []
        url = self._url(end.execution_arn)
        link = jira_texts.ended_link(end.execution, url, end.outcome, end.request)
        calls: list[tuple[str, Callable[[], None]]] = [("link", lambda: self._api.put_link(end.story, link))]
        if claimed:
            document = jira_texts.comment(end.execution, url, end.outcome, end.reason, end.request)
            calls.append(("comment", lambda: self._api.add_comment(end.story, document)))
        for what, call in calls:
            try:
                call()
                told.append(what)
            except JiraFailed as error:
                errors.append(f"{end.story}: no {what} for {end.execution}: {error}")
        return told, errors

    def _claim(self, end: End) -> bool | None:
        """Write TOLD; return whether this is the first end that is told, None if this end or a newer one was told."""
        try:
            before = self._put(
                end.story,
                f"TOLD#{end.execution}",
                {"endedAt": end.at, "outcome": end.outcome},
                ConditionExpression="attribute_not_exists(story) OR endedAt < :endedAt",
                ExpressionAttributeValues={":endedAt": {"S": end.at}},
                ReturnValues="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return "Attributes" not in before

    def _told(self, story: str, execution: str) -> str | None:
        """Return the outcome that was told of a run, None if none was."""
        key = {"story": {"S": story}, "entry": {"S": f"TOLD#{execution}"}}
        item = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return item["outcome"]["S"] if item else None

    def _linked(self, story: str) -> set[str]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "story = :story AND begins_with(entry, :link)",
            "ExpressionAttributeValues": {":story": {"S": story}, ":link": {"S": "TELLS#"}},
        }
        found: set[str] = set()
        while True:
            page = self._dynamodb.query(**query)
            found |= {item["entry"]["S"].removeprefix("TELLS#") for item in page["Items"]}
            if "LastEvaluatedKey" not in page:
                return found
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _put(self, story: str, entry: str, values: dict[str, str] | None = None, **conditions: Any) -> Any:
        item = {"story": story, "entry": entry, **(values or {})}
        expiry = {"expiresAt": {"N": str(int(self._clock()) + KEPT_SECONDS)}}
        strings = {name: {"S": value} for name, value in item.items()}
        return self._dynamodb.put_item(TableName=self._table, Item=strings | expiry, **conditions)

    def _url(self, execution_arn: str) -> str:
        if self._run_url:
            return self._run_url.replace("{execution}", quote(execution_arn.rpartition(":")[2], safe=""))
        _, partition, _, region, *_ = execution_arn.split(":")
        page = f"https://{region}.{CONSOLES.get(partition, CONSOLES['aws'])}/states/home?region={region}"
        return f"{page}#/v2/executions/details/{quote(execution_arn, safe=':')}"
