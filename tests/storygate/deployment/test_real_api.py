"""From a mock to a real API: a URL and a connection in the stage's configuration, and not a byte of the workflow."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from localcloud.execute_api import PREFIX
from storygate.deployment.bring_up import Deployment, deploy
from storygate.stage.aws import isolated
from storygate.stage.context import load_context
from storygate.stage.definition import DEFINITION
from storygate.stage.project_copy import copy_project
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from tests import ROOT

TOKEN = "a token that no mock knows"
PATIENCE = 60.0


@dataclass
class PackagesApi:
    """A real validation API: it knows callers by `X-Api-Key`, and answers 503 to the first attempt."""

    received: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, headers: Any, body: Any) -> tuple[int, dict[str, str]]:
        self.received.append({"headers": {name.lower(): value for name, value in headers.items()}, "body": body})
        if headers.get("X-Api-Key") != TOKEN:
            return 401, {"status": "error"}
        if headers.get("X-Attempt") == "0":
            return 503, {"status": "error"}
        return 200, {"status": "success", "checkedBy": "packages"}


@pytest.fixture(scope="module")
def real() -> Iterator[PackagesApi]:
    api = PackagesApi()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = api.answer(self.headers, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}/v1/validate"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield api
    server.shutdown()
    server.server_close()


class Paths:
    """WSGI middleware that records the called paths of the REST API."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def around(self, app: Callable[..., Any]) -> Callable[..., Any]:
        def kept(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            path = environ.get("PATH_INFO", "")
            if path.startswith(PREFIX):
                self.called.append("/" + path.removeprefix(PREFIX).split("/", 2)[2])
            return app(environ, start_response)

        return kept


@dataclass(frozen=True)
class Moved:
    """A stage whose validation is real, after one run."""

    cloud: LocalCloud
    deployment: Deployment
    project: Path
    connection: str
    definitions: tuple[set[str], set[str]]
    called: list[str]
    result: dict[str, Any]
    begun: str
    told: str


@pytest.fixture(scope="module")
def moved(real: PackagesApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """Deploy with mocks, then move validation by its two parameters only, and let one run end."""
    project, paths = copy_project(ROOT, tmp_path_factory.mktemp("project")), Paths()
    with LocalCloud(project, wrap=paths.around) as cloud:
        aws = isolated(cloud.client, cloud.environment)
        bucket = deploy(load_context(project, "local", aws), Terminal(io.StringIO())).stage.bucket
        cloud.start_api()
        before, begun = definitions(cloud, bucket), waiting(cloud)
        paths.called.clear()
        connection = cloud.client("events").create_connection(
            Name="packages-validation",
            AuthorizationType="API_KEY",
            AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": TOKEN}},
        )["ConnectionArn"]
        configure(project, {"ValidationUrl": real.url, "ValidationConnectionArn": connection})
        told = io.StringIO()
        deployment = deploy(load_context(project, "local", aws), Terminal(told))
        result = run(cloud, bucket)
        both = (before, definitions(cloud, bucket))
        yield Moved(cloud, deployment, project, connection, both, paths.called, result, begun, told.getvalue())


def configure(project: Path, workflow: dict[str, str]) -> None:
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["local"]["workflow"] = workflow
    path.write_text(json.dumps(config))


def definitions(cloud: LocalCloud, bucket: str) -> set[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="definitions/")
    return {entry["Key"] for entry in listed["Contents"]}


def waiting(cloud: LocalCloud) -> str:
    """The ARN of a run that waits for its story."""
    client, table = cloud.client("stepfunctions"), cloud.client("dynamodb").list_tables()["TableNames"][0]
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    request = {"jiraStoryId": "PROJ-2", "packageIds": ["pkg-001"]}
    arn = client.start_execution(stateMachineArn=machine, name="begun", input=json.dumps(request))["executionArn"]
    patience = Patience(PATIENCE)
    while not cloud.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]:
        assert patience.pause(), f"the run did not wait within {PATIENCE:g} s"
    return str(arn)


def run(cloud: LocalCloud, bucket: str) -> dict[str, Any]:
    """Start a run without an approval, so that it times out; return its result."""
    client = cloud.client("stepfunctions")
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    request = {"jiraStoryId": "PROJ-1", "packageIds": ["pkg-001"], "metadata": {"team": "a"}, "timeoutSeconds": 1}
    arn = client.start_execution(stateMachineArn=machine, name="real", input=json.dumps(request))["executionArn"]
    patience = Patience(PATIENCE)
    while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
        assert patience.pause(), f"the run did not end in {PATIENCE:g} s"
    result = cloud.client("s3").get_object(Bucket=bucket, Key="outputs/real/result.json")["Body"].read()
    return dict(json.loads(result))


def test_the_real_api_gets_its_own_credentials_and_all_the_contract_names(moved: Moved, real: PackagesApi) -> None:
    first, second = real.received
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
    assert (moved.project / DEFINITION).read_bytes() == (ROOT / DEFINITION).read_bytes()


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
    assert real.url in endpoints
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
