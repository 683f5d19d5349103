"""Histories as GetExecutionHistory answers them, written down in a line each."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class NoExecution(Exception):
    """What botocore raises for an execution that is not there."""


def event(number: int, kind: str, previous: int, **details: Any) -> dict[str, Any]:
    """An event `number` seconds after the run began; details are named as AWS names them, without `EventDetails`."""
    at = BEGAN + timedelta(seconds=number)
    named = {f"{name}EventDetails": value for name, value in details.items()}
    return {"id": number, "previousEventId": previous, "type": kind, "timestamp": at, **named}


def entered(number: int, state: str, previous: int) -> dict[str, Any]:
    return event(number, "TaskStateEntered", previous, stateEntered={"name": state, "input": "{}"})


def exited(number: int, state: str, previous: int, output: str = "{}", **assigned: Any) -> dict[str, Any]:
    variables = {name: json.dumps(value) for name, value in assigned.items()}
    told = {"name": state, "output": output, "assignedVariables": variables}
    return event(number, "TaskStateExited", previous, stateExited=told)


class FakeStepFunctions:
    """One execution's history, which the test lets grow. Pages are small, to be sure that they are followed."""

    class exceptions:
        ExecutionDoesNotExist = NoExecution

    def __init__(self, events: Sequence[dict[str, Any]] = (), page: int = 3) -> None:
        self.events = list(events)
        self.page = page
        self.calls = 0

    def get_execution_history(
        self, *, executionArn: str, reverseOrder: bool, maxResults: int, nextToken: str = "0"
    ) -> dict[str, Any]:
        del executionArn, maxResults
        assert reverseOrder
        self.calls += 1
        if not self.events:
            raise NoExecution
        start = int(nextToken)
        newest_first = self.events[::-1]
        answer: dict[str, Any] = {"events": newest_first[start : start + self.page]}
        if start + self.page < len(newest_first):
            answer["nextToken"] = str(start + self.page)
        return answer
