"""HTTP Tasks keep the limits that AWS documents."""

import inspect
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud import http_task
from localcloud.gaps.registry import filled
from tests.localcloud.stepfunctions_cloud import Api, Cloud, states, task

HEADERS = (  # Step Functions developer guide, call-https-apis, "Limitations on HTTP Task headers"
    "A-IM Accept-Charset Accept-Datetime Accept-Encoding Authorization Cache-Control Connection Content-Encoding "
    "Content-MD5 Date Expect Forwarded From Host HTTP2-Settings If-Match If-Modified-Since If-None-Match If-Range "
    "If-Unmodified-Since Max-Forwards Origin Pragma Proxy-Authorization Referer Server TE Trailer Transfer-Encoding "
    "Upgrade Via Warning X-Forwarded-For x-amz-security-token x-amzn-trace-id"
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    def answer(request: dict[str, Any]) -> tuple[int, str, bytes]:
        return (503 if request["path"] == "/busy" else 200), "application/json", b"{}"

    with Api(answer).serving() as api:
        yield api


@pytest.fixture(scope="module")
def connection(cloud: Cloud) -> str:
    key = {"ApiKeyName": "Authorization", "ApiKeyValue": "Bearer b"}
    arn: str = cloud.client("events").create_connection(
        Name="fidelity", AuthorizationType="API_KEY", AuthParameters={"ApiKeyAuthParameters": key}
    )["ConnectionArn"]
    return arn


def test_an_http_task_takes_the_older_form_of_its_connection_and_encodes_a_form(
    cloud: Cloud, api: Api, connection: str
) -> None:
    arguments = {
        "ApiEndpoint": api.url,
        "Method": "POST",
        "Authentication": {"ConnectionArn": connection},
        "Headers": {"Content-Type": "application/x-www-form-urlencoded", "X-Mine": "kept"},
        "RequestBody": {"a": "b c"},
        "Transform": {"RequestBodyEncoding": "URL_ENCODED"},
    }
    cloud.output(states(A=task("http:invoke", arguments)))
    sent = api.requests[-1]
    assert (sent["body"], sent["headers"]["Authorization"], sent["headers"]["X-Mine"]) == (b"a=b+c", "Bearer b", "kept")


def test_an_http_task_retries_nothing_by_itself(cloud: Cloud, api: Api, connection: str) -> None:
    api.requests.clear()
    call = {"ApiEndpoint": f"{api.url}/busy", "Method": "POST", "InvocationConfig": {"ConnectionArn": connection}}
    assert cloud.run(states(A=task("http:invoke", call)))["error"] == "States.Http.StatusCode.503"
    assert len(api.requests) == 1


def test_an_http_task_may_not_set_the_headers_that_aws_lists() -> None:
    for name in HEADERS.split():
        with pytest.raises(ValueError, match=name):
            http_task.check_headers([name])
        http_task.check_headers([f"My-{name}"])


def test_an_http_task_gives_up_after_a_minute(connection: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        call = {"ApiEndpoint": url, "Method": "POST", "InvocationConfig": {"ConnectionArn": connection}}
        begun = time.monotonic()
        with pytest.raises(http_task.TaskFailure) as failed:
            http_task.invoke(call, timeout=60, most=0.05)
        assert time.monotonic() - begun < 20
    assert failed.value.error == "States.Http.Socket"
    assert inspect.signature(http_task.invoke).parameters["most"].default == 60
