"""APIs are called with their own credentials and with wrong ones, and neither is ever shown."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from storygate.operations.called_apis import CalledApi, Untestable, confirm_real_calls, credentials, read_apis
from storygate.operations.try_credentials import try_credentials
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.http import post
from storygate.support.terminal import Terminal
from tests.storygate.conftest import KEYS, REGION, Screen

TOKEN = "the-right-token"
MOCK = "arn:aws:events:eu-west-1:123456789012:connection/storygate-dev-validation/1"
REAL = "arn:aws:events:eu-west-1:123456789012:connection/packages/2"


Answer = tuple[int, bytes | None, dict[str, str]]
SUCCESS: Answer = (200, b'{"status": "success"}', {})
REFUSED: Answer = (403, None, {})


class ApiServer(ThreadingHTTPServer):
    """An API with one right credential. An answer without a body echoes the headers, which may lure the token out."""

    header, value = "Authorization", f"Bearer {TOKEN}"
    right, wrong = SUCCESS, REFUSED

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/validate"
        self.seen: list[tuple[dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    """Answers as its server is set up."""

    server: ApiServer

    def do_POST(self) -> None:
        self.server.seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        right = self.headers.get(self.server.header) == self.server.value
        status, body, extra = self.server.right if right else self.server.wrong
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if body is not None else json.dumps(dict(self.headers)).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api_server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def context(project: Path, stage: Stage, aws: Aws) -> Any:
    secret = json.dumps(dict.fromkeys(("callback", "validation", "deployment", "notification"), TOKEN))
    aws.client("secretsmanager").create_secret(Name=stage.secret, SecretString=secret)
    return Context(project, stage, aws)


def connect(aws: Aws, kind: Any, parameters: Any) -> None:
    """A connection named `packages`, with its managed secret."""
    aws.client("events").create_connection(Name="packages", AuthorizationType=kind, AuthParameters=parameters)


def told(checks: Any) -> Any:
    return [(check.credentials, check.passed, check.result) for check in checks]


def test_a_mock_is_tested_with_the_secrets_token(context: Context, api_server: ApiServer) -> None:
    checks = try_credentials(context, CalledApi("validation", api_server.url, MOCK, mock="validation"), 5)
    assert told(checks) == [("right", True, "HTTP 200, success"), ("wrong", True, "HTTP 403, refused")]
    headers, body = api_server.seen[0]
    assert json.loads(body)["action"] == "validate"
    assert headers["Idempotency-Key"].startswith("test-apis-")
    assert TOKEN not in str(checks)


@pytest.mark.parametrize(
    ("right", "wrong", "passed", "result"),
    [
        ((200, b'{"status": "failed"}', {}), REFUSED, [False, True], 'does not say "status": "success"'),
        ((200, b"<html>", {}), REFUSED, [False, True], 'does not say "status": "success"'),
        ((401, None, {}), REFUSED, [False, True], "HTTP 401, but 2xx was expected"),
        (SUCCESS, SUCCESS, [True, False], "HTTP 200, but 401 or 403 was expected"),
        (SUCCESS, (500, None, {}), [True, False], "HTTP 500, but 401 or 403 was expected"),
    ],
)
def test_what_an_api_does_wrong_is_said_without_quoting_it(
    context: Context, api_server: ApiServer, right: Any, wrong: Any, passed: Any, result: Any
) -> None:
    api_server.right, api_server.wrong = right, wrong
    checks = try_credentials(context, CalledApi("validation", api_server.url, MOCK, mock="validation"), 5)
    assert [check.passed for check in checks] == passed
    assert any(result in check.result for check in checks)
    assert TOKEN not in str(checks)


def test_a_real_api_is_tested_with_what_its_connection_holds(context: Context, api_server: ApiServer) -> None:
    connect(
        context.aws, "API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": "key-of-packages"}}
    )
    api_server.header, api_server.value = "X-Api-Key", "key-of-packages"
    checks = try_credentials(context, CalledApi("validation", api_server.url, REAL, mock=None), 5)
    assert [check.passed for check in checks] == [True, True]
    assert "key-of-packages" not in str(checks)


def test_basic_credentials_are_sent_as_basic(context: Context) -> None:
    connect(context.aws, "BASIC", {"BasicAuthParameters": {"Username": "ann", "Password": "pass"}})
    api = CalledApi("validation", "https://api.example.com", REAL, mock=None)
    headers = credentials(api, "", context.aws.client("events"), context.aws.client("secretsmanager"))
    assert headers == {"Authorization": "Basic YW5uOnBhc3M="}


def test_what_cannot_be_tested_is_said_and_is_no_failure(context: Context) -> None:
    api = CalledApi("validation", "https://api.example.com", REAL, mock=None)
    assert [check.passed for check in try_credentials(context, api, 5)] == [None, None]
    assert "connection packages or its secret cannot be read: ResourceNotFoundException" in str(
        try_credentials(context, api, 5)
    )
    oauth = {
        "ClientParameters": {"ClientID": "id", "ClientSecret": "hidden"},
        "AuthorizationEndpoint": "https://x.example",
    }
    connect(context.aws, "OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": {**oauth, "HttpMethod": "POST"}})
    with pytest.raises(Untestable, match="OAUTH_CLIENT_CREDENTIALS") as caught:
        credentials(api, "", context.aws.client("events"), context.aws.client("secretsmanager"))
    assert "hidden" not in str(caught.value)


def test_an_api_that_cannot_be_reached_fails_its_check(context: Context) -> None:
    checks = try_credentials(
        context, CalledApi("validation", "http://127.0.0.1:1/validate", MOCK, mock="validation"), 5
    )
    assert [check.passed for check in checks] == [False, False]
    assert "cannot be reached" in checks[0].result


def test_a_redirect_takes_no_credentials_along(api_server: ApiServer) -> None:
    api_server.right = (302, b"", {"Location": f"{api_server.url}/elsewhere"})
    answer = post(api_server.url, b"{}", {"Authorization": f"Bearer {TOKEN}"}, timeout=5, what="It")
    assert answer.status == 302
    assert len(api_server.seen) == 1


def test_the_apis_are_read_from_the_definition_that_runs_use(project: Path, stage: Stage) -> None:
    definition: dict[str, Any] = {"States": {"CallApis": {"Type": "Parallel", "Branches": []}}}
    for name, connection in (("Validation", MOCK), ("Deployment", REAL), ("Notification", REAL)):
        arguments = {
            "ApiEndpoint": f"https://api.example.com/{name}",
            "InvocationConfig": {"ConnectionArn": connection},
        }
        task = {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Arguments": arguments}
        definition["States"]["CallApis"]["Branches"].append({"States": {f"Call{name}": task}})

    class Sts:
        def get_caller_identity(self) -> dict[str, Any]:
            return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ann"}

    class StepFunctions:
        class exceptions:
            StateMachineDoesNotExist = ZeroDivisionError

        def describe_state_machine(self, stateMachineArn: Any) -> dict[str, Any]:
            return {"definition": json.dumps(definition), "stateMachineArn": stateMachineArn}

    clients = {"stepfunctions": StepFunctions(), "sts": Sts()}
    apis = read_apis(Context(project, stage, Aws(clients.__getitem__, REGION, KEYS)))
    assert [(api.name, api.action, api.is_mock) for api in apis] == [
        ("validation", "validate", True),
        ("deployment", "deploy", False),
        ("notification", "notify", False),
    ]


def test_real_apis_are_called_only_after_a_confirmation(stage: Stage, screen: Screen) -> None:
    real = [CalledApi("deployment", "https://api.example.com/deploy", REAL, mock=None)]
    with pytest.raises(OperatorError, match=r"This would really call https://api.example.com/deploy") as refused:
        confirm_real_calls(stage, real, "this", screen.terminal)  # nobody can be asked
    assert "--yes" in refused.value.hint
    confirm_real_calls(stage, [replace(real[0], mock="validation")], "this", screen.terminal)
    assert screen.text == ""

    class Answering(Terminal):
        interactive = True
        answer = "no"

        def ask(self, _question: Any) -> Any:
            return self.answer

    terminal = Answering(screen.stream)
    with pytest.raises(OperatorError, match="nothing was called"):
        confirm_real_calls(stage, real, "this", terminal)
    assert "really calls https://api.example.com/deploy, action deploy" in screen.text
    terminal.answer = stage.name
    confirm_real_calls(stage, real, "this", terminal)
