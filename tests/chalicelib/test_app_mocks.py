"""The mock API routes and their authorizer on the wire, through Chalice."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.config import Config
from chalice.local import LocalGateway

from tests.chalicelib.fakes import SECRET_VALUES

APIS = {"validation": "validate", "deployment": "deploy", "notification": "notify"}
ROUTE = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/api/POST/mock/{}"


@pytest.fixture
def post(cloud: Any) -> Any:
    def post(api: str, token: str | None = None, *, body: Any = None, headers: Any = None) -> Any:
        authorization = {"Authorization": f"Bearer {SECRET_VALUES[token or api]}"}
        body = {"jiraStoryId": "PROJ-1", "packageIds": ["p"], "action": APIS[api]} if body is None else body
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | authorization | (headers or {})
        return cloud.http.post(f"/mock/{api}", body=raw, headers=given)

    return post


@pytest.fixture
def authorize(cloud: Any) -> Any:
    """Return a function that calls the authorizer as API Gateway does, and returns the routes it allows."""

    def authorize(token: str, api: str = "validation") -> Any:
        event = {"type": "TOKEN", "authorizationToken": token, "methodArn": ROUTE.format(api)}
        (statement,) = cloud.app.api_token_authorizer(event, SimpleNamespace())["policyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
        return statement["Resource"]

    return authorize


@pytest.mark.parametrize("api", APIS)
def test_each_api_answers_its_own_token(post: Any, api: str) -> None:
    response = post(api)
    assert (response.status_code, response.json_body["status"]) == (200, "success")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("token", SECRET_VALUES)
def test_a_token_reaches_no_api_but_its_own(post: Any, api: str, token: str) -> None:
    assert post(api, token).status_code == (200 if token == api else 403)


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Basic dTpw", "Bearer ", "x", "Bearer schlüssel"])
def test_anything_but_a_token_is_403(post: Any, authorization: Any) -> None:
    assert post("validation", headers={"Authorization": authorization}).status_code == 403


def test_no_authorization_header_is_401(cloud: Any) -> None:
    # API Gateway says this before it calls the authorizer; Chalice's local gateway does the same.
    assert cloud.http.post("/mock/validation", body=b"{}").status_code == 401


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("asked", APIS)
def test_the_policy_names_the_tokens_own_route_whatever_was_asked(authorize: Any, api: str, asked: Any) -> None:
    assert authorize(f"Bearer {SECRET_VALUES[api]}", asked) == [ROUTE.format(api)]


def test_no_policy_is_cached(cloud: Any) -> None:
    assert cloud.app.app.builtin_auth_handlers[0].ttl_seconds == 0


@pytest.mark.parametrize("token", ["validation", "deployment"])
@pytest.mark.parametrize("body", [b"{", None])
def test_without_the_secret_every_token_and_body_is_503(cloud: Any, post: Any, token: str, body: Any) -> None:
    cloud.secretsmanager.delete_secret(SecretId=cloud.app.SECRET, ForceDeleteWithoutRecovery=True)
    response = post("validation", token, body=body)
    assert response.status_code == 503
    assert response.json_body == {"status": "error", "message": "the secret cannot be read"}


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", f"Bearer {SECRET_VALUES['callback']}"])
def test_the_policy_of_a_wrong_token_names_no_route(authorize: Any, token: str) -> None:
    assert authorize(token) == []


@pytest.mark.parametrize("api", APIS)
def test_a_browsers_preflight_is_answered_without_a_token(cloud: Any, api: str) -> None:
    gateway = LocalGateway(cloud.app.app, Config())
    answer = gateway.handle_request("OPTIONS", f"/mock/{api}", {"origin": "https://example.com"}, None)
    headers = answer["headers"]
    assert (answer["statusCode"], headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert "POST" in headers["Access-Control-Allow-Methods"]
    allowed = set(headers["Access-Control-Allow-Headers"].split(","))
    assert {"Authorization", "Content-Type", "Idempotency-Key", "X-Attempt"} <= allowed


def test_an_answer_may_be_read_by_a_browser(post: Any) -> None:
    assert post("validation").headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("attempt", "status"), [(None, 503), ("0", 503), ("1", 503), ("2", 200), ("x", 503)])
def test_x_attempt_ends_a_simulated_outage(post: Any, attempt: Any, status: Any) -> None:
    body = {"action": "deploy", "metadata": {"simulate": {"deployment": {"status": 503, "times": 2}}}}
    headers = {} if attempt is None else {"X-Attempt": attempt}
    assert post("deployment", body=body, headers=headers).status_code == status


def test_a_simulated_result_is_http_200(post: Any) -> None:
    body = {"action": "validate", "metadata": {"simulate": {"validation": {"result": "failed"}}}}
    response = post("validation", body=body)
    assert (response.status_code, response.json_body["status"]) == (200, "failed")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"metadata": {"simulate": {"validation": {"status": 1e999}}}}']
)
def test_a_body_of_no_use_is_400(post: Any, body: Any) -> None:
    assert post("validation", body=body).status_code == 400


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/json;charset=UTF-8"])
def test_a_charset_beside_the_content_type_is_fine(post: Any, content_type: Any) -> None:
    assert post("validation", headers={"Content-Type": content_type}).status_code == 200


def test_another_content_type_is_415(post: Any) -> None:
    assert post("validation", headers={"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.parametrize("path", ["/", "/mock", "/mock/callback", "/mock/validation/x"])
def test_there_is_no_other_route(cloud: Any, path: Any) -> None:
    headers = {"Authorization": f"Bearer {SECRET_VALUES['validation']}"}
    assert cloud.http.post(path, headers=headers).status_code == 403
