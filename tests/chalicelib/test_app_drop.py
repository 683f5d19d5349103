"""S3's events on their way through Chalice to Step Functions (by moto)."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.test import Client

from tests.chalicelib.fakes import REGION

CONTEXT = SimpleNamespace(invoked_function_arn=f"arn:aws:lambda:{REGION}:123456789012:function:gate-start_execution")


@pytest.fixture
def drop(cloud: Any) -> Any:
    """Deliver an event; return what Lambda would: the executions' names."""
    return lambda event: cloud.app.start_execution(event, CONTEXT)


@pytest.fixture
def inputs(cloud: Any) -> Any:
    """Return the inputs of all executions by name."""

    def inputs() -> Any:
        machine = cloud.stepfunctions.list_state_machines()["stateMachines"][0]["stateMachineArn"]
        executions = cloud.stepfunctions.list_executions(stateMachineArn=machine)["executions"]
        described = [cloud.stepfunctions.describe_execution(executionArn=one["executionArn"]) for one in executions]
        return {one["name"]: json.loads(one["input"]) for one in described}

    return inputs


def event(*keys: Any, sequencer: Any = "0055AED6DCD90281E5") -> Any:
    records = [{"s3": {"bucket": {"name": "drop-box"}, "object": {"key": key, "sequencer": sequencer}}} for key in keys]
    return {"Records": records}


def test_an_upload_starts_an_execution(drop: Any, inputs: Any) -> None:
    (name,) = drop(event("inputs/release.json"))
    assert inputs() == {name: {"bucket": "drop-box", "key": "inputs/release.json"}}


def test_several_records_start_several_executions(drop: Any, inputs: Any) -> None:
    names = drop(event("inputs/a.json", "inputs/b.json", "inputs/c.json"))
    assert sorted(inputs()) == sorted(names)
    assert len(names) == 3


def test_form_encoded_and_unicode_keys_arrive_as_they_were_uploaded(drop: Any, inputs: Any) -> None:
    drop(event("inputs/gr%C3%B6%C3%9Fe+1%2B1.json", "inputs/%F0%9F%9A%80.json"))
    assert sorted(one["key"] for one in inputs().values()) == ["inputs/größe 1+1.json", "inputs/🚀.json"]


def test_a_redelivered_event_starts_nothing_new(drop: Any, inputs: Any) -> None:
    first = drop(event("inputs/release.json"))
    assert drop(event("inputs/release.json")) == first
    assert len(inputs()) == 1


def test_a_new_upload_to_the_same_key_starts_another_execution(drop: Any, inputs: Any) -> None:
    drop(event("inputs/release.json", sequencer="1"))
    drop(event("inputs/release.json", sequencer="2"))
    assert len(inputs()) == 2


@pytest.mark.parametrize("raw", [{}, {"Service": "Amazon S3", "Event": "s3:TestEvent"}, {"Records": []}])
def test_an_event_without_records_starts_nothing(drop: Any, inputs: Any, raw: bytes) -> None:
    assert drop(raw) == []
    assert inputs() == {}


def test_an_event_as_chalice_itself_writes_it_is_understood(cloud: Any, drop: Any, inputs: Any) -> None:
    generated = Client(cloud.app.app).events.generate_s3_event("drop-box", "inputs/release.json")
    assert drop(generated) == list(inputs())


def test_the_trigger_listens_to_inputs_and_json_alone(cloud: Any) -> None:
    (trigger,) = [source for source in cloud.app.app.event_sources if hasattr(source, "bucket")]
    assert (trigger.bucket, trigger.prefix, trigger.suffix) == (cloud.app.BUCKET, "inputs/", ".json")
