"""From a mock to a real API, and a release API: URLs and connections in the configuration, no byte of the workflow."""

import json
from typing import Any

import pytest

from storygate.cost.usage import bill_of
from storygate.operations.called_apis import read_apis
from storygate.operations.cancel_run import cancel_run
from storygate.operations.send_verdict import send_verdict, webhook
from storygate.operations.try_credentials import try_credentials
from storygate.runs.executions import Runs
from storygate.runs.history import History, await_run, follow
from storygate.runs.result_files import read_result
from storygate.stage.definition import DEFINITION
from storygate.support.patience import Patience
from tests import ROOT
from tests.storygate.deployment.conftest import PATIENCE, TOKEN, Moved, PackagesApi

BEFORE = ("FindInput", "InputIsValid", "CallApis", "CallValidation", "CallDeployment", "CallNotification")
DECIDED = (*BEFORE, "ApisSucceeded", "WaitForStory", "VerdictCounts")
RED = ("WriteLog", "WriteResult", "NotApproved")
RUNS: dict[str, dict[str, Any]] = {  # run -> verdict, what the release API answers, outcome, and the states at its end
    "released": {
        "verdict": "approved", "answer": "success", "outcome": "approved",
        "path": ("CallRelease", "ReleaseEnded", "WriteApprovedLog", "WriteApprovedResult"),
    },
    "unreleased": {
        "verdict": "approved", "answer": "failed", "outcome": "release_failed",
        "path": ("CallRelease", "ReleaseEnded", *RED),
    },
    "taken-back": {
        "verdict": "rejected", "answer": "success", "outcome": "rejected",
        "path": ("CallRollback", "ReleaseEnded", *RED),
    },
    "left-there": {
        "verdict": "rejected", "answer": "failed", "outcome": "rejected",
        "path": ("CallRollback", "ReleaseEnded", "RollbackFailed", *RED),
    },
}  # fmt: skip


def test_the_real_api_gets_its_own_credentials_and_all_the_contract_names(moved: Moved, real: PackagesApi) -> None:
    first, second = real.received_at("/validate", "real")
    for attempt, request in enumerate((first, second)):
        assert request["headers"]["x-api-key"] == TOKEN
        assert "authorization" not in request["headers"]
        assert request["headers"]["idempotency-key"] == "real-validation"
        assert request["headers"]["x-attempt"] == str(attempt)
        assert request["headers"]["content-type"] == "application/json"
        assert request["body"] == {
            "jiraStoryId": "PROJ-1",
            "packageIds": ["pkg-001"],
            "metadata": {"team": "a"},
            "action": "validate",
        }
    answer = moved.result["apis"]["validation"]
    assert (answer["status"], answer["statusCode"], answer["attempts"]) == ("success", 200, 2)
    assert answer["response"]["checkedBy"] == "packages"


def test_its_mock_is_not_called_and_the_others_are(moved: Moved) -> None:
    assert sorted(moved.called) == ["/mock/deployment", "/mock/notification"]
    assert moved.result["outcome"] == "timed_out"  # it went all the way to the wait


def test_not_a_byte_of_the_workflow_changes(moved: Moved) -> None:
    before, after = moved.definitions
    assert before == after
    assert len(after) == 1
    assert (moved.context.project / DEFINITION).read_bytes() == (ROOT / DEFINITION).read_bytes()


def test_a_run_under_way_keeps_the_definition_it_began_with_and_deploy_says_so(moved: Moved, real: PackagesApi) -> None:
    client = moved.cloud.client("stepfunctions")
    kept = client.describe_state_machine_for_execution(executionArn=moved.begun)["definition"]
    assert real.url not in kept
    assert "/mock/validation" in kept
    alias = client.describe_execution(executionArn=moved.begun)["stateMachineArn"] + ":live"
    routes = client.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]
    live = client.describe_state_machine(stateMachineArn=routes[0]["stateMachineVersionArn"])["definition"]
    assert real.url in live
    assert "version 2 is live" in moved.told
    assert "runs that keep the definition they began with: 1 run of version 1" in moved.told


