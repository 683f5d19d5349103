"""How executions end is announced, and a deleted state machine waits for its executions to end."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.gaps.registry import filled
from tests.localcloud.conftest import Bare
from tests.localcloud.stepfunctions_cloud import ROLE, Cloud, await_, states
from tests.localcloud.test_stepfunctions_tokens import code, waits

END: dict[str, Any] = {"Type": "Pass", "End": True}
FAILS = {"Type": "Fail", "Error": "Wrong", "Cause": "by intention"}
LONG = {"Type": "Wait", "Seconds": 600, "End": True}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def heard(cloud: Cloud) -> Callable[[str, int], list[dict[str, Any]]]:
    """A function that returns the first so many events about an execution, by their time of sending."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="ends")["QueueUrl"]
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [{"prefix": "arn:aws:states:"}]}}
    events.put_rule(Name="ends", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:ends"}])
    found: list[dict[str, Any]] = []

    def hear(execution: str, count: int) -> list[dict[str, Any]]:
        def about() -> list[dict[str, Any]] | None:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
            mine = [event for event in found if event["detail"]["executionArn"] == execution]
            return mine if len(mine) >= count else None

        events: list[dict[str, Any]] = await_(about)
        return events

    return hear


def test_an_execution_announces_its_start_and_its_success_with_the_fields_of_its_description(
    cloud: Cloud, heard: Callable[..., list[dict[str, Any]]]
) -> None:
    machine = cloud.machine(states(A=END))
    execution = cloud.start(machine, {"n": 1})
    described = cloud.ended(execution)
    began, ended = heard(execution, 2)
    assert began["detail"] | {"status": "SUCCEEDED"} == ended["detail"] | {
        "stopDate": None,
        "output": None,
        "outputDetails": None,
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
    }
    assert {name: ended[name] for name in ("source", "detail-type", "resources", "region")} == {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "resources": [execution],
        "region": "us-east-1",
    }
    assert ended["detail"] == {
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": execution.rsplit(":", 1)[1],
        "status": "SUCCEEDED",
        "startDate": int(described["startDate"].timestamp() * 1000),
        "stopDate": int(described["stopDate"].timestamp() * 1000),
        "input": '{"n": 1}',
        "output": '{"n":1}',
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        "inputDetails": {"included": True},
        "outputDetails": {"included": True},
        "error": None,
        "cause": None,
    }


def test_each_other_end_is_announced_once_with_its_error(
    cloud: Cloud, heard: Callable[..., list[dict[str, Any]]]
) -> None:
    failed = cloud.start(cloud.machine(states(A=FAILS)))
    timed_out = cloud.start(cloud.machine({**states(A=LONG), "TimeoutSeconds": 1}))
    stopped = cloud.start(cloud.machine(states(A=LONG)))
    await_(lambda: cloud.path(stopped))
    cloud.states.stop_execution(executionArn=stopped, error="Stop", cause="enough")
    for execution in (failed, timed_out, stopped):
        cloud.ended(execution)
    ends = [heard(execution, 2)[1]["detail"] for execution in (failed, stopped, timed_out)]
    assert [(end["status"], end["error"], end["cause"]) for end in ends] == [
        ("FAILED", "Wrong", "by intention"),
        ("ABORTED", "Stop", "enough"),
        ("TIMED_OUT", None, None),
    ]
    assert {end["redriveStatus"] for end in ends} == {"REDRIVABLE"}
    assert [len(heard(execution, 2)) for execution in (failed, timed_out, stopped)] == [2, 2, 2]


def test_an_input_that_is_too_large_for_an_event_is_left_out(
    cloud: Cloud, heard: Callable[..., list[dict[str, Any]]]
) -> None:
    execution = cloud.start(cloud.machine(states(A={**END, "Output": {}})), "x" * 250 * 1024)
    began, _ = heard(execution, 2)
    assert (began["detail"]["input"], began["detail"]["inputDetails"]) == (None, {"included": False})


def test_a_deleted_machine_without_running_executions_is_gone(cloud: Cloud) -> None:
    machine = cloud.machine(states(A=END))
    cloud.ended(cloud.start(machine))
    cloud.states.delete_state_machine(stateMachineArn=machine)
    assert code(cloud.states.describe_state_machine, stateMachineArn=machine) == "StateMachineDoesNotExist"
    assert code(cloud.states.delete_state_machine, stateMachineArn=machine) == "ok"


def test_an_execution_that_waits_for_a_token_keeps_its_deleted_machine_until_it_is_stopped(cloud: Cloud) -> None:
    name, machine = "kept", states(A=waits(cloud))
    definition = json.dumps({**machine, "QueryLanguage": "JSONata"})
    create = {"name": name, "definition": definition, "roleArn": ROLE}
    arn = cloud.states.create_state_machine(**create)["stateMachineArn"]
    execution = cloud.start(arn)
    cloud.token(execution)
    cloud.states.delete_state_machine(stateMachineArn=arn)
    assert cloud.states.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
    refused = [
        code(cloud.states.create_state_machine, **create),
        code(cloud.states.start_execution, stateMachineArn=arn),
        code(cloud.states.update_state_machine, stateMachineArn=arn, roleArn=ROLE),
    ]
    assert refused == ["StateMachineDeleting"] * 3
    assert cloud.states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    cloud.states.stop_execution(executionArn=execution)
    assert code(cloud.states.describe_state_machine, stateMachineArn=arn) == "StateMachineDoesNotExist"
    assert code(cloud.states.create_state_machine, **create) == "ok"


def test_an_execution_of_a_deleted_machine_ends_at_its_next_transition(
    cloud: Cloud, heard: Callable[..., list[dict[str, Any]]]
) -> None:
    machine = cloud.machine(states(A=waits(cloud, Next="B"), B=END))
    execution = cloud.start(machine)
    token = cloud.token(execution)
    cloud.states.delete_state_machine(stateMachineArn=machine)
    cloud.states.send_task_success(taskToken=token, output="{}")
    assert heard(execution, 2)[1]["detail"]["status"] == "ABORTED"
    await_(lambda: code(cloud.states.describe_state_machine, stateMachineArn=machine) == "StateMachineDoesNotExist")


def test_moto_still_deletes_a_machine_at_once(bare_moto: Bare) -> None:
    client = bare_moto.client("stepfunctions")
    definition = json.dumps(states(A=END))
    arn = client.create_state_machine(name="bare", definition=definition, roleArn=ROLE)["stateMachineArn"]
    client.start_execution(stateMachineArn=arn)  # plain moto's runs for ever
    client.delete_state_machine(stateMachineArn=arn)
    assert code(client.describe_state_machine, stateMachineArn=arn) == "StateMachineDoesNotExist"
