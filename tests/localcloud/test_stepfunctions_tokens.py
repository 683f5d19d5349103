"""Task tokens and executions in the local Step Functions behave as AWS's do."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.eval.environment import Environment

from localcloud.gaps.registry import filled
from tests.localcloud.stepfunctions_cloud import Cloud, await_, states, task


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


def waits(cloud: Cloud, condition: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a Task that writes its token under the execution's name, in a transaction, and waits."""
    item = {"id": {"S": "{% $states.context.Execution.Name %}"}, "token": {"S": "{% $states.context.Task.Token %}"}}
    entries = [{"Put": {"TableName": cloud.table, "Item": item}}, *(condition or [])]
    arguments = {"TransactItems": entries, "ClientRequestToken": "{% $uuid() %}"}
    timeout = {"TimeoutSeconds": "{% $exists($states.input.seconds) ? $states.input.seconds : 600 %}"}
    return task("aws-sdk:dynamodb:transactWriteItems.waitForTaskToken", arguments, **{**timeout, **fields})


@pytest.fixture(scope="module")
def waiting(cloud: Cloud) -> str:
    return cloud.machine(states(A=waits(cloud)))


def code(call: Callable[..., Any], **arguments: Any) -> str:
    """Return the error code of a failed call, or "ok"."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


def test_the_task_gives_what_send_task_success_sent(cloud: Cloud, waiting: str) -> None:
    execution = cloud.start(waiting)
    cloud.states.send_task_success(taskToken=cloud.token(execution), output='{"decision": "approved"}')
    assert json.loads(cloud.ended(execution)["output"]) == {"decision": "approved"}


def test_the_task_fails_as_send_task_failure_says(cloud: Cloud, waiting: str) -> None:
    execution = cloud.start(waiting)
    cloud.states.send_task_failure(taskToken=cloud.token(execution), error="Rejected", cause="by them")
    ended = cloud.ended(execution)
    assert (ended["error"], ended["cause"]) == ("Rejected", "by them")


def test_the_simple_put_takes_a_token_too(cloud: Cloud) -> None:
    item = {"id": {"S": "{% $states.context.Execution.Name %}"}, "token": {"S": "{% $states.context.Task.Token %}"}}
    state = task("aws-sdk:dynamodb:putItem.waitForTaskToken", {"TableName": cloud.table, "Item": item})
    execution = cloud.start(cloud.machine(states(A=state)))
    cloud.states.send_task_success(taskToken=cloud.token(execution), output="1")
    assert cloud.ended(execution)["output"] == "1"


def test_of_answers_sent_at_the_same_instant_exactly_one_is_taken(cloud: Cloud, waiting: str) -> None:
    for _ in range(5):
        execution = cloud.start(waiting)
        token = cloud.token(execution)
        instant = threading.Barrier(8)

        def send(number: int, token: str = token, instant: threading.Barrier = instant) -> str:
            instant.wait(10)
            if number % 2:
                return code(cloud.states.send_task_failure, taskToken=token, error=f"E{number}")
            return code(cloud.states.send_task_success, taskToken=token, output=str(number))

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        taken = answers.index("ok")
        assert sorted(answers) == ["TaskTimedOut"] * 7 + ["ok"]
        ended = cloud.ended(execution)
        assert ended.get("error", ended.get("output")) == (f"E{taken}" if taken % 2 else str(taken))
        assert code(cloud.states.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"


def test_a_wait_ends_at_its_timeout_and_closes_its_token(cloud: Cloud, waiting: str) -> None:
    execution = cloud.start(waiting, {"seconds": 1})
    token = cloud.token(execution)
    ended = cloud.ended(execution)
    assert ended["error"] == "States.Timeout"
    assert 0.9 < (ended["stopDate"] - ended["startDate"]).total_seconds() < 30
    assert code(cloud.states.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"


def test_a_retried_wait_has_a_new_token(cloud: Cloud) -> None:
    retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "JitterStrategy": "FULL"}]
    execution = cloud.start(cloud.machine(states(A=waits(cloud, Retry=retry))))
    first = cloud.token(execution)
    cloud.states.send_task_failure(taskToken=first, error="Again")
    second = await_(lambda: (token := cloud.token(execution)) != first and token)
    assert code(cloud.states.send_task_success, taskToken=first, output="1") == "TaskTimedOut"
    cloud.states.send_task_success(taskToken=second, output="2")
    assert cloud.ended(execution)["output"] == "2"


def test_unknown_tokens_and_broken_outputs_are_refused(cloud: Cloud, waiting: str) -> None:
    assert code(cloud.states.send_task_success, taskToken="made up", output="{}") == "InvalidToken"
    assert code(cloud.states.send_task_failure, taskToken="made up") == "InvalidToken"
    execution = cloud.start(waiting)
    token = cloud.token(execution)
    assert code(cloud.states.send_task_success, taskToken=token, output="{") == "InvalidOutput"
    cloud.states.stop_execution(executionArn=execution)


def test_a_transaction_that_fails_is_not_waited_for(cloud: Cloud) -> None:
    cloud.dynamodb.put_item(TableName=cloud.table, Item={"id": {"S": "decided"}})
    check = {
        "TableName": cloud.table,
        "Key": {"id": {"S": "decided"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    catch = [{"ErrorEquals": ["DynamoDb.TransactionCanceledException"], "Output": "decided before", "Next": "B"}]
    state = waits(cloud, [{"ConditionCheck": check}], Catch=catch)
    assert cloud.output(states(A=state, B={"Type": "Succeed"})) == "decided before"


def test_stopping_ends_a_wait_at_once_and_keeps_the_reason(cloud: Cloud, waiting: str) -> None:
    execution = cloud.start(waiting)
    token = cloud.token(execution)
    cloud.states.stop_execution(executionArn=execution, error="Stopped", cause="by an operator")
    ended = cloud.states.describe_execution(executionArn=execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Stopped", "by an operator")
    assert code(cloud.states.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"


def test_the_reason_is_kept_also_if_the_run_ends_before_the_call_that_stops_it(
    cloud: Cloud, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Environment.set_stop

    def stop_and_let_the_run_end(env: Any, **reason: Any) -> None:
        stop(env, **reason)
        if env.is_frame():  # its Task ends only when the whole run is stopped
            return
        await_(lambda: cloud.states.describe_execution(executionArn=execution)["status"] != "RUNNING")

    monkeypatch.setattr(Environment, "set_stop", stop_and_let_the_run_end)
    execution = cloud.start(waiting)
    cloud.token(execution)
    cloud.states.stop_execution(executionArn=execution, error="Stopped", cause="by an operator")
    ended = cloud.states.describe_execution(executionArn=execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Stopped", "by an operator")


@pytest.mark.parametrize("seconds", [600, "{% 600 %}"])
def test_a_run_that_is_stopped_while_a_task_begins_has_a_history_that_can_be_read(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, seconds: Any
) -> None:
    evaluate = StateTask._eval_parameters

    def evaluate_and_stop(task: Any, env: Any) -> Any:
        evaluated = evaluate(task, env)
        run = env.states.context_object.context_object_data["Execution"]["Id"]
        cloud.states.stop_execution(executionArn=run, error="Stopped")
        return evaluated

    monkeypatch.setattr(StateTask, "_eval_parameters", evaluate_and_stop)
    before = {"Type": "Pass", "Output": ["a list"], "Next": "A"}
    machine = cloud.machine({**states(B=before, A=waits(cloud, TimeoutSeconds=seconds)), "StartAt": "B"})
    execution = cloud.start(machine)
    assert cloud.ended(execution)["status"] == "ABORTED"
    assert cloud.path(execution) == ["B", "A"]


def test_a_machines_own_timeout_ends_a_wait(cloud: Cloud) -> None:
    execution = cloud.start(cloud.machine({**states(A=waits(cloud)), "TimeoutSeconds": 1}))
    token = cloud.token(execution)
    ended = cloud.ended(execution)
    assert ended["status"] == "TIMED_OUT"
    assert ended["stopDate"] >= ended["startDate"]
    assert code(cloud.states.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"


def test_a_name_starts_one_execution(cloud: Cloud, waiting: str) -> None:
    def start(given: str = "{}") -> str:
        return code(cloud.states.start_execution, stateMachineArn=waiting, name="once", input=given)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: start(), range(8))) == ["ok"] * 8
    listed = cloud.states.list_executions(stateMachineArn=waiting)["executions"]
    (execution,) = [found["executionArn"] for found in listed if found["name"] == "once"]
    assert start('{"other": 1}') == "ExecutionAlreadyExists"
    cloud.states.send_task_success(taskToken=cloud.token(execution), output="{}")
    cloud.ended(execution)
    assert start() == "ExecutionAlreadyExists"
    assert code(cloud.states.start_execution, stateMachineArn=waiting, name="not a name") == "InvalidName"


def test_the_history_tells_the_path_with_times_forwards_and_backwards(cloud: Cloud) -> None:
    branches = [states(Left={"Type": "Pass", "End": True}), states(Right={"Type": "Pass", "End": True})]
    parallel = {"Type": "Parallel", "Branches": branches, "Next": "Last"}
    execution = cloud.start(cloud.machine(states(P=parallel, Last={"Type": "Succeed"})))
    cloud.ended(execution)
    path = cloud.path(execution)
    assert (path[0], sorted(path[1:3]), path[3]) == ("P", ["Left", "Right"], "Last")
    events = cloud.states.get_execution_history(executionArn=execution)["events"]
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    for backwards, whole in ((False, events), (True, events[::-1])):
        pages = cloud.states.get_paginator("get_execution_history").paginate(
            executionArn=execution, reverseOrder=backwards, PaginationConfig={"PageSize": 5}
        )
        found = [page["events"] for page in pages]
        assert [event for page in found for event in page] == whole
        assert {len(page) for page in found[:-1]} == {5}


def test_thirty_executions_with_three_branches_each_run_at_once(cloud: Cloud) -> None:
    branches = [states(**{f"B{n}": task("aws-sdk:dynamodb:listTables", {}, Output=n)}) for n in range(3)]
    parallel = {"Type": "Parallel", "Branches": branches, "Next": "A"}
    machine = cloud.machine(states(P=parallel, A=waits(cloud)))
    begun = time.monotonic()
    executions = [cloud.start(machine) for _ in range(30)]
    for execution in executions:
        cloud.states.send_task_success(taskToken=cloud.token(execution), output="{}")
    assert {cloud.ended(execution)["status"] for execution in executions} == {"SUCCEEDED"}
    assert time.monotonic() - begun < 60


def test_two_states_of_one_name_and_ways_to_nowhere_are_refused(cloud: Cloud) -> None:
    end = {"Type": "Pass", "End": True}
    twice = states(A={"Type": "Parallel", "Branches": [states(A=end)], "End": True})
    for machine in (twice, states(A={"Type": "Pass", "Next": "Nowhere"})):
        with pytest.raises(ClientError, match="InvalidDefinition"):
            cloud.machine(machine)
