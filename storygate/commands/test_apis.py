"""`test-apis`: does each API take its connection's credentials, and no other?"""

import argparse
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from storygate.commands.arguments import Place, add_command, add_timeout, emit, place_of, told
from storygate.deployment.stage_secret import read_field
from storygate.operations.called_apis import Api, Untestable, confirm_real_calls, credentials, read_apis
from storygate.support.errors import OperatorError
from storygate.support.http import Answer, post
from storygate.support.terminal import Terminal

SECONDS = 60.0  # an HTTP Task gives up after 60, too
PACKAGE = "storygate-test-apis"


@dataclass(frozen=True)
class Check:
    """One call. `passed` is None for what could not be tested; `credentials` is `right` or `wrong`."""

    api: str
    kind: str
    credentials: str
    passed: bool | None
    result: str


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "test-apis",
        run,
        help="check that each API takes its credentials, and no others",
        description="Calls each API of the stage as a run would: with its connection's credentials, which must "
        'succeed (2xx and "status": "success"), and with wrong ones, which must be refused (401 or 403). A real API is '
        f"really called, for package {PACKAGE}; on a terminal it asks first.",
        example="--stage dev",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before calling real APIs")
    add_timeout(parser, SECONDS, "how long each answer may take")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 if nothing failed, 1 otherwise; what cannot be tested is said, and is no failure."""
    place, shown = place_of(args), told(args, terminal)
    apis = read_apis(place.stage, place.stepfunctions, place.runs.machine)
    if not args.yes:
        confirm_real_calls(apis, place.stage, "this", shown)
    checks = []
    for api in apis:
        shown.step(f"{api.name}: {api.url} ({'mock' if api.own else 'real'})")
        for check in check_api(place, api, args.timeout):
            checks.append(check)
            show = {True: shown.done, False: shown.fail, None: shown.warn}[check.passed]
            show(f"{check.credentials} credentials: {check.result}")
    failed = [check for check in checks if check.passed is False]
    untested = [check for check in checks if check.passed is None]
    if args.json:
        emit([asdict(check) for check in checks])
    shown.say(f"{len(checks) - len(failed) - len(untested)} passed, {len(failed)} failed, {len(untested)} not tested")
    return 1 if failed else 0


def check_api(place: Place, api: Api, timeout: float) -> list[Check]:
    """Calls an API with its credentials and with wrong ones. No result holds a token or what the API answered."""
    kind = "mock" if api.own else "real"
    secretsmanager = place.aws.client("secretsmanager")
    token = read_field(secretsmanager, place.stage.secret, api.name) if api.own else ""
    try:
        right = credentials(api, token, place.aws.client("events"), secretsmanager)
    except Untestable as error:
        return [Check(api.name, kind, which, None, f"not tested: {error}") for which in ("right", "wrong")]
    return [
        Check(api.name, kind, "right", *_call(api, right, timeout, _accepted)),
        Check(api.name, kind, "wrong", *_call(api, _spoilt(right), timeout, _refused)),
    ]


def _call(api: Api, headers: Mapping[str, str], timeout: float, judge: Any) -> tuple[bool, str]:
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
    """As the state machine judges (design: Contract, APIs)."""
    if not answer.is_success:
        return False, "but 2xx was expected"
    try:
        says_success = json.loads(answer.text)["status"] == "success"
    except (KeyError, TypeError, ValueError):
        says_success = False
    return says_success, "success" if says_success else 'but its body does not say "status": "success"'


def _refused(answer: Answer) -> tuple[bool, str]:
    return (True, "refused") if answer.status in {401, 403} else (False, "but 401 or 403 was expected")


def _spoilt(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers with other values; a bearer stays a bearer."""
    return {
        name: (value.partition(" ")[0] + " " if " " in value else "") + secrets.token_urlsafe(24)
        for name, value in headers.items()
    }
