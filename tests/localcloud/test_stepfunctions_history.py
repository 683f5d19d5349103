"""Histories and definitions of the local Step Functions are as LocalStack recorded them on AWS."""

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from localcloud.gaps.registry import filled
from tests.localcloud.stepfunctions_cloud import ONCE_MORE_SOON, Cloud, states, task
from tests.localcloud.test_stepfunctions_tokens import code

END: dict[str, Any] = {"Type": "Pass", "End": True}
UNDEFINED = "{% $states.input.nothing %}"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


def ended(cloud: Cloud, *, language: str = "JSONata", given: Any = None, **named: Any) -> list[dict[str, Any]]:
    """Run a machine of these states to its end and return its history."""
    execution = cloud.start(cloud.machine(states(**named), language), given)
    cloud.ended(execution)
    events: list[dict[str, Any]] = cloud.states.get_execution_history(executionArn=execution)["events"]
    return events


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


FAILING = {
    "Output/a/result": {**END, "Output": {"a": {"result": UNDEFINED}}},
    "Output": {**END, "Output": UNDEFINED},
    "Assign/x": {**END, "Assign": {"x": UNDEFINED}},
    "Assign/x/y": {**END, "Assign": {"x": {"y": UNDEFINED}}},
    "Arguments/TableName": task("aws-sdk:dynamodb:describeTable", {"TableName": UNDEFINED}),
    "TimeoutSeconds": task("aws-sdk:dynamodb:listTables", {}, TimeoutSeconds=UNDEFINED),
    "Items": {"Type": "Map", "Items": UNDEFINED, "ItemProcessor": states(I=END), "End": True},
}


@pytest.mark.parametrize("location", FAILING)
def test_a_failed_expression_names_state_and_field_and_follows_the_predecessor_of_the_entering(
    cloud: Cloud, location: str
) -> None:
    events = ended(cloud, First={"Type": "Pass", "Next": "Second"}, Second=FAILING[location])
    entered, failed = events[3], next(event for event in events if event["type"] == "EvaluationFailed")
    assert (entered["id"], entered["previousEventId"], failed["previousEventId"]) == (4, 3, 3)
    prefix = "An error occurred while executing the state 'Second' (entered at the event id #4). "
    cause = (
        f"{prefix}The JSONata expression '$states.input.nothing' specified for the field '{location}' "
        "returned nothing (undefined)."
    )
    assert failed["evaluationFailedEventDetails"] == {
        "error": "States.QueryEvaluationError",
        "cause": cause,
        "state": "Second",
        "location": location,
    }
    assert events[-1]["executionFailedEventDetails"] == {"error": "States.QueryEvaluationError", "cause": cause}


def test_a_failed_expression_of_a_wait_follows_the_entering(cloud: Cloud) -> None:
    events = ended(cloud, A={"Type": "Wait", "Seconds": "{% 'soon' %}", "End": True})
    failed = events[2]
    assert (failed["type"], failed["previousEventId"]) == ("EvaluationFailed", 2)
    assert failed["evaluationFailedEventDetails"]["location"] == "Seconds"


@pytest.mark.parametrize("items", ["1", "'text'", '{"a": 1}', "$sum"])
def test_items_that_are_no_array_are_one_failed_expression_and_one_failed_map(cloud: Cloud, items: str) -> None:
    state = {"Type": "Map", "Items": f"{{% {items} %}}", "ItemProcessor": states(I=END), "End": True}
    assert kinds(ended(cloud, M=state))[2:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]


def test_a_map_is_tried_again_and_its_output_is_inside_its_catch(cloud: Cloud) -> None:
    failing = {"Type": "Map", "Items": [1], "ItemProcessor": states(I={**END, "Output": UNDEFINED}), "End": True}
    failing["Retry"] = [{"ErrorEquals": ["States.ALL"], **ONCE_MORE_SOON}]
    events = kinds(ended(cloud, M=failing))
    assert (events.count("MapStateStarted"), events.count("MapStateFailed")) == (2, 1)
    caught = {"Type": "Map", "Items": [1], "ItemProcessor": states(I=END), "Output": UNDEFINED, "End": True}
    caught["Catch"] = [{"ErrorEquals": ["States.ALL"], "Output": "caught", "Next": "C"}]
    assert cloud.output(states(M=caught, C=END)) == "caught"


def test_a_parallel_that_is_tried_again_has_failed_only_when_no_retry_is_left(cloud: Cloud) -> None:
    parallel = {"Type": "Parallel", "Branches": [states(F={"Type": "Fail", "Error": "E"})], "End": True}
    parallel["Retry"] = [{"ErrorEquals": ["E"], **ONCE_MORE_SOON}]
    events = kinds(ended(cloud, P=parallel))
    assert (events.count("ParallelStateStarted"), events.count("ParallelStateFailed")) == (2, 1)


