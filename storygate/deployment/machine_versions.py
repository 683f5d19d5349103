"""The versions of a stage's state machine, and the version that each running execution began with.

A run keeps the definition it began with (Step Functions API reference, UpdateStateMachine). The workflow's stack
publishes each new definition as a version and points the alias `live` at it. Drops start runs of the state machine
itself, whose definition is always the newest; such a run's ARN names no version (developer guide,
execution-alias-version-associate), so its revision is compared with the revisions of the versions.
"""

from collections import Counter
from itertools import islice
from typing import Any

from storygate.runs.executions import RUNNING, Runs
from storygate.stage.context import Context

ALIAS = "live"
LOOKED_AT = 100  # runs: one call each


class MachineVersions:
    """The numbered definitions of a stage's state machine."""

    def __init__(self, context: Context) -> None:
        self._client, self._machine = context.client("stepfunctions"), context.machine_arn
        self._runs = Runs(context)

    def live(self) -> str | None:
        """Return the number of the version that `live` names, e.g. `3`; None before the first deployment."""
        try:
            alias = self._client.describe_state_machine_alias(stateMachineAliasArn=f"{self._machine}:{ALIAS}")
        except (self._client.exceptions.ResourceNotFound, self._client.exceptions.StateMachineDoesNotExist):
            return None
        return str(alias["routingConfiguration"][0]["stateMachineVersionArn"]).rpartition(":")[2]

    def under_way(self) -> tuple[Counter[str], bool]:
        """Count the running executions by version, `{"3": 2, "": 1}`; return also whether some were not counted.

        The newest hundred are counted. The empty name is for definitions whose version was deleted.
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
        """The versions, newest first. One call: a page holds up to 1,000, which is the most that a machine may have."""
        listed = self._client.list_state_machine_versions(stateMachineArn=self._machine, maxResults=1000)
        return [str(entry["stateMachineVersionArn"]).rpartition(":")[2] for entry in listed["stateMachineVersions"]]


def _revision(described: Any) -> str:
    """A definition's revision; the first one has no id (API reference, DescribeStateMachineForExecution)."""
    return described.get("revisionId") or "INITIAL"


def older_runs_line(live: str, under_way: Counter[str], more: bool) -> str | None:
    """Return a line on the runs that use another version than `live`; None if there are none.

    `under_way` and `more` are as `MachineVersions.under_way` returns them.
    """
    older = {number: count for number, count in under_way.items() if number != live}
    if not older:
        return None
    each = ", ".join(
        f"{count} run{'s' if count > 1 else ''} of {f'version {number}' if number else 'no version'}"
        for number, count in older.items()
    )
    among = f" (of the newest {LOOKED_AT})" if more else ""
    return f"runs that keep the definition they began with{among}: {each}"
