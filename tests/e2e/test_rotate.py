"""A rotation under load: callbacks and runs continue, and no request is refused."""

import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from storygate.deployment.rotation import MIN_AGE, rotate
from storygate.deployment.stage_secret import FIELDS, read_versions
from storygate.operations import jira_webhook
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from tests.e2e.conftest import Command, Local

APIS = ("validation", "deployment", "notification")
BETWEEN_REQUESTS = 0.2
PATIENCE = 30.0


def values(local: Local, stage: str = "AWSCURRENT") -> dict[str, str]:
    secrets = local.aws.client("secretsmanager")
    found = secrets.get_secret_value(SecretId=local.deployment.stage.secret, VersionStage=stage)
    return dict(json.loads(found["SecretString"]))


def tokens_of_connections(local: Local) -> dict[str, str]:
    events, secrets = local.aws.client("events"), local.aws.client("secretsmanager")
    found = {}
    for api in APIS:
        arn = events.describe_connection(Name=f"{local.deployment.stage.state_machine}-{api}")["SecretArn"]
        found[api] = secrets.get_secret_value(SecretId=arn)["SecretString"]
    return found


def call_back(local: Local, story: str, secret: str) -> int:
    body = json.dumps({"jiraStoryId": story, "status": "approved"}).encode()
    headers = {"Content-Type": "application/json", "X-Hub-Signature": jira_webhook.sign(body, secret)}
    request = urllib.request.Request(local.deployment.callback_url, body, headers, method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
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
        request = {"jiraStoryId": f"RUN-{number}", "packageIds": ["pkg-001"], "timeoutSeconds": 1}
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
                thread.join(PATIENCE)


def await_that(what: str, happened: Callable[[], bool]) -> None:
    patience = Patience(PATIENCE)
    while not happened():
        assert patience.pause(), f"waited {PATIENCE:g} s for {what}"


def test_no_callback_and_no_run_is_refused_while_all_secrets_change(local: Local, storygate: Command) -> None:
    before, connected = values(local), tokens_of_connections(local)
    traffic = Traffic(local, before["callback"])
    with traffic.flowing():
        await_that("traffic", lambda: len(traffic.runs) > 1 and traffic.seen("before") > 1)
        ended = storygate("rotate")
        assert ended.code == 0, ended.err
        await_that("traffic after it", lambda: traffic.seen("new") > 4)
        runs_after = len(traffic.runs) + 2
        await_that("runs after it", lambda: len(traffic.runs) >= runs_after)
    assert not traffic.broken
    assert {status for _, status in traffic.answers} == {202}

    after = values(local)
    assert values(local, "AWSPREVIOUS") == before
    assert not set(before.values()) & set(after.values())
    for api, held in tokens_of_connections(local).items():
        assert after[api] in held
        assert held != connected[api]
    assert "aws secretsmanager get-secret-value" in ended.out
    assert not [secret for secret in (*before.values(), *after.values()) if secret in ended.out + ended.err]

    client, s3 = local.aws.client("stepfunctions"), local.aws.client("s3")
    statuses = set()
    for arn in traffic.runs:
        await_that("the run", partial(has_ended, client, arn))
        key = f"outputs/{arn.rpartition(':')[2]}/result.json"
        result = json.loads(s3.get_object(Bucket=local.deployment.stage.bucket, Key=key)["Body"].read())
        statuses |= {(api["statusCode"], api["attempts"]) for api in result["apis"].values()}
    assert statuses == {(200, 1)}


def test_a_second_rotation_so_soon_is_refused_and_forced_ends_the_value_before(
    local: Local, storygate: Command
) -> None:
    none = timedelta(0)
    rotate(local.context, Terminal(io.StringIO()), min_age=none, guard=none)
    current, previous = values(local)["callback"], values(local, "AWSPREVIOUS")["callback"]
    ended = storygate("rotate")
    assert ended.code == 1
    assert "Jira may still send" in ended.err
    assert "--force" in ended.err
    assert values(local)["callback"] == current
    assert call_back(local, "ROTATE-A", previous) == 202

    assert storygate("rotate", "--min-age", "0s").code == 0
    # A warm function keeps what it knows for minutes, unless it meets a value it does not know.
    assert call_back(local, "ROTATE-A", values(local)["callback"]) == 202
    assert call_back(local, "ROTATE-A", current) == 202
    assert call_back(local, "ROTATE-A", previous) == 401


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
def test_interrupted_anywhere_it_continues_and_makes_one_new_version(
    local: Local, service: str, call: str, when: str
) -> None:
    stage, terminal, none = local.deployment.stage, Terminal(io.StringIO()), timedelta(0)
    before = read_versions(local.aws.client("secretsmanager"), stage.secret)

    def client(name: str) -> Any:
        real = local.aws.client(name)
        return Interrupted(real, call, when) if name == service else real

    with pytest.raises(Broken):
        rotate(replace(local.context, aws=replace(local.aws, make_client=client)), terminal, min_age=none, guard=none)
    if (call, when) == ("execute_change_set", "after"):
        # CloudFormation does the rest by itself; this would be another rotation.
        with pytest.raises(OperatorError, match="last rotation was"):
            rotate(local.context, terminal)
    else:
        rotate(local.context, terminal, min_age=none if when == "before" else MIN_AGE, guard=none)
    after = read_versions(local.aws.client("secretsmanager"), stage.secret)
    assert after.previous == before.current
    assert all(values(local)[api] in held for api, held in tokens_of_connections(local).items())
    assert set(values(local)) == set(FIELDS)
