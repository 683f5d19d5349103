"""A callback that died after it wrote the verdict, and a run that was stopped: the deployed sweep mends and tidies."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.entries import Entries, Verdict
from tests.e2e.conftest import SECONDS, Command, Local


@pytest.fixture
def entries(local: Local) -> Entries:
    return Entries(local.cloud.client("dynamodb"), local.deployment.stage.table)


def awaited(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"waited {SECONDS:g} s"
        time.sleep(0.1)


def start(local: Local, entries: Entries, story: str) -> str:
    """Start a run, and return its name once it waits."""
    request = json.dumps({"jiraStoryId": story, "packageIds": ["pkg-001"]})
    machine = local.cloud.client("stepfunctions")
    arn = machine.start_execution(stateMachineArn=local.context.machine_arn, name=story, input=request)["executionArn"]
    awaited(lambda: entries.read(story).waiting)
    return str(arn)


@pytest.mark.usefixtures("alone")
def test_the_sweep_gives_the_verdict_of_a_callback_that_died_and_forgets_a_stopped_run(
    local: Local, entries: Entries, storygate: Command
) -> None:
    mended, stopped = (start(local, entries, story) for story in ("SWEEP-1", "SWEEP-2"))
    machine = local.cloud.client("stepfunctions")
    now = time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())
    entries.record("SWEEP-1", Verdict("approved", now, now, "Done", "Ada Marlow"))  # and then the callback died
    machine.stop_execution(executionArn=stopped)
    swept = storygate("sweep", "--json")
    assert swept.code == 0, swept.err
    assert (swept.json["mended"], swept.json["left"]) == (["SWEEP-1"], 0)
    assert swept.json["waiting"] == 2
    assert list(swept.json) == ["waiting", "mended", "asked", "decided", "left", "errors"]
    awaited(lambda: machine.describe_execution(executionArn=mended)["status"] == "SUCCEEDED")
    assert storygate("results", "SWEEP-1", "--json").json["decision"]["actor"] == "Ada Marlow"
    assert entries.read("SWEEP-2").waiting == []


def test_the_sweep_is_scheduled_every_five_minutes(local: Local) -> None:
    events, function = local.cloud.client("events"), local.deployment.stage.sweep
    targets = {
        rule["ScheduleExpression"]: target["Arn"]
        for rule in events.list_rules()["Rules"]
        if "ScheduleExpression" in rule
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    }
    assert targets["rate(5 minutes)"].endswith(f":function:{function}")
