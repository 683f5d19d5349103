"""Step Functions behaves as measured or documented on AWS, where no other file tests it."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.gaps.registry import filled
from tests.localcloud.stepfunctions_cloud import ONCE_MORE_SOON, Cloud, await_, states, task
from tests.localcloud.test_stepfunctions_tokens import code, waits

END: dict[str, Any] = {"Type": "Pass", "End": True}
BIG = 2**53 + 1


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


def fails(cloud: Cloud, **fields: Any) -> dict[str, Any]:
    return task("aws-sdk:s3:getObject", {"Bucket": cloud.bucket, "Key": "missing"}, **fields)


def refused(cloud: Cloud, **named: Any) -> bool:
    """Return whether a machine is refused when it is saved."""
    try:
        cloud.machine(states(**named))
    except ClientError as error:
        return str(error.response["Error"]["Code"]) == "InvalidDefinition"
    return False


@pytest.mark.parametrize("text", [" {% 1 %}", "{% 1 %} ", "a {% 1 %}", "{% 1", "1 %}"])
def test_an_expression_that_does_not_span_its_string_is_refused(cloud: Cloud, text: str) -> None:
    assert refused(cloud, A={**END, "Output": {"deep": [text]}})
    assert not refused(cloud, A={**END, "Output": "a {% b %} c", "Comment": text})


def test_a_list_of_one_collapses_unless_it_is_in_brackets(cloud: Cloud) -> None:
    given = {"list": [{"v": 1}, {"v": 2}]}
    assert cloud.value("$states.input.list[v = 1].v", given) == 1
    assert cloud.value("[$states.input.list[v = 1].v]", given) == [1]


def test_a_number_that_is_read_is_a_double_and_one_that_only_passes_keeps_its_digits(cloud: Cloud) -> None:
    assert cloud.value("$states.input.n", {"n": BIG}) == BIG - 1
    assert cloud.output(states(A=END), {"n": BIG}) == {"n": BIG}
    assert cloud.value("4 / 2") == 2


def test_a_branch_cannot_assign_an_outer_variable_and_its_own_end_with_it(cloud: Cloud) -> None:
    parallel = {"Type": "Parallel", "Branches": [states(B={**END, "Assign": {"x": 2}})]}
    first = {"Type": "Pass", "Assign": {"x": 1}, "Next": "P"}
    assert cloud.run(states(A=first, P={**parallel, "End": True}))["error"] == "States.Runtime"
    machine = states(P={**parallel, "Next": "Z"}, Z={**END, "Output": "{% $exists($x) %}"})
    assert cloud.output(machine) is False


def test_states_all_stands_alone_and_last(cloud: Cloud) -> None:
    every, one = {"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["S3.NoSuchKeyException"]}
    both = {"ErrorEquals": ["States.ALL", "S3.NoSuchKeyException"]}
    for field, way in (("Retry", {}), ("Catch", {"Next": "B"})):
        for wrong in ([every, one], [every, every], [both]):
            assert refused(cloud, A=fails(cloud, **{field: [{**part, **way} for part in wrong]}), B=END)
        assert not refused(cloud, A=fails(cloud, **{field: [{**part, **way} for part in (one, every)]}), B=END)


def test_states_runtime_is_not_retried(cloud: Cloud) -> None:
    wrong = task("aws-sdk:dynamodb:putItem", {"TableName": cloud.table, "Item": {"id": {"BOOL": True}}})
    wrong["Retry"] = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}]
    assert cloud.run(states(A=wrong))["error"] == "States.Runtime"


def test_a_retriers_attempts_add_up_over_its_errors_and_each_entry_counts_anew(cloud: Cloud) -> None:
    errors = ["S3.NoSuchKeyException", "S3.NoSuchBucketException"]
    bucket = f"{{% $states.context.State.RetryCount % 2 = 0 ? '{cloud.bucket}' : 'no-such-bucket' %}}"
    state = fails(cloud, Retry=[{"ErrorEquals": errors, **ONCE_MORE_SOON}])
    state["Arguments"]["Bucket"] = bucket
    state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Assign": {"again": "{% $not($again) %}"}, "Next": "B"}]
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% $again %}", "Next": "A"}], "Default": "C"}
    machine = states(First={"Type": "Pass", "Assign": {"again": False}, "Next": "A"}, A=state, B=choice, C=END)
    execution = cloud.start(cloud.machine(machine))
    assert cloud.ended(execution)["status"] == "SUCCEEDED"
    events = cloud.states.get_execution_history(executionArn=execution)["events"]
    failed = [event["taskFailedEventDetails"]["error"] for event in events if event["type"] == "TaskFailed"]
    assert failed == errors * 2


def test_an_output_over_256_kib_exceeds_the_data_limit_and_one_below_does_not(cloud: Cloud) -> None:
    for items, error in ((255, None), (257, "States.DataLimitExceeded")):
        text = f"{{% $join($map([1..{items}], function($i) {{ $pad('', 1024, 'x') }})) %}}"
        assert cloud.run(states(A={**END, "Output": text})).get("error") == error


def test_a_heartbeat_that_nobody_sends_is_a_timeout(cloud: Cloud) -> None:
    catch = [{"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"}]
    executions = [
        cloud.start(cloud.machine(states(A=waits(cloud, HeartbeatSeconds=seconds, Catch=catch), Wrong=END)))
        for seconds in (1, "{% 1 %}")
    ]
    assert [cloud.ended(execution).get("error") for execution in executions] == ["States.Timeout"] * 2


def test_a_wait_that_timed_out_is_retried_with_a_new_token(cloud: Cloud) -> None:
    retry = [{"ErrorEquals": ["States.Timeout"], **ONCE_MORE_SOON}]
    seconds = "{% $states.context.State.RetryCount = 0 ? 1 : 600 %}"
    execution = cloud.start(cloud.machine(states(A=waits(cloud, Retry=retry, TimeoutSeconds=seconds))))
    first = cloud.token(execution)
    second = await_(lambda: (token := cloud.token(execution)) != first and token)
    assert code(cloud.states.send_task_success, taskToken=first, output="1") == "TaskTimedOut"
    cloud.states.send_task_success(taskToken=second, output="2")
    assert cloud.ended(execution)["output"] == "2"


def test_the_optimised_put_takes_no_token(cloud: Cloud) -> None:
    put = {"TableName": cloud.table, "Item": {"id": {"S": "{% $states.context.Task.Token %}"}}}
    assert refused(cloud, A=task("dynamodb:putItem.waitForTaskToken", put))
    assert not refused(cloud, A=task("dynamodb:putItem", put))


def test_an_object_is_written_as_text_unless_its_type_is_told(cloud: Cloud) -> None:
    for key, told in (("text", {}), ("json", {"ContentType": "application/json"})):
        where = {"Bucket": cloud.bucket, "Key": key}
        cloud.output(states(A=task("aws-sdk:s3:putObject", {**where, "Body": {"a": 1}, **told})))
        written = cloud.s3.head_object(**where)["ContentType"]
        assert written.startswith(told.get("ContentType", "text/plain"))


def test_names_of_executions_have_80_characters_at_most_and_no_special_ones(cloud: Cloud) -> None:
    machine = cloud.machine(states(A=END))

    def start(name: str) -> str:
        return code(cloud.states.start_execution, stateMachineArn=machine, name=name)

    assert [start("x" * 80), start("A-b_9")] == ["ok", "ok"]
    assert start("x" * 81) == "ValidationException"
    assert {start(f"a{letter}b") for letter in ' <>{}[]?*"#%\\^|~`$&,;:/\n'} == {"InvalidName"}


def test_inputs_and_answers_have_262144_bytes_at_most(cloud: Cloud) -> None:
    machine = cloud.machine(states(A=waits(cloud)))
    long, most = json.dumps("x" * 262_143), json.dumps("x" * 262_142)
    start = cloud.states.start_execution
    assert code(start, stateMachineArn=machine, input=long) == "ValidationException"
    execution = start(stateMachineArn=machine, input=most)["executionArn"]
    token = cloud.token(execution)
    assert code(cloud.states.send_task_success, taskToken=token, output=long) == "ValidationException"
    assert code(cloud.states.send_task_success, taskToken=token, output="1") == "ok"


def test_a_failure_has_256_characters_of_error_and_32768_of_cause_at_most(cloud: Cloud) -> None:
    execution = cloud.start(cloud.machine(states(A=waits(cloud))))
    error, cause = "é" * 256, "é" * 32_768
    fail = functools.partial(cloud.states.send_task_failure, taskToken=cloud.token(execution))
    assert code(fail, error=error + "é", cause=cause) == "ValidationException"
    assert code(fail, error=error, cause=cause + "é") == "ValidationException"
    assert code(fail, error=error, cause=cause) == "ok"
    ended = cloud.ended(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", error, cause)
