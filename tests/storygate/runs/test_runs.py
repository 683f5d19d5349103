"""Runs are found by name or ARN; the error for an unknown one names the stage and the command that lists its runs."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storygate.operations.retry_run import new_name
from storygate.runs.executions import Run, Runs, name_of
from storygate.runs.result_files import no_result
from storygate.runs.run_rows import rows_of
from storygate.runs.waits import remove_entry, waiting_among, waiting_for
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.own_command import command_line
from tests.decision_table import make_table
from tests.storygate.conftest import KEYS, REGION

DEFINITION = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'


@pytest.fixture
def context(project: Path, stage: Stage, aws: Aws) -> Any:
    """A stage whose state machine runs nothing: moto only keeps books of executions here."""
    aws.client("stepfunctions").create_state_machine(
        name=stage.state_machine, definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/x"
    )
    aws.client("s3").create_bucket(Bucket=stage.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    make_table(aws.client("dynamodb"), stage.table)
    return Context(project, stage, aws)


def start(context: Context, name: str, story: str = "PROJ-1") -> Any:
    return Runs(context).start(name, json.dumps({"jiraStoryId": story, "packageIds": ["a"]}))


def wait(context: Context, name: str, story: str = "PROJ-1", token: Any = "token-1") -> None:  # noqa: S107
    item = {"story": {"S": story}, "entry": {"S": f"WAIT#{name}"}, "taskToken": {"S": token}}
    context.client("dynamodb").put_item(TableName=context.stage.table, Item=item)


def test_a_name_and_its_arn_are_the_same_run(context: Context) -> None:
    arn = start(context, "a")
    assert Runs(context).arn("a") == Runs(context).arn(arn) == arn
    assert name_of(arn) == name_of("a") == "a"
    assert Runs(context).describe(arn)["name"] == Runs(context).describe("a")["name"] == "a"


def test_an_unknown_run_is_reported_with_the_stage_and_the_list(context: Context) -> None:
    with pytest.raises(OperatorError, match="Stage dev has no run nope") as caught:
        Runs(context).describe("nope")
    assert command_line("list --stage dev") in caught.value.hint


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:states:eu-west-1:123456789012:execution:storygate-prod:a",
        "arn:aws:states:us-east-1:123456789012:execution:storygate-dev:a",
    ],
)
def test_an_arn_of_another_stage_or_region_is_not_taken(context: Context, arn: Any) -> None:
    with pytest.raises(OperatorError, match="is not a run of stage dev"):
        Runs(context).arn(arn)


def test_a_stage_that_is_not_deployed_says_so(project: Path, stage: Stage, aws: Aws) -> None:
    with pytest.raises(OperatorError, match="Stage dev is not deployed here") as caught:
        list(Runs(Context(project, stage, aws)).latest())
    assert "deploy --stage dev" in caught.value.hint


def test_a_stage_without_runs_names_the_command_that_starts_one(context: Context) -> None:
    with pytest.raises(OperatorError, match="Stage dev has no runs") as caught:
        Runs(context).newest()
    assert "start FILE --stage dev" in caught.value.hint


class Sts:
    """STS for a caller who may list executions."""

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Account": "123456789012", "Arn": "arn:aws:sts::123456789012:assumed-role/release/ann"}


class Listing:
    """ListExecutions as AWS sorts it: running ones by their start, the others by their end."""

    class exceptions:
        StateMachineDoesNotExist = ZeroDivisionError

    def __init__(self, running: Any, ended: Any) -> None:
        self.running, self.ended = running, ended

    def get_paginator(self, _operation: Any) -> Any:
        return self

    def paginate(self, *, stateMachineArn: Any, PaginationConfig: Any, statusFilter: Any = None) -> Any:
        del stateMachineArn, PaginationConfig
        return [{"executions": self.running if statusFilter else self.ended + self.running}]


def listed(name: str, started: Any, ended: Any = None) -> dict[str, Any]:
    day = {"startDate": datetime(2026, 1, started, tzinfo=UTC)}
    status = "FAILED" if ended else "RUNNING"
    stop = {"stopDate": datetime(2026, 1, ended, tzinfo=UTC)} if ended else {}
    return {"executionArn": f"arn:{name}", "name": name, "status": status, **day, **stop}


@pytest.mark.parametrize(
    ("running", "ended", "newest"),
    [
        ([listed("r", 5)], [listed("e", 1, 9)], "r"),
        ([listed("r", 5)], [listed("e", 6, 9)], "e"),
        ([], [listed("e", 1, 9)], "e"),
    ],
)
def test_the_newest_run_is_the_one_that_started_last(
    project: Path, stage: Stage, running: Any, ended: Any, newest: Any
) -> None:
    context = Context(
        project, stage, Aws({"stepfunctions": Listing(running, ended), "sts": Sts()}.__getitem__, REGION, KEYS)
    )
    assert Runs(context).newest().name == newest


def test_running_waiting_and_cancelled_runs_are_distinguished_without_reading_a_token(context: Context) -> None:
    for name in ("going", "waiting", "stopped"):
        start(context, name)
    wait(context, "waiting", token="secret-token")
    Runs(context).stop("stopped", "no")
    rows = {row["execution"]: row for row in rows_of(context, list(Runs(context).latest()))}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "going": "running",
        "waiting": "waiting",
        "stopped": "cancelled",
    }
    assert {row["story"] for row in rows.values()} == {"PROJ-1"}
    assert rows["stopped"]["endedAt"] is not None
    assert "secret-token" not in str(rows)


def test_the_row_of_an_ended_run_comes_from_its_result_only(context: Context) -> None:
    asked = {"packageIds": ["a", "b"], "metadata": {"environment": "production"}, "startedBy": "AWS:X:ann"}
    body = json.dumps({"jiraStoryId": "PROJ-7", "outcome": "timed_out"} | asked)
    context.client("s3").put_object(Bucket=context.stage.bucket, Key="outputs/e/result.json", Body=body)
    run = Run("arn", "e", "FAILED", datetime.now(UTC), datetime.now(UTC))
    (row,) = rows_of(context, [run])
    assert (row["story"], row["outcome"]) == ("PROJ-7", "timed_out")
    assert (row["packages"], row["environment"], row["startedBy"]) == (2, "production", "AWS:X:ann")


def test_more_than_a_hundred_waiting_runs_are_found(context: Context) -> None:
    names = [f"run-{number}" for number in range(120)]
    for name in names:
        wait(context, name)
    asked = dict.fromkeys([*names, "other"], "PROJ-1")
    assert waiting_among(context.client("dynamodb"), context.stage.table, asked) == set(names)
    assert waiting_among(context.client("dynamodb"), context.stage.table, {}) == set()


def test_those_that_wait_for_a_story_are_its_own_and_no_more_than_asked_for(context: Context) -> None:
    for name, story in (("a", "PROJ-1"), ("b", "PROJ-1"), ("c", "PROJ-10")):
        wait(context, name, story)
    other = {"story": {"S": "PROJ-1"}, "entry": {"S": "STORY"}}
    context.client("dynamodb").put_item(TableName=context.stage.table, Item=other)
    assert waiting_for(context.client("dynamodb"), context.stage.table, "PROJ-1", 9) == ["a", "b"]
    assert waiting_for(context.client("dynamodb"), context.stage.table, "PROJ-1", 1) == ["a"]


def test_only_the_runs_own_entry_is_removed(context: Context) -> None:
    wait(context, "a")
    wait(context, "b")
    assert remove_entry(context.client("dynamodb"), context.stage.table, "PROJ-1", "a")
    assert not remove_entry(context.client("dynamodb"), context.stage.table, "PROJ-1", "a")
    assert waiting_among(context.client("dynamodb"), context.stage.table, {"a": "PROJ-1", "b": "PROJ-1"}) == {"b"}


class TokenChanges:
    """DynamoDB in which the run begins another wait between the read and the delete."""

    def __init__(self, client: Any, context: Context) -> None:
        self._client, self._context = client, context
        self.exceptions = client.exceptions

    def get_item(self, **arguments: Any) -> Any:
        answer = self._client.get_item(**arguments)
        wait(self._context, "a", token="token-2")
        return answer

    def delete_item(self, **arguments: Any) -> Any:
        return self._client.delete_item(**arguments)


def test_an_entry_with_a_newer_token_stays(context: Context) -> None:
    wait(context, "a", token="token-1")
    assert not remove_entry(TokenChanges(context.client("dynamodb"), context), context.stage.table, "PROJ-1", "a")
    assert waiting_among(context.client("dynamodb"), context.stage.table, {"a": "PROJ-1"}) == {"a"}


def test_why_there_is_no_result_is_said(context: Context) -> None:
    start(context, "a")
    assert "no result yet: it has been running for" in no_result(context, "a").message
    assert "watch a --stage dev" in no_result(context, "a").hint
    Runs(context).stop("a", "wrong packages")
    assert "was stopped at" in no_result(context, "a").message
    assert "writes no files" in no_result(context, "a").message
    assert "retry a --stage dev" in no_result(context, "a").hint


def test_a_retry_of_a_retry_has_a_name_that_fits() -> None:
    once = new_name("x" * 80)
    twice = new_name(once)
    assert len(once) == len(twice) == 80
    assert once != twice
    assert new_name(new_name("approved-0123456789abcdef")).count("-retry-") == 1
