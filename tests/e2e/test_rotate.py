"""A rotation under load: callbacks and runs continue, and no request is refused."""

import io
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from storygate.deployment.rotation import revoke, rotate
from storygate.deployment.secret_values import FIELDS
from storygate.deployment.stage_secret import read_secret
from storygate.deployment.warm_functions import forget_secret
from storygate.operations import jira_webhook
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from tests.e2e.conftest import SECONDS, Local

APIS = ("validation", "deployment", "notification")
BETWEEN_REQUESTS = 0.2


NOW = timedelta(0)  # no stranger sends anything here, so every function may read the secret again at once


@pytest.fixture(scope="module", autouse=True)
def without_strangers(local: Local) -> Iterator[None]:
    """Begin with functions that have refused nobody, whatever other tests sent; give Jira the new secret at the end."""
    forget_secret(local.context)
    yield
    for webhook in local.jira.deliveries.webhooks.values():
        webhook.secret = values(local)["callback"]
    revoke(local.context, Terminal(io.StringIO()), guard=NOW)


def values(local: Local) -> dict[str, Any]:
    return read_secret(local.aws.client("secretsmanager"), local.deployment.stage.secret).values


def tokens_of_connections(local: Local) -> dict[str, str]:
    events, secrets = local.aws.client("events"), local.aws.client("secretsmanager")
    found = {}
    for api in APIS:
        arn = events.describe_connection(Name=f"{local.deployment.stage.state_machine}-{api}")["SecretArn"]
        found[api] = secrets.get_secret_value(SecretId=arn)["SecretString"]
    return found


def call_back(local: Local, story: str, secret: str) -> int:
    body = json.dumps({"jiraStoryId": story, "status": "approved", "timestamp": round(time.time() * 1000)}).encode()
    headers = {"Content-Type": "application/json", "X-Hub-Signature": jira_webhook.sign(body, secret)}
    request = urllib.request.Request(local.deployment.callback_url, body, headers, method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@dataclass
class Traffic:
    """Callbacks with the secret of before and with the newest, and runs, one after another until it is stopped."""

    local: Local
    before: str
    answers: list[tuple[str, int]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def call_back_once(self, number: int) -> None:
        newest = values(self.local)["callback"]
        for secret in (self.before, newest):
            kind = "before" if secret == self.before else "new"
            self.answers.append((kind, call_back(self.local, f"ROTATE-{number}", secret)))

    def run_once(self, number: int) -> None:
        client = self.local.aws.client("stepfunctions")
        machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
        request = {"jiraStoryId": f"RUN-{number + 1}", "packageIds": ["pkg-001"], "timeoutSeconds": 1}
        started = client.start_execution(stateMachineArn=machine, input=json.dumps(request))
        self.runs.append(started["executionArn"])

    def seen(self, kind: str) -> int:
        return sum(answered == kind for answered, _ in self.answers)

    def _repeat(self, once: Callable[[int], None]) -> None:
        number = 0
        try:
            while not self.stop.wait(BETWEEN_REQUESTS):
                once(number)
                number += 1
        except Exception as error:  # noqa: BLE001 - reported by the test, not lost with its thread
            self.broken.append(error)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._repeat, args=(once,)) for once in (self.call_back_once, self.run_once)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join(SECONDS)


def await_that(what: str, happened: Callable[[], bool]) -> None:
    patience = Patience(SECONDS)
    while not happened():
        assert patience.pause(), f"waited {SECONDS:g} s for {what}"


def test_no_callback_and_no_run_is_refused_while_all_secrets_change(local: Local) -> None:
    before, connected = values(local), tokens_of_connections(local)
    traffic = Traffic(local, before["callback"])
    with traffic.flowing():
        await_that("traffic", lambda: len(traffic.runs) > 1 and traffic.seen("before") > 1)
        said = io.StringIO()
        rotate(local.context, Terminal(said), guard=NOW)
        await_that("traffic after it", lambda: traffic.seen("new") > 4)
        runs_after = len(traffic.runs) + 2
        await_that("runs after it", lambda: len(traffic.runs) >= runs_after)
    assert not traffic.broken
    assert {status for _, status in traffic.answers} == {202}

    after = values(local)
    assert after["previous"] == before
    assert not {before[field] for field in FIELDS} & {after[field] for field in FIELDS}
    for api, held in tokens_of_connections(local).items():
        assert after[api] in held
        assert held != connected[api]
    assert not [values for values in (before, after) for field in FIELDS if values[field] in said.getvalue()]

    client, s3 = local.aws.client("stepfunctions"), local.aws.client("s3")
    statuses = set()
    for arn in traffic.runs:
        await_that("the run", partial(has_ended, client, arn))
        key = f"outputs/{arn.rpartition(':')[2]}/result.json"
        result = json.loads(s3.get_object(Bucket=local.deployment.stage.bucket, Key=key)["Body"].read())
        statuses |= {(api["statusCode"], api["attempts"]) for api in result["apis"].values()}
    assert statuses == {(200, 1)}


def test_a_revocation_returns_when_no_warm_function_accepts_the_previous_values(local: Local) -> None:
    rotate(local.context, Terminal(io.StringIO()), guard=NOW)
    known = values(local)
    before, current = known["previous"], known
    warm = [local.deployment.stage.authorizer, "the REST API"]
    assert [lets_in(local, function, before) for function in warm] == [True, True]

    (ended, *_) = revoke(local.context, Terminal(io.StringIO()), guard=NOW)
    assert ended > datetime.now(UTC)
    assert [lets_in(local, function, before) for function in warm] == [False, False]
    assert [lets_in(local, function, current) for function in warm] == [True, True]
    forget_secret(local.context)  # what has just refused the old values
    assert "previous" not in values(local)
    assert all(values(local)[api] in held for api, held in tokens_of_connections(local).items())
    assert revoke(local.context, Terminal(io.StringIO()), guard=NOW) == []


def lets_in(local: Local, function: str, known: dict[str, Any]) -> bool:
    """Whether a function, warm from the call before, accepts these values."""
    if function == "the REST API":
        return call_back(local, "ROTATE-A", known["callback"]) == 202
    event = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {known['validation']}",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/POST/mock/validation",
    }
    answer = local.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return bool(json.loads(answer["Payload"].read())["policyDocument"]["Statement"][0]["Resource"])


