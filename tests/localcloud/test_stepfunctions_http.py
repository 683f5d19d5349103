"""HTTP Tasks in the local Step Functions do what AWS's do."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.gaps.registry import filled
from tests.localcloud.stepfunctions_cloud import Api, Cloud, states, task


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


def answer(request: dict[str, Any]) -> tuple[int, str, bytes]:
    path = request["path"].split("?")[0]
    attempt = int(request["headers"].get("X-Attempt", 0))
    if path == "/flaky" and attempt < 2:
        return 503, "application/json", b'{"reason": "busy"}'
    if path == "/refused":
        return 403, "text/plain", b"go away"
    if path == "/binary":
        return 200, "text/plain", b"\xff\xfe\x00"
    if path == "/octets":
        return 200, "application/octet-stream", b"text all the same"
    if path == "/text":
        return 200, "text/plain", b'{"not": "parsed"}'
    return 201, "application/json; charset=utf-8", b'{"status": "success"}'


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with Api(answer).serving() as api:
        yield api


@pytest.fixture(scope="module")
def connection(cloud: Cloud) -> str:
    arn: str = cloud.client("events").create_connection(
        Name=f"connection-{cloud.port}",
        AuthorizationType="API_KEY",
        AuthParameters={
            "ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": "Bearer of the connection"},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Source", "Value": "connection"}],
                "QueryStringParameters": [{"Key": "from", "Value": "connection"}],
            },
        },
    )["ConnectionArn"]
    return arn


def call(url: str, connection: str, more: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    arguments = {"ApiEndpoint": url, "Method": "POST", "InvocationConfig": {"ConnectionArn": connection}}
    return task("http:invoke", {**arguments, **(more or {})}, **fields)


def test_a_request_carries_the_connections_credentials_and_a_json_body(cloud: Cloud, api: Api, connection: str) -> None:
    more = {
        "Headers": {"X-Source": "task", "Idempotency-Key": "{% $states.context.Execution.Name %}"},
        "QueryParameters": {"from": "task", "to": "a b"},
        "RequestBody": {"story": "{% $states.input.story %}"},
    }
    result = cloud.output(states(A=call(f"{api.url}/path?at=1", connection, more)), {"story": "ÄB-1"})
    assert (result["StatusCode"], result["StatusText"]) == (201, "Created")
    assert result["ResponseBody"] == {"status": "success"}
    assert result["Headers"]["content-type"] == ["application/json; charset=utf-8"]
    sent = api.requests[-1]
    assert sent["path"] == "/path?at=1&from=connection&to=a+b"
    assert json.loads(sent["body"]) == {"story": "ÄB-1"}
    headers = sent["headers"]
    assert headers["Authorization"] == "Bearer of the connection"
    assert headers["X-Source"] == "connection"
    assert headers["Content-Type"] == "application/json"
    assert headers["Range"] == "bytes=0-262144"
    assert headers["User-Agent"] == "Amazon|StepFunctions|HttpInvoke|us-east-1"
    assert headers["Idempotency-Key"]


def test_text_stays_text(cloud: Cloud, api: Api, connection: str) -> None:
    assert cloud.output(states(A=call(f"{api.url}/text", connection)))["ResponseBody"] == '{"not": "parsed"}'


def test_an_answer_outside_2xx_is_an_error_with_its_code_and_its_body(cloud: Cloud, api: Api, connection: str) -> None:
    ended = cloud.run(states(A=call(f"{api.url}/refused", connection)))
    assert (ended["error"], ended["cause"]) == ("States.Http.StatusCode.403", "go away")


def test_a_retry_by_status_code_tells_the_api_how_many_came_before(cloud: Cloud, api: Api, connection: str) -> None:
    retry = {
        "ErrorEquals": ["States.Http.StatusCode.429", "States.Http.StatusCode.503", "States.Http.Socket"],
        "IntervalSeconds": 1,
        "MaxDelaySeconds": 1,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }
    count = "{% $string($states.context.State.RetryCount) %}"
    state = call(f"{api.url}/flaky", connection, {"Headers": {"X-Attempt": count}}, Retry=[retry])
    state["Output"] = {"retries": "{% $states.context.State.RetryCount %}"}
    api.requests.clear()
    assert cloud.output(states(A=state)) == {"retries": 2}
    assert [request["headers"]["X-Attempt"] for request in api.requests] == ["0", "1", "2"]


def test_nobody_there_is_a_socket_error(cloud: Cloud, connection: str) -> None:
    with socket.socket() as taken:  # Bound, but not listening.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert cloud.run(states(A=call(url, connection)))["error"] == "States.Http.Socket"


def test_an_api_that_says_nothing_runs_into_the_tasks_timeout(cloud: Cloud, connection: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        state = call(f"http://127.0.0.1:{silent.getsockname()[1]}/", connection, TimeoutSeconds="{% 1 %}")
        state["Catch"] = [{"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"}]
        ended = cloud.run(states(A=state, Wrong={"Type": "Succeed"}))
        assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")


@pytest.mark.parametrize("path", ["/binary", "/octets"])
def test_a_binary_answer_cannot_be_caught(cloud: Cloud, api: Api, connection: str, path: str) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    ended = cloud.run(states(A=call(f"{api.url}{path}", connection, Catch=catch), Caught={"Type": "Succeed"}))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")


def test_a_missing_connection_is_an_error_of_its_own(cloud: Cloud, api: Api, connection: str) -> None:
    gone = connection.replace("connection-", "gone-")
    assert cloud.run(states(A=call(api.url, gone)))["error"] == "Events.ConnectionResource.ResourceNotFound"


@pytest.mark.parametrize(
    "more",
    [
        {"Headers": {"Authorization": "Bearer mine"}},
        {"Headers": {"X-Amz-Date": "now"}},
        {"Headers": {"x-forwarded-for": "me"}},
        {"Body": {}},
    ],
)
def test_forbidden_headers_and_unknown_arguments_are_refused_when_the_machine_is_saved(
    cloud: Cloud, more: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.machine(
            states(A=call("https://example.com", "arn:aws:events:us-east-1:123456789012:connection/a/b", more))
        )
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


def test_a_forbidden_header_made_by_an_expression_fails_when_it_is_sent(
    cloud: Cloud, api: Api, connection: str
) -> None:
    state = call(api.url, connection, {"Headers": "{% {'Host': 'elsewhere'} %}"})
    assert cloud.run(states(A=state))["error"] == "States.Runtime"


def test_plain_http_reaches_this_machine_only(cloud: Cloud, connection: str) -> None:
    assert cloud.run(states(A=call("http://example.com/", connection)))["error"] == "States.Runtime"