def test_states_of_branches_that_stand_when_one_fails_are_aborted(cloud: Cloud) -> None:
    fails = task("aws-sdk:s3:getObject", {"Bucket": cloud.bucket, "Key": "missing"})
    waits = {"Type": "Wait", "Seconds": 600, "End": True}
    events = ended(cloud, P={"Type": "Parallel", "Branches": [states(W=waits), states(Bad=fails)], "End": True})
    number_of = {event["type"]: event["id"] for event in events}
    previous_of = {event["type"]: event["previousEventId"] for event in events}
    assert kinds(events)[-4:] == ["WaitStateAborted", "TaskStateAborted", "ParallelStateFailed", "ExecutionFailed"]
    assert previous_of["WaitStateAborted"] == number_of["WaitStateEntered"]
    assert previous_of["TaskStateAborted"] == previous_of["ParallelStateFailed"] == number_of["TaskFailed"]


def test_a_timestamp_path_to_no_timestamp_is_a_runtime_error(cloud: Cloud) -> None:
    state = {"Type": "Wait", "TimestampPath": "$.until", "End": True}
    for until in ("tomorrow", "2026-01-01T00:00:00"):
        events = ended(cloud, language="JSONPath", given={"until": until}, A=state)
        assert kinds(events) == ["ExecutionStarted", "WaitStateEntered", "ExecutionFailed"]
        details = events[-1]["executionFailedEventDetails"]
        assert details["error"] == "States.Runtime"
        assert details["cause"].endswith(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            f"$.until == {until}"
        )


def test_a_literal_text_in_assign_is_what_its_json_says(cloud: Cloud) -> None:
    text = 'a "quoted" \\ text\nof two lines 😀'
    first = {"Type": "Pass", "Assign": {"text": text, "deep": {"list": [text]}}, "Next": "B"}
    machine = states(A=first, B={**END, "Output": "{% [$text, $deep.list] %}"})
    assert cloud.output(machine) == [text, text]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$x", {"list": [{"n": 1}, {"n": 2}], "name": "é"}),
        ("$x.list[1]", {"n": 2}),
        ("$x.list[*].n", [1, 2]),
        ("$x.list[?(@.n==2)].n", [2]),
        ("$x.list[0:1]", [{"n": 1}]),
        ("States.Format('{}!', $x.name)", "é!"),
    ],
)
def test_states_in_jsonpath_read_variables_by_paths_and_in_functions(cloud: Cloud, path: str, value: object) -> None:
    first = {"Type": "Pass", "Assign": {"x": {"list": [{"n": 1}, {"n": 2}], "name": "é"}}, "Next": "B"}
    ended = cloud.run(states(A=first, B={**END, "Parameters": {"value.$": path}}), language="JSONPath")
    assert ended["output"] == {"value": value}


@pytest.mark.parametrize("path", ["$nothing", "$x.nothing"])
def test_a_variable_without_a_value_is_a_runtime_error_in_jsonpath(cloud: Cloud, path: str) -> None:
    first = {"Type": "Pass", "Assign": {"x": {}}, "Next": "B"}
    ended = cloud.run(states(A=first, B={**END, "Parameters": {"value.$": path}}), language="JSONPath")
    assert ended["error"] == "States.Runtime"


@pytest.mark.parametrize("broken", ["{% 1 + %}", '{% $eval("1") %}'])
def test_a_refused_definition_changes_nothing_for_the_next_ones(cloud: Cloud, broken: str) -> None:
    def saved(definition: dict[str, Any]) -> str:
        arguments = {"name": f"m{len(broken)}-{id(definition)}", "roleArn": "arn:aws:iam::123456789012:role/machine"}
        return code(cloud.states.create_state_machine, definition=json.dumps(definition), **arguments)

    assert saved({"QueryLanguage": "JSONata", **states(A={**END, "Output": broken})}) == "InvalidDefinition"
    assert saved(states(A={**END, "Parameters": {"a.$": "$.b"}})) == "ok"
    assert saved(states(A={**END, "Output": "{% 1 %}"})) == "InvalidDefinition"


def test_a_definition_is_validated_without_being_saved(cloud: Cloud) -> None:
    good = states(A={**END, "Next": "B"})
    del good["States"]["A"]["End"]
    answers = [
        cloud.states.validate_state_machine_definition(definition=json.dumps(definition))
        for definition in (states(A=END), good)
    ]
    assert [(answer["result"], len(answer["diagnostics"])) for answer in answers] == [("OK", 0), ("FAIL", 1)]
    assert "B" in answers[1]["diagnostics"][0]["message"]


def test_a_name_is_taken_by_the_machine_that_has_it(cloud: Cloud) -> None:
    role = "arn:aws:iam::123456789012:role/machine"
    machine = {"name": "taken", "definition": json.dumps(states(A=END)), "roleArn": role}
    assert cloud.states.create_state_machine(**machine) == cloud.states.create_state_machine(**machine) | {
        "ResponseMetadata": mock.ANY
    }
    for other in ({"definition": json.dumps(states(B=END))}, {"roleArn": f"{role}2"}, {"type": "EXPRESS"}):
        assert code(cloud.states.create_state_machine, **{**machine, **other}) == "StateMachineAlreadyExists"
