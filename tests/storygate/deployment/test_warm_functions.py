"""A revocation ends when Lambda has replaced every environment of the two functions, not before."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from storygate.deployment.warm_functions import MARK, forget_secret
from storygate.stage.context import Context
from storygate.support.errors import OperatorError


class Lambda:
    """Two functions. `after_update` are the statuses that an updated one shows, one for each look."""

    def __init__(self, *after_update: str) -> None:
        self.after_update = after_update
        self.left: dict[str, list[str]] = {}
        self.calls: list[tuple[str, str]] = []
        self.variables: dict[str, dict[str, str]] = {}

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        left = self.left.get(FunctionName, [])
        status = left.pop(0) if left else "Successful"
        self.calls.append((status, FunctionName))
        known = self.variables.get(FunctionName, {"STORYGATE_TABLE": "t"})
        return {"LastUpdateStatus": status, "Environment": {"Variables": known}}

    def update_function_configuration(self, FunctionName: str, Environment: dict[str, dict[str, str]]) -> None:
        self.variables[FunctionName] = Environment["Variables"]
        self.left[FunctionName] = list(self.after_update)
        self.calls.append(("update", FunctionName))


@pytest.fixture
def ward(context: Context) -> Callable[[Lambda], Context]:
    """The stage with this Lambda, and without a REST API."""

    def make(functions: Lambda) -> Context:
        real = context.aws.make_client
        return replace(
            context, aws=replace(context.aws, make_client=lambda name: functions if name == "lambda" else real(name))
        )

    return make


def test_both_functions_get_a_new_variable_beside_their_own_and_are_awaited(ward: Any) -> None:
    functions = Lambda("InProgress", "InProgress", "Successful")
    forget_secret(ward(functions))
    names = ["storygate-dev", "storygate-dev-api_token_authorizer"]
    assert sorted(functions.variables) == names
    assert all(known["STORYGATE_TABLE"] == "t" and known[MARK] for known in functions.variables.values())
    last_looks = {name: status for status, name in functions.calls}
    assert last_looks == dict.fromkeys(names, "Successful")
    assert [status for status, _ in functions.calls].count("InProgress") == 4


def test_an_update_that_does_not_end_is_an_error(ward: Any) -> None:
    with pytest.raises(OperatorError, match="still being updated"):
        forget_secret(ward(Lambda(*["InProgress"] * 100)), patience=0.3)


def test_an_update_that_fails_is_an_error(ward: Any) -> None:
    with pytest.raises(OperatorError, match="failed: no reason given"):
        forget_secret(ward(Lambda("Failed")))
