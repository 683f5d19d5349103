"""A function's clients are made while it starts, if it is one that needs them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import clients
from chalicelib.parallel import FEW, each

NEEDED = {"app.app": ("secretsmanager", "dynamodb"), "app.start_execution": ("stepfunctions",)}


@pytest.fixture
def lambda_starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Prepare as Lambda does at the start of a handler; return how many clients were made."""

    def start(handler: Any) -> Any:
        clients._made.cache_clear()
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("_HANDLER", handler)
        clients.prepare(NEEDED)
        return clients._made.cache_info().currsize

    yield start
    clients._made.cache_clear()


def test_a_function_makes_what_it_needs_at_its_start(lambda_starts: Any) -> None:
    assert lambda_starts("app.start_execution") == 1
    assert lambda_starts("app.app") == 2


def test_another_function_makes_none(lambda_starts: Any) -> None:
    assert lambda_starts("app.unheard_of") == 0


def test_a_client_made_at_the_start_is_the_one_that_is_used(lambda_starts: Any) -> None:
    lambda_starts("app.start_execution")
    before = clients._made.cache_info()
    assert clients.Client("stepfunctions").meta.service_model.service_name == "stepfunctions"
    assert clients._made.cache_info().misses == before.misses


def test_calls_of_several_threads_are_timed_for_the_request_that_makes_them(cloud: Any) -> None:  # noqa: ARG001
    clients.call_times()
    dynamodb = clients.Client("dynamodb")
    each(lambda _: dynamodb.list_tables(), range(FEW + 1))
    assert [call.split()[0] for call in clients.call_times()] == ["ListTables"] * (FEW + 1)
    assert clients.call_times() == []


def test_every_function_of_the_app_says_what_it_needs(cloud: SimpleNamespace) -> None:
    chalice = cloud.app.app
    views = {entry.view_name for methods in chalice.routes.values() for entry in methods.values()}
    assert set(cloud.app.CLIENTS) == {"app.app", *(f"app.{name}" for name in set(chalice.handler_map) - views)}
