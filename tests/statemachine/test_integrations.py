"""Check the calls of AWS services by botocore's models: arguments, fields of results, names of errors."""

import re
from typing import Any

import pytest
from sfnx.integrations import sdk_error

from tests.statemachine.machine import GET, HTTP, PUT, READ, WAIT, all_states
from tests.statemachine.sdk import has_result_field, misspelled

SDK_TASKS = {
    name: state for name, state in all_states() if state["Type"] == "Task" and state["Resource"] != HTTP
}  # fmt: skip
SERVICES = {"S3": "s3", "DynamoDb": "dynamodb"}
# An error of the Java SDK itself, for a service that was not reached; no service's model lists it.
OF_THE_SDK = {"SdkClientException"}
OF_STEP_FUNCTIONS = re.compile(
    r"States\.(ALL|TaskFailed|Timeout|QueryEvaluationError|DataLimitExceeded|Http\.Socket|Http\.StatusCode\.[45]\d\d)"
)


def errors_named() -> set[str]:
    return {
        error
        for _, state in all_states()
        for key in ("Retry", "Catch")
        for way in state.get(key, [])
        for error in way["ErrorEquals"]
    }


@pytest.mark.parametrize("name", [name for name, state in SDK_TASKS.items() if isinstance(state["Arguments"], dict)])
def test_arguments_are_spelled_as_the_java_sdk_spells_them(name: str) -> None:
    # ReadInput builds its arguments in one expression; they are checked in every run, as all the others are once more.
    assert misspelled(SDK_TASKS[name]["Resource"], SDK_TASKS[name]["Arguments"]) == ""


def test_the_only_arguments_not_checked_here_are_those_of_the_read() -> None:
    assert [name for name, state in SDK_TASKS.items() if isinstance(state["Arguments"], str)] == ["ReadInput"]
    assert {state["Resource"] for state in SDK_TASKS.values()} == {GET, PUT, READ, WAIT}


@pytest.mark.parametrize(
    ("resource", "wrong", "report"),
    [
        (READ, {"TableName": "t", "Key": {"story": {"s": "PROJ-1"}}}, "not Java's: s"),
        (READ, {"TableName": "t", "Key": {"flag": {"BOOL": True}}}, "not Java's: BOOL"),
        (READ, {"TableName": "t"}, 'Missing required parameter in input: "Key"'),
        (READ, {"TableName": "t", "Key": {}, "consistentRead": True}, "not Java's: consistentRead"),
        (WAIT, {"TransactItems": [{"Put": {"Item": {}, "TableName": "t", "item": {}}}]}, "not Java's: item"),
        (WAIT, {"TransactItems": [{"Put": {"Item": {"n": {"N": 1}}, "TableName": "t"}}]}, "Invalid type"),
        (WAIT, {"TransactItems": {}}, "Invalid type"),
        (WAIT, {"ClientRequestToken": ""}, "Invalid length"),
        (PUT, {"Bucket": "b", "key": "k"}, 'Missing required parameter in input: "Key"'),
        (GET, {"Bucket": "b", "Key": "k", "VersionID": "v"}, "not Java's: VersionID"),
    ],
)
def test_a_misspelled_argument_would_be_noticed(resource: str, wrong: Any, report: str) -> None:
    assert report in misspelled(resource, wrong)


@pytest.mark.parametrize("resource", [READ, WAIT])
def test_attribute_values_are_spelled_s_n_and_bool(resource: str) -> None:
    values = {"s": {"S": "x"}, "n": {"N": "1"}, "b": {"Bool": True}, "ss": {"Ss": ["x"]}}
    key = {"TableName": "t", "Key": values}
    assert misspelled(resource, key if resource == READ else {"TransactItems": [{"ConditionCheck": {
        **key, "ConditionExpression": "c"}}]}) == ""  # fmt: skip


@pytest.mark.parametrize("name", sorted(SDK_TASKS))
def test_the_result_fields_read_exist(name: str) -> None:
    state = SDK_TASKS[name]
    if state["Resource"].endswith(".waitForTaskToken"):
        return  # its result is what SendTaskSuccess sent
    code = str(state.get("Assign", {}))
    paths = re.findall(r"\$states\.result\.([\w.]+)", code)
    for variable, path in re.findall(r"\$(\w+) := \$states\.result\.([\w.]+)", code):
        paths += [f"{path}.{rest}" for rest in re.findall(rf"\${variable}\.([\w.]+)", code)]
    assert bool(paths) == (name in ("ReadInput", "ReadVerdict"))
    assert [path for path in paths if not has_result_field(state["Resource"], path.split("."))] == []


def test_a_result_field_that_does_not_exist_would_be_noticed() -> None:
    assert has_result_field(READ, ["Item", "decision", "S"])
    assert not has_result_field(READ, ["Item", "decision", "String"])
    assert not has_result_field(READ, ["Items"])
    assert not has_result_field(GET, ["body"])


@pytest.mark.parametrize("error", sorted(error for error in errors_named() if error.split(".")[0] in SERVICES))
def test_an_error_caught_or_retried_is_one_that_the_service_has(error: str) -> None:
    service, name = error.split(".")
    assert name in OF_THE_SDK or sdk_error(SERVICES[service], name) == error


def test_an_error_of_no_service_is_one_of_step_functions() -> None:
    others = {error for error in errors_named() if error.split(".")[0] not in SERVICES}
    others.remove("NoReleaseApi")  # what a stage without a release API catches in place of the timeout
    assert [error for error in others if not OF_STEP_FUNCTIONS.fullmatch(error)] == []
