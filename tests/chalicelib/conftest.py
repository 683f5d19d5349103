"""Fixtures of the handlers' tests. Nothing leaves the process: moto imitates AWS, and the credentials are invented."""

import json
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from chalice.test import Client
from moto import mock_aws

from chalicelib.sweep import Sweep
from tests.chalicelib.fakes import REGION, SECRET_VALUES, Hooked, StepFunctions, client
from tests.decision_table import make_table

# Derandomised and without a database of failures, so that `make test` gives the same result each time.
hypothesis.settings.register_profile("storygate", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("storygate")

ENVIRONMENT = {
    "STORYGATE_BUCKET": "drop-box",
    "STORYGATE_TABLE": "verdicts",
    "STORYGATE_SECRET": "the-secret",
    "STORYGATE_STATE_MACHINE": "gate",
}
SWEPT_MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:gate"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}


@pytest.fixture(scope="module")
def _app() -> Iterator[Any]:
    """Import the app with its stage's environment and with AWS clients of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | CREDENTIALS).items():
            patch.setenv(name, value)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        import app  # reads the environment when it is imported
        from chalicelib import clients

        clients._made.cache_clear()
        # The stage's configuration does not matter here; the folder has none.
        yield app, Client(app.app, project_dir=os.devnull).http
        clients._made.cache_clear()


@pytest.fixture
def cloud(_app: Any) -> Iterator[Any]:
    """The app in an empty AWS: `app` (the module), `http` (sends requests), and clients of the services it uses."""
    app, http = _app
    with mock_aws():
        _forget(app)
        make_table(client("dynamodb"), app.TABLE)
        client("secretsmanager").create_secret(Name=app.SECRET, SecretString=json.dumps(SECRET_VALUES))
        _make_machine(app.STATE_MACHINE)
        services = {service: client(service) for service in ("dynamodb", "secretsmanager", "stepfunctions")}
        yield SimpleNamespace(app=app, http=http, **services)
        _forget(app)


def _forget(app: Any) -> None:
    app.secret.cache_clear()
    app.verdict_table.cache_clear()


def _make_machine(name: str) -> None:
    definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    role = "arn:aws:iam::123456789012:role/gate"
    client("stepfunctions").create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)


@pytest.fixture
def dynamodb(cloud: Any) -> Any:
    """The decision table's client; a test may hook into its calls."""
    return Hooked(cloud.dynamodb)


@pytest.fixture
def machine() -> Any:
    """Step Functions, which keeps what it was sent."""
    return StepFunctions()


@pytest.fixture
def build(dynamodb: Hooked, machine: StepFunctions) -> Callable[..., Sweep]:
    """Makes a sweep at 13:00 on 2026-01-01, with that table and these executions."""

    def built(ask: Any = None, clock: Any = lambda: 1_767_272_400.0, sleep: Any = lambda _: None) -> Sweep:
        return Sweep(dynamodb, "verdicts", machine, SWEPT_MACHINE, ask, clock, sleep)

    return built
