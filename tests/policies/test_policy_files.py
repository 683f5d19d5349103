"""Compare the policy files with their table, and check that each stage reaches its own resources only."""

import ast
import json
import re
from typing import Any

import pytest

from storygate.stage import policies
from tests import ROOT
from tests.policies.permissions import Need
from tests.policies.policies import allows

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
STAGES = sorted(CONFIG["stages"])
NAMES = {"STORYGATE_BUCKET", "STORYGATE_TABLE", "STORYGATE_SECRET", "STORYGATE_STATE_MACHINE"}
ACTIONS = {
    "api_handler": {
        "secretsmanager:GetSecretValue", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem",
        "states:SendTaskSuccess", "lambda:InvokeFunction",
    },
    "sweep": {
        "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem", "states:SendTaskSuccess",
        "states:ListExecutions", "states:DescribeExecution", "secretsmanager:GetSecretValue", "dynamodb:GetItem",
        "s3:GetObject", "s3:GetObjectVersion",
    },
    "run_status": {"secretsmanager:GetSecretValue", "dynamodb:PutItem", "s3:GetObject", "s3:GetObjectVersion"},
    "api_token_authorizer": {"secretsmanager:GetSecretValue"},
    "start_execution": {"states:StartExecution"},
}  # fmt: skip
LOGS = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
# X-Ray's writes know no resource (service authorization reference, AWS X-Ray): the only statement on `*`.
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
# Lambda sends an event that failed for good to its destination with the permissions of the function's role.
KEEPS_FAILURES = {"start_execution": {"sqs:SendMessage"}}
each_function = pytest.mark.parametrize(
    ("stage", "function"), [(stage, name) for stage in STAGES for name in CONFIG["stages"][stage]["lambda_functions"]]
)


def policy(stage: str, function: str) -> Any:
    file = CONFIG["stages"][stage]["lambda_functions"][function]["iam_policy_file"]
    return json.loads((ROOT / ".chalice" / file).read_text(encoding="utf-8"))


def test_the_files_are_those_of_the_table() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / ".chalice").glob("policy-*.json")}
    assert written == policies.files(CONFIG), "run: make policies"


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_a_policy_fits_every_partition(partition: str) -> None:
    def allowed(resource: str) -> bool:
        need = Need("api_handler", "dynamodb:Query", f"arn:{partition}:dynamodb:here-1:123456789012:{resource}")
        return allows([policy("dev", "api_handler")], need)

    assert allowed("table/storygate-dev")
    assert not allowed("table/storygate-prod")


def test_there_are_three_stages_and_no_policy_is_made_up_by_chalice() -> None:
    assert STAGES == ["dev", "local", "prod"]
    assert CONFIG["autogen_policy"] is False


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_names_all_it_needs_and_nothing_of_another_stage(stage: str) -> None:
    variables = CONFIG["stages"][stage]["environment_variables"]
    assert set(variables) >= NAMES
    assert all(variables.values())
    assert not [value for value in variables.values() if value.startswith("arn:")]
    assert not [other for other in STAGES if other != stage and other in json.dumps(variables)]


@pytest.mark.parametrize("stage", STAGES)
def test_each_function_of_the_app_is_configured(stage: str) -> None:
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    own = {
        function.name
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if re.match(r"app\.(authorizer|on_|lambda_function|schedule)", ast.unparse(decorator))
    }
    assert set(CONFIG["stages"][stage]["lambda_functions"]) == own | {"api_handler"} == set(ACTIONS)


@each_function
def test_a_policy_allows_its_function_what_it_does_and_no_more(stage: str, function: str) -> None:
    statements = policy(stage, function)["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    needed = ACTIONS[function] | LOGS
    allowed = {action for statement in statements for action in statement["Action"]}
    assert needed <= allowed <= needed | TRACES | KEEPS_FAILURES.get(function, set())


@each_function
def test_a_policy_names_what_is_its_stages_own(stage: str, function: str) -> None:
    names = CONFIG["stages"][stage]["environment_variables"]
    log = f"{CONFIG['app_name']}-{stage}" + ("" if function == "api_handler" else f"-{function}")
    own = {
        f"arn:*:secretsmanager:*:*:secret:{names['STORYGATE_SECRET']}-??????",
        f"arn:*:secretsmanager:*:*:secret:{names['STORYGATE_SECRET']}-jira-??????",
        f"arn:*:s3:::{names['STORYGATE_BUCKET']}/inputs/*",
        f"arn:*:s3:::{names['STORYGATE_BUCKET']}/outputs/*",
        f"arn:*:dynamodb:*:*:table/{names['STORYGATE_TABLE']}",
        f"arn:*:dynamodb:*:*:table/{names['STORYGATE_TABLE']}/index/waiting",
        f"arn:*:lambda:*:*:function:{CONFIG['app_name']}-{stage}-sweep",
        f"arn:*:states:*:*:execution:{names['STORYGATE_STATE_MACHINE']}:*",
        f"arn:*:states:*:*:stateMachine:{names['STORYGATE_STATE_MACHINE']}",
        f"arn:*:sqs:*:*:{names['STORYGATE_STATE_MACHINE']}-not-started",
        f"arn:*:logs:*:*:log-group:/aws/lambda/{log}",
        f"arn:*:logs:*:*:log-group:/aws/lambda/{log}:*",
    }
    for statement in policy(stage, function)["Statement"]:
        if set(statement["Action"]) <= TRACES:
            assert statement["Resource"] == ["*"]
            continue
        assert set(statement["Resource"]) <= own
        services = {action.split(":")[0] for action in statement["Action"]}
        assert {resource.split(":")[2] for resource in statement["Resource"]} == services


@pytest.mark.parametrize("function", ACTIONS)
def test_the_stages_differ_in_their_name_alone(function: str) -> None:
    unnamed = {json.dumps(policy(stage, function)).replace(f"storygate-{stage}", "storygate-STAGE") for stage in STAGES}
    assert len(unnamed) == 1


LOCAL_ONLY = {"STORYGATE_JIRA_SITE", "STORYGATE_RUN_URL"}  # this machine's Jira and console


def test_the_stages_are_configured_alike_but_for_their_jira() -> None:
    def unnamed(stage: str) -> str:
        own = CONFIG["stages"][stage]
        variables = {name: value for name, value in own["environment_variables"].items() if name not in LOCAL_ONLY}
        return json.dumps(own | {"environment_variables": variables}).replace(f"-{stage}", "-STAGE")

    assert len(set(map(unnamed, STAGES))) == 1


def test_nobody_but_the_sweep_and_the_status_function_reads_jiras_credentials() -> None:
    for stage in STAGES:
        readers = {name for name in ACTIONS if "-jira-" in json.dumps(policy(stage, name))}
        assert readers == {"sweep", "run_status"}
