"""Each API's own bearer token opens only that API."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.apis import APIS
from chalicelib.refusals import Unavailable
from chalicelib.secret import Secret
from chalicelib.tokens import api_of, authorize, bearer, unavailable
from tests.chalicelib.fakes import SECRET_VALUES, Clock, SecretsManager, aws_error


def secret(manager: Any = None) -> Any:
    return Secret(manager or SecretsManager(), "the-secret", clock=Clock())


@pytest.mark.parametrize("api", APIS)
def test_a_token_names_its_own_api(api: str) -> None:
    assert api_of(f"Bearer {SECRET_VALUES[api]}", secret()) == api


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Basic dTpw", SECRET_VALUES["validation"], "Bearer é🚀", "Bearer \ud800"],
)
def test_anything_else_names_none(header: str) -> None:
    assert api_of(header, secret()) is None


@pytest.mark.parametrize("field", ["callback", "automation"])
def test_what_opens_the_callback_is_no_api_token(field: str) -> None:
    assert api_of(f"Bearer {SECRET_VALUES[field]}", secret()) is None


@pytest.mark.parametrize("api", APIS)
def test_a_new_token_works_at_once_beside_the_old_one(api: str) -> None:
    manager = SecretsManager()
    shared = secret(manager)
    assert api_of(f"Bearer {SECRET_VALUES[api]}", shared) == api
    manager.rotate(SECRET_VALUES | {api: "fresh"})
    assert api_of("Bearer fresh", shared) == api
    assert api_of(f"Bearer {SECRET_VALUES[api]}", shared) == api


def test_a_flood_of_wrong_tokens_makes_a_handful_of_calls() -> None:
    manager = SecretsManager()
    shared = secret(manager)
    assert not any(api_of("Bearer wrong", shared) for _ in range(2000))
    assert len(manager.calls) <= 4


def test_without_the_secret_no_token_is_judged() -> None:
    manager = SecretsManager()
    manager.failure = aws_error("secretsmanager", "InternalServiceError")
    with pytest.raises(Unavailable):
        api_of("Bearer x", secret(manager))


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  abc  ", "abc"),
        ("Bearer a b", "a b"),
        ("Basic abc", ""),
        ("Bearer", ""),
        ("Bearerabc", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_a_bearer_is_what_follows_the_word(header: str, token: str) -> None:
    assert bearer(header) == token


@pytest.mark.parametrize("api", APIS)
def test_right_tokens_need_no_second_look_at_the_secret(api: str) -> None:
    manager = SecretsManager()
    shared = secret(manager)
    for _ in range(10):
        assert api_of(f"Bearer {SECRET_VALUES[api]}", shared) == api
    assert len(manager.calls) == 1


def test_without_a_bearer_the_secret_is_not_read() -> None:
    manager = SecretsManager()
    assert api_of("Basic abc", secret(manager)) is None
    assert manager.calls == []


def asked(token: str, api: str) -> Any:
    return SimpleNamespace(token=token, method_arn=f"arn:aws:execute-api:r:123456789012:abcdefghij/api/POST/mock/{api}")


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("Bearer wrong", "no API's token"),
        ("Basic dTpw", "no bearer token"),
        (f"Bearer {SECRET_VALUES['deployment']}", "the deployment API's token"),
    ],
)
def test_a_refusal_is_one_line_with_route_reason_and_trace_and_no_token(
    token: str, why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=5;Sampled=1")
    authorize(asked(token, "validation"), secret())
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "log": "authorizer",
        "route": "/mock/validation",
        "refused": why,
        "trace": "1-5759e988-bd862e3fe1be46a994272793",
    }


def test_outside_lambda_there_is_no_trace(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    authorize(asked("Bearer wrong", "validation"), secret())
    assert json.loads(capsys.readouterr().out)["trace"] == ""


@pytest.mark.parametrize("api", APIS)
def test_what_is_let_in_needs_no_line(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = authorize(asked(f"Bearer {SECRET_VALUES[api]}", api), secret())
    assert (answer.principal_id, answer.context) == (api, {})
    assert capsys.readouterr().out == ""


def test_a_wrong_token_is_nobodys() -> None:
    answer = authorize(asked("Bearer wrong", "validation"), secret())
    assert (answer.routes, answer.principal_id, answer.context) == ([], "nobody", {})


@pytest.mark.parametrize("context", [{}, {"authorizer": None}, {"authorizer": {"principalId": "validation"}}])
def test_a_request_that_was_judged_is_not_unavailable(context: Any) -> None:
    assert unavailable(SimpleNamespace(context=context)) is None


def test_a_token_that_cannot_be_judged_is_let_through_as_such_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    manager = SecretsManager()
    manager.failure = aws_error("secretsmanager", "InternalServiceError")
    answer = authorize(asked("Bearer wrong", "validation"), secret(manager))
    assert (answer.principal_id, answer.context) == ("unknown", {"unavailable": "the secret cannot be read"})
    assert [(route.path, route.methods) for route in answer.routes] == [("/mock/validation", ["POST"])]
    line = json.loads(capsys.readouterr().out)
    assert (line["route"], line["unavailable"]) == ("/mock/validation", "the secret cannot be read")
