"""States of the local Step Functions assign, choose, wait, retry and catch as AWS's do."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import JitterStrategy
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from localcloud.gaps.registry import filled
from localcloud.gaps.stepfunctions.attempts import Attempts
from tests.localcloud.stepfunctions_cloud import ONCE_MORE_SOON, Cloud, states, task


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


END = {"Type": "Pass", "End": True}


def works(**fields: Any) -> dict[str, Any]:
    """Return a Task that succeeds unless its fields fail."""
    return task("aws-sdk:dynamodb:listTables", {}, **fields)


def fails(cloud: Cloud, **fields: Any) -> dict[str, Any]:
    return task("aws-sdk:s3:getObject", {"Bucket": cloud.bucket, "Key": "missing"}, **fields)


def catch(*errors: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"ErrorEquals": list(errors), "Next": "Caught", **fields}]


def test_assigned_values_are_seen_by_the_next_state_only(cloud: Cloud) -> None:
    first = {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "B"}
    second = works(Assign={"a": "{% $b %}", "b": "{% $a %}"}, Output="{% [$a, $b] %}", Next="C")
    third = {"Type": "Pass", "Output": "{% [$states.input, $a, $b] %}", "End": True}
    assert cloud.output(states(A=first, B=second, C=third)) == [1, 2, 2, 1]


def test_a_rule_that_matches_assigns_by_itself_and_the_default_by_the_state(cloud: Cloud) -> None:
    rule = {"Condition": "{% $states.input.match %}", "Assign": {"by": "rule"}, "Next": "B"}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "B", "Assign": {"by": "default", "also": 1}}
    machine = states(A=choice, B={**END, "Output": "{% [$by, $exists($also)] %}"})
    assert cloud.output(machine, {"match": True}) == ["rule", False]
    assert cloud.output(machine, {"match": False}) == ["default", True]


@pytest.mark.parametrize(
    ("condition", "error"), [("false", "States.NoChoiceMatched"), ("1", "States.QueryEvaluationError")]
)
def test_a_choice_that_cannot_be_made_fails_by_name(cloud: Cloud, condition: str, error: str) -> None:
    rule = {"Condition": f"{{% {condition} %}}", "Next": "B"}
    assert cloud.run(states(A={"Type": "Choice", "Choices": [rule]}, B=END))["error"] == error


def test_a_wait_lasts_as_long_as_its_expression_says(cloud: Cloud) -> None:
    for field, code, seconds in (("Seconds", "1", 1), ("Timestamp", "$fromMillis($millis() + 300)", 0.3)):
        ended = cloud.run(states(A={"Type": "Wait", field: f"{{% {code} %}}", "End": True}))
        assert 0.9 * seconds < (ended["stopDate"] - ended["startDate"]).total_seconds() < 30


@pytest.mark.parametrize(("field", "code"), [("Seconds", "-1"), ("Seconds", "'1'"), ("Timestamp", "'tomorrow'")])
def test_a_wait_for_nonsense_is_a_query_evaluation_error(cloud: Cloud, field: str, code: str) -> None:
    ended = cloud.run(states(A={"Type": "Wait", field: f"{{% {code} %}}", "End": True}))
    assert ended["error"] == "States.QueryEvaluationError"


def test_a_fail_state_may_compute_its_error_and_cause(cloud: Cloud) -> None:
    ended = cloud.run(states(A={"Type": "Fail", "Error": "{% 'Api' & 'Failed' %}", "Cause": "{% $string({'a': 1}) %}"}))
    assert (ended["error"], ended["cause"]) == ("ApiFailed", '{"a":1}')


def test_a_failing_expression_of_a_task_is_retried_and_caught_as_the_tasks_failure(cloud: Cloud) -> None:
    seen = "{% [$states.errorOutput.Error, $states.context.State.RetryCount] %}"
    state = works(Catch=catch("States.TaskFailed", Next="Wrong") + catch("States.ALL", Output=seen))
    state["Retry"] = [{"ErrorEquals": ["States.QueryEvaluationError"], **ONCE_MORE_SOON}]
    executions = [
        cloud.start(cloud.machine(states(A={**state, field: {"Limit": "{% $nothing %}"}}, Caught=END, Wrong=END)))
        for field in ("Arguments", "Assign", "Output")
    ]
    for execution in executions:  # their retries wait at the same time
        assert json.loads(cloud.ended(execution)["output"]) == ["States.QueryEvaluationError", 1]


def test_a_catcher_reads_the_error_the_input_and_the_number_of_retries(cloud: Cloud) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], **ONCE_MORE_SOON}]
    cause = "$contains($states.errorOutput.Cause, 'Service: S3, Status Code: 404')"
    seen = f"{{% [$states.errorOutput.Error, {cause}, $states.input.given, $states.context.State.RetryCount] %}}"
    state = fails(cloud, Retry=retry, Catch=catch("S3.NoSuchKeyException", Assign={"seen": seen}, Output=seen))
    caught = {**END, "Output": "{% [$states.input, $seen] %}"}
    expected = ["S3.NoSuchKeyException", True, "here", 1]
    assert cloud.output(states(A=state, Caught=caught), {"given": "here"}) == expected * 2


def test_retries_wait_longer_each_time_up_to_a_limit_and_jitter_takes_anything_below() -> None:
    retrier = mock.Mock()
    retrier.error_equals.error_names = [mock.Mock(error_name="E")]
    retrier.max_attempts.attempts = 4
    retrier.interval_seconds.seconds = 2
    retrier.backoff_rate.rate = 2.0
    retrier.max_delay_seconds.max_delays_seconds = 5
    state = mock.Mock(retry=mock.Mock(retriers=[retrier]))
    attempts = Attempts(state, mock.Mock())
    assert [attempts.delay("E") for _ in range(5)] == [2.0, 4.0, 5.0, 5.0, None]
    assert attempts.delay("Other") is None
    retrier.jitter_strategy.jitter_strategy = JitterStrategy.FULL
    delays = [Attempts(state, mock.Mock()).delay("E") or 0 for _ in range(200)]
    assert 0 <= min(delays) < 0.5
    assert 1.5 < max(delays) <= 2


def test_only_the_first_retrier_that_matches_counts(cloud: Cloud) -> None:
    none, some = (
        {"ErrorEquals": [name], "MaxAttempts": n} for name, n in (("S3.NoSuchKeyException", 0), ("States.ALL", 9))
    )
    # The second one's waits add up to 511 seconds, more than the test waits for a run.
    assert cloud.run(states(A=fails(cloud, Retry=[none, some])))["error"] == "S3.NoSuchKeyException"


def test_branches_read_outer_variables_and_answer_in_order(cloud: Cloud) -> None:
    branches = [states(**{f"Branch{n}": works(Output=f"{{% $outer & '{n}' & $states.input %}}")}) for n in range(3)]
    parallel = {"Type": "Parallel", "Arguments": "{% $outer %}", "Branches": branches, "End": True}
    first = {"Type": "Pass", "Assign": {"outer": "o"}, "Next": "P"}
    assert cloud.output(states(A=first, P=parallel)) == ["o0o", "o1o", "o2o"]


@pytest.mark.parametrize("broken", ["{% $nothing %}", None])
def test_a_branch_that_fails_fails_its_parallel_under_its_own_name(cloud: Cloud, broken: str | None) -> None:
    bad = {**END, "Output": broken} if broken else {"Type": "Fail", "Error": "States.Http.StatusCode.503", "Cause": "c"}
    slow = {"Type": "Wait", "Seconds": 600, "End": True}
    parallel = {"Type": "Parallel", "Branches": [states(Bad=bad), states(Slow=slow)], "End": True}
    parallel["Catch"] = catch("States.ALL", Output="{% $states.errorOutput.Error %}")
    error = "States.QueryEvaluationError" if broken else "States.Http.StatusCode.503"
    assert cloud.output(states(P=parallel, Caught=END)) == error


def test_a_parallels_output_is_inside_its_catch(cloud: Cloud) -> None:
    parallel = {"Type": "Parallel", "Branches": [states(B=END)], "Output": "{% $nothing %}", "End": True}
    parallel["Catch"] = catch("States.ALL", Output="caught")
    assert cloud.output(states(P=parallel, Caught=END)) == "caught"


def test_states_tasks_and_results_show_in_the_context_as_aws_writes_them(cloud: Cloud) -> None:
    context = cloud.value("$states.context")
    assert context["Execution"]["RedriveCount"] == 0
    for moment in (context["Execution"]["StartTime"], context["State"]["EnteredTime"]):
        assert len(moment) == len("2026-10-01T11:45:35.838Z")
        assert moment.endswith("Z")
    assert "RetryCount" not in context["State"]
    assert cloud.output(states(A=works(Output="{% $states.context.State.RetryCount %}"))) == 0


def test_a_map_still_works(cloud: Cloud) -> None:
    double = {**END, "Output": "{% $states.input * 2 %}"}
    state = {"Type": "Map", "Items": "{% [1, 2, 3] %}", "ItemProcessor": states(Double=double), "End": True}
    assert cloud.output(states(M={**state, "Output": "{% $sum($states.result) %}"})) == 12


def test_a_branch_of_a_run_that_was_stopped_before_does_not_begin(cloud: Cloud) -> None:
    del cloud  # only needed because it fills the gaps
    program, _ = AmazonStateLanguageParser.parse(json.dumps({"QueryLanguage": "JSONata", **states(A=END)}))
    stopped = Environment.__new__(Environment)
    stopped._program_state = ProgramStopped(stop_date=datetime.now(), error=None, cause=None)
    program.eval(stopped)
    assert isinstance(stopped.program_state(), ProgramStopped)
