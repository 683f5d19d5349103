"""The versions of a stage's state machine, and which of them the runs that go on began with.

A run keeps the definition it began with (Step Functions API reference, UpdateStateMachine). The workflow's stack
publishes each new definition as a version and points the alias `live` at it. Drops start runs of the state machine
itself, which is its newest definition; such a run belongs to no version by its ARN (developer guide,
execution-alias-version-associate), so its revision is compared with theirs.
"""

from collections import Counter
from itertools import islice
from typing import Any

from storygate.runs.executions import RUNNING, Runs

ALIAS = "live"
LOOKED_AT = 100  # runs: one call each


class Versions:
    """The numbered definitions of a state machine, as `client` (Step Functions) tells them."""

    def __init__(self, runs: Runs, client: Any) -> None:
        self._runs, self._client, self._machine = runs, client, runs.machine

    def live(self) -> str | None:
        """The number of the version that `live` names, e.g. `3`; None before the first deployment."""
        try:
            alias = self._client.describe_state_machine_alias(stateMachineAliasArn=f"{self._machine}:{ALIAS}")
        except (self._client.exceptions.ResourceNotFound, self._client.exceptions.StateMachineDoesNotExist):
            return None
        return str(alias["routingConfiguration"][0]["stateMachineVersionArn"]).rpartition(":")[2]

    def under_way(self) -> tuple[Counter[str], bool]:
        """How many runs go on under each version, `{"3": 2, "": 1}`, and whether there are more than were looked at.

        The newest hundred are looked at; the empty name stands for a definition that is no version any more.
        """
        running = list(islice(self._runs.latest(RUNNING), LOOKED_AT + 1))
        revisions = Counter(
            _revision(self._client.describe_state_machine_for_execution(executionArn=run.arn))
            for run in running[:LOOKED_AT]
        )
        numbers: Counter[str] = Counter()
        for number in self._numbers():
            if not revisions:
                break
            described = self._client.describe_state_machine(stateMachineArn=f"{self._machine}:{number}")
            if count := revisions.pop(_revision(described), 0):
                numbers[number] = count
        if rest := revisions.total():
            numbers[""] = rest
        return numbers, len(running) > LOOKED_AT

    def _numbers(self) -> list[str]:
        """The versions, newest first. One call: a page holds up to 1,000, which is all there may be."""
        listed = self._client.list_state_machine_versions(stateMachineArn=self._machine, maxResults=1000)
        return [str(entry["stateMachineVersionArn"]).rpartition(":")[2] for entry in listed["stateMachineVersions"]]


def _revision(described: Any) -> str:
    """A definition's revision; the first one has no id (API reference, DescribeStateMachineForExecution)."""
    return described.get("revisionId") or "INITIAL"


def told(live: str, under_way: Counter[str], more: bool) -> str | None:
    """A line on the runs that go on under another version than `live`; None if there are none."""
    older = {number: count for number, count in under_way.items() if number != live}
    if not older:
        return None
    each = ", ".join(
        f"{count} run{'s' if count > 1 else ''} of {f'version {number}' if number else 'no version'}"
        for number, count in older.items()
    )
    among = f" (of the newest {LOOKED_AT})" if more else ""
    return f"under way with the definition they began with{among}: {each}"
