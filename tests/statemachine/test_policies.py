"""The configuration and the functions' policies: each stage touches what is its own and nothing else."""

import ast
import json
import re

import pytest

from tests.statemachine.machine import ROOT

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
STAGES = sorted(CONFIG["stages"])
NAMES = {"STORYGATE_BUCKET", "STORYGATE_TABLE", "STORYGATE_SECRET", "STORYGATE_STATE_MACHINE"}
ACTIONS = {
    "api_handler": {
        "secretsmanager:GetSecretValue", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem",
        "states:SendTaskFailure", "states:SendTaskSuccess",
    },
    "api_token_authorizer": {"secretsmanager:GetSecretValue"},
    "start_execution": {"states:StartExecution"},
}  # fmt: skip
LOGS = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
# X-Ray's writes know no resource (service authorization reference, AWS X-Ray): the only statement on everything.
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
# Lambda sends a drop that failed for good to its destination by the function's own role.
KEEPS_FAILURES = {"start_execution": {"sqs:SendMessage"}}
each_function = pytest.mark.parametrize(
    ("stage", "function"), [(stage, name) for stage in STAGES for name in CONFIG["stages"][stage]["lambda_functions"]]
)


def policy(stage: str, function: str) -> dict[str, list[dict[str, object]]]:
    file = CONFIG["stages"][stage]["lambda_functions"][function]["iam_policy_file"]
    return json.loads((ROOT / ".chalice" / file).read_text(encoding="utf-8"))


def test_there_are_three_stages_and_no_policy_is_made_up_by_chalice():
    assert STAGES == ["dev", "local", "prod"]
    assert CONFIG["autogen_policy"] is False


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_names_all_it_needs_and_nothing_of_another_stage(stage):
    variables = CONFIG["stages"][stage]["environment_variables"]
    assert set(variables) >= NAMES
    assert all(variables.values())
    assert not [value for value in variables.values() if value.startswith("arn:")]
    assert not [other for other in STAGES if other != stage and other in json.dumps(variables)]


@pytest.mark.parametrize("stage", STAGES)
def test_each_function_of_the_app_is_configured(stage):
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    own = {
        function.name
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if re.match(r"app\.(authorizer|on_|lambda_function|schedule)", ast.unparse(decorator))
    }
    assert set(CONFIG["stages"][stage]["lambda_functions"]) == own | {"api_handler"} == set(ACTIONS)


def test_no_policy_lies_about_unused():
    used = {function["iam_policy_file"] for stage in CONFIG["stages"].values()
            for function in stage["lambda_functions"].values()}  # fmt: skip
    assert {path.name for path in (ROOT / ".chalice").glob("policy-*.json")} == used


@each_function
def test_a_policy_allows_its_function_what_it_does_and_no_more(stage, function):
    statements = policy(stage, function)["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    needed = ACTIONS[function] | LOGS
    allowed = {action for statement in statements for action in statement["Action"]}
    assert needed <= allowed <= needed | TRACES | KEEPS_FAILURES.get(function, set())


@each_function
def test_a_policy_names_what_is_its_stages_own(stage, function):
    names = CONFIG["stages"][stage]["environment_variables"]
    log = f"{CONFIG['app_name']}-{stage}" + ("" if function == "api_handler" else f"-{function}")
    own = {
        f"arn:aws:secretsmanager:*:*:secret:{names['STORYGATE_SECRET']}-??????",
        f"arn:aws:dynamodb:*:*:table/{names['STORYGATE_TABLE']}",
        f"arn:aws:states:*:*:stateMachine:{names['STORYGATE_STATE_MACHINE']}",
        f"arn:aws:sqs:*:*:{names['STORYGATE_STATE_MACHINE']}-not-started",
        f"arn:aws:logs:*:*:log-group:/aws/lambda/{log}",
        f"arn:aws:logs:*:*:log-group:/aws/lambda/{log}:*",
    }
    for statement in policy(stage, function)["Statement"]:
        if set(statement["Action"]) <= TRACES:
            assert statement["Resource"] == ["*"]
            continue
        assert set(statement["Resource"]) <= own
        services = {action.split(":")[0] for action in statement["Action"]}
        assert {resource.split(":")[2] for resource in statement["Resource"]} == services


@pytest.mark.parametrize("function", ACTIONS)
def test_the_stages_differ_in_their_name_alone(function):
    unnamed = {json.dumps(policy(stage, function)).replace(f"storygate-{stage}", "storygate-STAGE") for stage in STAGES}
    assert len(unnamed) == 1


def test_the_stages_are_configured_alike():
    assert len({json.dumps(CONFIG["stages"][stage]).replace(f"-{stage}", "-STAGE") for stage in STAGES}) == 1