def test_the_role_may_call_the_real_api_with_its_connection_and_no_longer_the_mock(
    moved: Moved, real: PackagesApi
) -> None:
    resources = moved.cloud.client("cloudformation").describe_stack_resources(
        StackName=moved.deployment.stage.workflow_stack
    )["StackResources"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    policy = moved.cloud.client("iam").get_role_policy(RoleName=ids["Role"], PolicyName="workflow")["PolicyDocument"]
    statements = {statement["Sid"]: statement for statement in policy["Statement"]}
    endpoints = statements["CallTheApis"]["Condition"]["StringEquals"]["states:HTTPEndpoint"]
    assert {f"{real.url}/validate", f"{real.url}/release"} <= set(endpoints)
    assert not [endpoint for endpoint in endpoints if endpoint.endswith("/mock/validation")]
    assert moved.connection in statements["UseTheConnections"]["Resource"]
    secrets = statements["ReadTheConnectionsSecrets"]["Resource"]
    assert [arn for arn in secrets if arn.endswith(":secret:events!connection/packages-validation/*")]
    names = {entry["Name"] for entry in moved.cloud.client("events").list_connections()["Connections"]}
    assert names == {"packages-validation", "storygate-local-deployment", "storygate-local-notification"}


def test_the_token_is_nowhere_in_the_result_the_history_or_the_stack(moved: Moved) -> None:
    client = moved.cloud.client("stepfunctions")
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:real"
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    stack = moved.cloud.client("cloudformation").describe_stacks(StackName=moved.deployment.stage.workflow_stack)
    seen = [moved.result, *(page["events"] for page in pages), stack["Stacks"]]
    assert TOKEN not in json.dumps(seen, default=str)


def start(moved: Moved, name: str, number: int, answer: str) -> History:
    """Start a run; its story is PROJ-<number>."""
    request = {"jiraStoryId": f"PROJ-{number}", "packageIds": ["pkg-001"], "metadata": {"release": answer}}
    Runs(moved.context).start(name, json.dumps(request))
    history = History(moved.context.client("stepfunctions"), Runs(moved.context).arn(name))
    assert await_run(history, PATIENCE)
    return history


def await_that(history: History, known: str) -> None:
    """Follow a run until its history knows this."""
    assert follow(history, Patience(PATIENCE), lambda _: None, until=lambda: getattr(history, known) is not None)


def decide(moved: Moved, history: History, number: int, verdict: str) -> None:
    """Decide the story once the run waits for it."""
    await_that(history, "waiting_since")
    answer = send_verdict(moved.context, webhook(moved.context, f"PROJ-{number}", verdict, message=None))
    assert json.loads(answer.text)["resumed"]


@pytest.fixture(scope="module")
def ended(moved: Moved) -> dict[str, History]:
    """Every way at the same time."""
    histories = {name: start(moved, name, 100 + n, way["answer"]) for n, (name, way) in enumerate(RUNS.items())}
    for number, (name, way) in enumerate(RUNS.items(), 100):
        decide(moved, histories[name], number, way["verdict"])
    for history in histories.values():
        await_that(history, "end")
    return histories


@pytest.mark.parametrize("name", RUNS)
def test_each_way_after_the_verdict_has_its_path_its_call_and_its_result(
    name: str, moved: Moved, real: PackagesApi, ended: dict[str, History]
) -> None:
    way = RUNS[name]
    assert tuple(ended[name].path) == (*DECIDED, *way["path"])
    result = read_result(moved.context.client("s3"), moved.deployment.stage.bucket, name) or {}
    assert (result["outcome"], result["apis"]["release"]["status"]) == (way["outcome"], way["answer"])
    (call,) = real.received_at("/release", name)
    action = "release" if way["verdict"] == "approved" else "rollback"
    assert (call["body"]["action"], call["body"]["decision"]) == (action, result["decision"])
    assert call["headers"]["idempotency-key"] == f"{name}-release"


def test_a_run_that_times_out_rolls_back(moved: Moved, real: PackagesApi) -> None:
    (call,) = real.received_at("/release", "real")
    assert (call["body"]["action"], call["body"]["decision"]) == ("rollback", None)
    assert (moved.result["outcome"], moved.result["apis"]["release"]["status"]) == ("timed_out", "success")


def test_the_price_of_a_release_is_two_transitions_and_a_call(moved: Moved, ended: dict[str, History]) -> None:
    lines = {line.price: line.quantity for line in bill_of(moved.context, ended["released"].arn).lines}
    # Its input is inline, so there is no ReadInput; the validation API refuses each first attempt.
    assert [int(lines["transition"]), int(lines["http task"])] == [13 + 1, 5]


def test_its_credentials_are_tested_as_the_others_are(moved: Moved) -> None:
    api = read_apis(moved.context)[-1]
    assert (api.name, api.action, api.is_mock) == ("release", "release", False)
    assert [test.passed for test in try_credentials(moved.context, api, PATIENCE)] == [True, True]


def test_a_run_that_is_cancelled_during_its_release_says_so(moved: Moved, real: PackagesApi) -> None:
    history = start(moved, "cancelled", 200, "hang")
    decide(moved, history, 200, "approved")
    try:
        assert real.hanging.wait(PATIENCE)
        cancelled = cancel_run(moved.context, "cancelled", None)
    finally:
        real.let_go.set()
    assert cancelled.unanswered == "release"
    assert cancelled.warning == (
        "It was stopped during its release: look at the release API whether it was carried out."
    )