def has_ended(client: Any, arn: str) -> bool:
    return bool(client.describe_execution(executionArn=arn)["status"] != "RUNNING")


class Broken(Exception):
    """The power went out."""


class Interrupted:
    """A client that breaks before, or after, one of its calls."""

    def __init__(self, client: Any, call: str, when: str) -> None:
        self._client, self._call, self._when = client, call, when

    def __getattr__(self, name: str) -> Any:
        if name != self._call:
            return getattr(self._client, name)

        def breaking(**arguments: Any) -> Any:
            if self._when == "after":
                getattr(self._client, name)(**arguments)
            raise Broken

        return breaking


@pytest.mark.parametrize(
    ("service", "call", "when"),
    [
        ("secretsmanager", "put_secret_value", "before"),
        ("secretsmanager", "put_secret_value", "after"),
        ("cloudformation", "create_change_set", "after"),
        ("cloudformation", "execute_change_set", "before"),
        ("cloudformation", "execute_change_set", "after"),
    ],
)
def test_interrupted_anywhere_it_continues_and_shuts_nobody_out(
    local: Local, service: str, call: str, when: str
) -> None:
    terminal = Terminal(io.StringIO())
    before = values(local)

    def client(name: str) -> Any:
        real = local.aws.client(name)
        return Interrupted(real, call, when) if name == service else real

    with pytest.raises(Broken):
        rotate(replace(local.context, aws=replace(local.aws, make_client=client)), terminal, guard=NOW)
    rotate(local.context, terminal, guard=NOW)
    after = values(local)
    # Where CloudFormation did the rest by itself, the second rotation is one of its own.
    twice = (call, when) == ("execute_change_set", "after")
    assert (after["previous"]["previous"] if twice else after["previous"]) == before
    assert all(after[api] in held for api, held in tokens_of_connections(local).items())
    assert all(call_back(local, "ROTATE-A", known["callback"]) == 202 for known in (before, after))
