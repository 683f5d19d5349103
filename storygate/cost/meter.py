"""The use of an execution as a stage's functions, logs and stack show it, beyond its history."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from storygate.stage.config import API_HANDLER, STATUS
from storygate.stage.context import Context
from storygate.support.json_text import loaded_object

ASSUMED_MS = Decimal(100)


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function, from its log; `calls` are the AWS calls that the function's own line names.

    `milliseconds` is None if Lambda's own line about it, REPORT, is not there: the local cloud writes none for the API.
    """

    milliseconds: Decimal | None
    calls: Counter[str] = field(default_factory=Counter)


class Meter:
    """Reads durations, calls and memory sizes from a deployed stage."""

    def __init__(self, context: Context) -> None:
        self._context, self._logs = context, context.client("logs")

    @property
    def is_local(self) -> bool:
        """Whether the stage is not on AWS itself."""
        return self._context.aws.endpoint_url is not None

    def memory_mb(self, function: str) -> int:
        """Return the memory of a function of app.py."""
        name = self._context.stage.lambda_names[function]
        return int(self._context.client("lambda").get_function_configuration(FunctionName=name)["MemorySize"])

    def trigger(self, started: datetime) -> Invocation | None:
        """Return the invocation that started an execution: the first to report after `started`. None without a log."""
        group = f"/aws/lambda/{self._context.stage.trigger}"
        return _reported(self._events(group, started - timedelta(seconds=1), timedelta(minutes=1)))

    def callback(self, execution: str, ended: datetime) -> Invocation | None:
        """Return the invocation whose log line says that it resumed the execution. None without such a line."""
        return self._found(
            API_HANDLER,
            ended - timedelta(minutes=1),
            lambda line: line.get("log") == "callback" and execution in line.get("resumed", []),
        )

    def status(self, execution: str, ended: datetime) -> Invocation | None:
        """Return the invocation that counted the execution's end. None without its line."""
        return self._found(STATUS, ended, lambda line: line.get("log") == "end" and line.get("execution") == execution)

    def sweep(self) -> Invocation | None:
        """Return the newest sweep of the last quarter of an hour. None without one."""
        now, span = datetime.now(UTC), timedelta(minutes=15)
        group = f"/aws/lambda/{self._context.stage.sweep}"
        return _reported(reversed(list(self._events(group, now - span, span))))

    @property
    def asks_jira(self) -> bool:
        """Whether the stage names a Jira."""
        return self._context.stage.jira_site is not None

    def monthly(self) -> dict[str, int]:
        """Return the numbers of things in the stage's stack that are paid by the month, by their price."""
        paginator = self._context.client("cloudformation").get_paginator("list_stack_resources")
        kinds = Counter(
            resource["ResourceType"]
            for page in paginator.paginate(StackName=self._context.stage.workflow_stack)
            for resource in page["StackResourceSummaries"]
        )
        return {
            "alarm": kinds["AWS::CloudWatch::Alarm"],
            "dashboard": kinds["AWS::CloudWatch::Dashboard"],
        }

    def _found(self, function: str, start: datetime, is_it: Callable[[dict[str, Any]], bool]) -> Invocation | None:
        """The invocation with such a line in the two minutes after `start`, and the report after it."""
        group = f"/aws/lambda/{self._context.stage.lambda_names[function]}"
        events = list(self._events(group, start, timedelta(minutes=2)))
        for number, event in enumerate(events):
            line = loaded_object(event["message"])
            if is_it(line):
                after = (other for other in events[number:] if other["logStreamName"] == event["logStreamName"])
                reported = _reported(after)
                calls = Counter(call.partition(" ")[0] for call in line.get("aws", []))
                return Invocation(reported.milliseconds if reported else None, calls)
        return None

    def _events(self, group: str, start: datetime, span: timedelta) -> Iterator[Any]:
        """A log group's events in a span of time, oldest first; nothing if the group does not exist or is denied."""
        times = {"startTime": int(start.timestamp() * 1000), "endTime": int((start + span).timestamp() * 1000)}
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group, **times)
            yield from sorted(
                (event for page in pages for event in page["events"]), key=lambda event: event["timestamp"]
            )
        except ClientError:
            return


def _reported(events: Iterable[Any]) -> Invocation | None:
    """The first REPORT line: its billed duration on AWS, else its duration (Lambda developer guide, logs)."""
    for event in events:
        if event["message"].startswith("REPORT "):
            found = re.search(r"Billed Duration: ([\d.]+) ms", event["message"])
            found = found or re.search(r"Duration: ([\d.]+) ms", event["message"])
            if found:
                return Invocation(Decimal(math.ceil(Decimal(found.group(1)))))
    return None
