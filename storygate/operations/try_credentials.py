"""Call an API with its connection's credentials, which must succeed, and with wrong ones, which must be refused."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from storygate.deployment.stage_secret import read_field
from storygate.operations.called_apis import CalledApi, Untestable, credentials
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.http import Answer, post
from storygate.support.json_text import loaded_object

CALL_SECONDS = 60.0  # an HTTP Task gives up after 60, too
PACKAGE = "storygate-test-apis"


@dataclass(frozen=True)
class CredentialsTest:
    """One call. `kind` is `mock` or `real`, `credentials` `right` or `wrong`; `passed` is None for a call not made."""

    api: str
    kind: str
    credentials: str
    passed: bool | None
    result: str


def try_credentials(context: Context, api: CalledApi, timeout: float) -> list[CredentialsTest]:
    """Call an API twice, with right and with wrong credentials. No result holds a token or the API's answer.

    `timeout` is in seconds, for each answer. Raises OperatorError if the stage's secret lacks a field.
    """
    kind = "mock" if api.is_mock else "real"
    secretsmanager = context.client("secretsmanager")
    token = read_field(secretsmanager, context.stage.secret, api.mock) if api.mock else ""
    try:
        right = credentials(api, token, context.client("events"), secretsmanager)
    except Untestable as error:
        return [CredentialsTest(api.name, kind, which, None, f"not tested: {error}") for which in ("right", "wrong")]
    return [
        CredentialsTest(api.name, kind, "right", *_call(api, right, timeout, _accepted)),
        CredentialsTest(api.name, kind, "wrong", *_call(api, _spoilt(right), timeout, _refused)),
    ]


def _call(
    api: CalledApi, headers: Mapping[str, str], timeout: float, judge: Callable[[Answer], tuple[bool, str]]
) -> tuple[bool, str]:
    request = {
        "jiraStoryId": "TEST-0",
        "packageIds": [PACKAGE],
        "metadata": {"test": "storygate test-apis"},
        "action": api.action,
    }
    key = f"test-apis-{secrets.token_hex(8)}-{api.name}"
    try:
        answer = post(
            api.url,
            json.dumps(request).encode(),
            {**headers, "Idempotency-Key": key, "X-Attempt": "0"},
            timeout=timeout,
            what=f"The {api.name} API",
        )
    except OperatorError as error:
        return False, error.message
    passed, meaning = judge(answer)
    return passed, f"HTTP {answer.status}, {meaning}"


def _accepted(answer: Answer) -> tuple[bool, str]:
    """Judge as the state machine does (README, "What the APIs get")."""
    if not answer.is_success:
        return False, "but 2xx was expected"
    says_success = loaded_object(answer.text).get("status") == "success"
    return says_success, "success" if says_success else 'but its body does not say "status": "success"'


def _refused(answer: Answer) -> tuple[bool, str]:
    return (True, "refused") if answer.status in {401, 403} else (False, "but 401 or 403 was expected")


def _spoilt(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers with other values; a bearer token is replaced by another bearer token."""
    return {
        name: (value.partition(" ")[0] + " " if " " in value else "") + secrets.token_urlsafe(24)
        for name, value in headers.items()
    }
