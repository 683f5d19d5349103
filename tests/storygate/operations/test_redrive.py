"""Drops that started nothing get their runs: each its own version, each once, whatever interrupts it."""

import json
from functools import partial
from typing import Any

import boto3
import pytest

from chalicelib.drop import execution_name
from storygate.operations.redrive_drops import Redriven
from storygate.operations.redrive_drops import redrive_drops as redrive_drops_of
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from tests.storygate.conftest import KEYS, REGION

DEFINITION = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
UPLOADED = {"eventTime": "2026-03-01T11:59:58.250Z", "userIdentity": {"principalId": "AWS:AROA:ada"}}


redrive_drops = partial(redrive_drops_of, look=0)  # moto really waits


@pytest.fixture
def queue(context: Context, stage: Stage) -> Any:
    """Puts messages as Lambda does: the record of an invocation that failed for good."""
    sqs, states = context.client("sqs"), context.client("stepfunctions")
    url = sqs.create_queue(QueueName=stage.queue)["QueueUrl"]
    states.create_state_machine(
        name=stage.state_machine, definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/any"
    )

    def put(*records: Any, body: str | None = None) -> None:
        record = {"version": "1.0", "requestPayload": {"Records": list(records)}, "responsePayload": None}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record) if body is None else body)

    return put


def record(context: Context, key: str, version: str, bucket: str | None = None) -> dict[str, Any]:
    object_ = {"key": key, "versionId": version}
    return {"s3": {"bucket": {"name": bucket or context.stage.bucket}, "object": object_}, **UPLOADED}


def inputs(context: Context) -> dict[str, Any]:
    states, machine = context.client("stepfunctions"), context.machine_arn
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    runs = [run for page in pages for run in page["executions"]]
    return {
        run["name"]: json.loads(states.describe_execution(executionArn=run["executionArn"])["input"]) for run in runs
    }


def test_each_drop_gets_its_own_version_and_the_triggers_name_and_counts_from_the_runs_start(
    context: Context, queue: Any
) -> None:
    bucket = context.stage.bucket
    queue(record(context, "inputs/a+b.json", "v1"))
    queue(record(context, "inputs/a+b.json", "v2"), record(context, "inputs/c.json", "v9"))
    done = redrive_drops(context)
    names = [
        execution_name(bucket, key, version) for key, version in (("inputs/a b.json", "v1"), ("inputs/c.json", "v9"))
    ]
    assert set(names) < set(done.started)
    assert (len(done.started), done.existed, done.errors, done.left) == (3, [], [], 0)
    assert inputs(context)[names[0]] == {
        "bucket": bucket, "key": "inputs/a b.json", "versionId": "v1", "startedBy": "AWS:AROA:ada",
    }  # fmt: skip
    assert redrive_drops(context) == Redriven()


def test_more_than_one_call_returns_are_all_taken(context: Context, queue: Any) -> None:
    for number in range(25):
        queue(record(context, f"inputs/{number}.json", "v1"))
    shown: list[tuple[str, bool]] = []
    done = redrive_drops(context, lambda name, new: shown.append((name, new)))
    assert len(done.started) == len(inputs(context)) == 25
    assert shown == [(name, True) for name in done.started]


def test_a_drop_whose_run_exists_starts_nothing(context: Context, queue: Any) -> None:
    dropped = record(context, "inputs/a.json", "v1")
    name = execution_name(context.stage.bucket, "inputs/a.json", "v1")
    context.client("stepfunctions").start_execution(stateMachineArn=context.machine_arn, name=name, input="{}")
    queue(dropped)
    assert redrive_drops(context).existed == [name]
    assert inputs(context) == {name: {}}


class Broken(Exception):
    """The power went out."""


@pytest.mark.parametrize("call", ["start_execution", "delete_message"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_interrupted_anywhere_and_run_again_at_once_every_drop_has_one_run(
    context: Context, queue: Any, call: str, after: int
) -> None:
    for number in range(3):
        queue(record(context, f"inputs/{number}.json", "v1"))
    calls = 0

    def make(service: str) -> Any:
        client = boto3.client(service, region_name=REGION)
        if hasattr(client, call):
            original = getattr(client, call)

            def breaking(**arguments: Any) -> Any:
                nonlocal calls
                calls += 1
                answer = original(**arguments)
                if calls == after + 1:
                    raise Broken
                return answer

            setattr(client, call, breaking)
        return client

    with pytest.raises(Broken):
        redrive_drops(Context(context.project, context.stage, Aws(make, REGION, KEYS)))
    done = redrive_drops(context)
    assert done.left == 0
    assert len(inputs(context)) == 3


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"requestPayload": {"Records": []}}', '{"requestPayload": {"Records": [{}]}}']
)
def test_what_is_no_drop_stays_in_the_queue_and_holds_nothing_up(context: Context, queue: Any, body: str) -> None:
    queue(body=body or "no JSON")
    queue(record(context, "inputs/a.json", "v1", bucket="another"))
    queue(record(context, "inputs/a.json", "v1"))
    done = redrive_drops(context)
    assert len(done.started) == 1
    assert [error.partition(": ")[2] for error in sorted(done.errors, key=len)] == [
        "its drop is in bucket another",
        "it holds no S3 event of a drop",
    ]
    assert done.left == 2


def test_a_stage_without_the_queue_or_the_machine_is_not_deployed(context: Context, stage: Stage) -> None:
    with pytest.raises(OperatorError, match="no queue"):
        redrive_drops(context)
    sqs = context.client("sqs")
    url = sqs.create_queue(QueueName=stage.queue)["QueueUrl"]
    body = json.dumps({"requestPayload": {"Records": [record(context, "inputs/a.json", "v1")]}})
    sqs.send_message(QueueUrl=url, MessageBody=body)
    with pytest.raises(OperatorError, match="is not deployed"):
        redrive_drops(context)
    assert sqs.receive_message(QueueUrl=url)["Messages"], "the drop is back in the queue at once"
