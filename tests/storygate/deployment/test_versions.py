"""Which definition the runs that go on began with."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storygate.deployment.machine_versions import LOOKED_AT, MachineVersions, older_runs_line
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context
from tests.storygate.conftest import KEYS, REGION


class Sts:
    """STS for a caller who may describe state machines."""

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ann"}


class StepFunctions:
    """A state machine with versions (number -> revision, None for the first) and runs (their revisions)."""

    class exceptions:
        class ResourceNotFound(Exception):
            pass

        class StateMachineDoesNotExist(Exception):
            pass

    def __init__(self, versions: Any, runs: Any, live: Any = None) -> None:
        self.versions, self.runs, self.live = versions, runs, live
        self.calls: list[str] = []

    def describe_state_machine_alias(self, stateMachineAliasArn: Any) -> dict[str, Any]:
        machine, _, name = stateMachineAliasArn.rpartition(":")
        if name != "live" or self.live is None:
            raise self.exceptions.ResourceNotFound
        return {"routingConfiguration": [{"stateMachineVersionArn": f"{machine}:{self.live}", "weight": 100}]}

    def list_state_machine_versions(self, stateMachineArn: Any, maxResults: Any) -> dict[str, Any]:
        assert maxResults == 1000, "the API's largest page"
        listed = sorted(self.versions, key=int, reverse=True)
        return {
            "stateMachineVersions": [{"stateMachineVersionArn": f"{stateMachineArn}:{number}"} for number in listed]
        }

    def describe_state_machine(self, stateMachineArn: Any) -> Any:
        number = stateMachineArn.rpartition(":")[2]
        self.calls.append(number)
        revision = self.versions[number]
        return {"revisionId": revision} if revision else {}

    def describe_state_machine_for_execution(self, executionArn: Any) -> Any:
        self.calls.append("run")
        revision = self.runs[int(executionArn.rpartition(":")[2])]
        return {"revisionId": revision} if revision else {}

    def get_paginator(self, _: Any) -> Any:
        return self

    def paginate(self, **_: Any) -> Iterator[Any]:
        listed = [
            {"executionArn": f"arn:aws:states:r:1:execution:m:{n}", "name": n, "status": "RUNNING", "startDate": n}
            for n in range(len(self.runs))
        ]
        yield {"executions": listed}


@pytest.fixture
def versions(project: Path, stage: Stage) -> Any:
    def of(client: Any) -> Any:
        return MachineVersions(
            Context(project, stage, Aws({"stepfunctions": client, "sts": Sts()}.__getitem__, REGION, KEYS))
        )

    return of


def test_live_is_the_number_that_the_alias_names(versions: Any) -> None:
    assert versions(StepFunctions({"3": "c"}, [], live="3")).live() == "3"
    assert versions(StepFunctions({}, [])).live() is None


def test_runs_are_counted_by_the_version_of_their_revision(versions: Any) -> None:
    client = StepFunctions({"1": None, "2": "b", "3": "c"}, ["c", "b", None, "b", "deleted"], live="3")
    counted, more = versions(client).under_way()
    assert (dict(counted), more) == ({"3": 1, "2": 2, "1": 1, "": 1}, False)


def test_versions_older_than_any_run_are_not_asked_for(versions: Any) -> None:
    client = StepFunctions({str(number): f"r{number}" for number in range(1, 50)}, ["r49", "r48"])
    versions(client).under_way()
    assert client.calls == ["run", "run", "49", "48"]


def test_of_many_runs_the_newest_hundred_are_looked_at(versions: Any) -> None:
    client = StepFunctions({"1": "a"}, ["a"] * (LOOKED_AT + 5))
    counted, more = versions(client).under_way()
    assert (dict(counted), more) == ({"1": LOOKED_AT}, True)


@pytest.mark.parametrize(
    ("counted", "more", "line"),
    [
        ({}, False, None),
        ({"3": 5}, False, None),
        ({"3": 5, "2": 1}, False, "runs that keep the definition they began with: 1 run of version 2"),
        (
            {"2": 2, "": 1},
            True,
            "runs that keep the definition they began with (of the newest 100): "
            "2 runs of version 2, 1 run of no version",
        ),
    ],
)
def test_only_runs_of_older_definitions_are_listed(counted: Any, more: Any, line: Any) -> None:
    assert older_runs_line("3", Counter(counted), more) == line
