"""A project with one stage, an AWS in memory, and a terminal that can be read."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from storygate.stage.aws import Aws
from storygate.stage.config import Stage, load_stage
from storygate.stage.context import Context
from storygate.support.terminal import Terminal
from tests import ROOT

REGION = "eu-west-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}


Configure = Callable[[Callable[[dict[str, Any]], Any]], Path]
"""Edits the project's config.json, as `configure` does."""


@dataclass
class Screen:
    """What the operator would have seen."""

    stream: io.StringIO
    terminal: Terminal

    @property
    def text(self) -> str:
        return self.stream.getvalue()


@pytest.fixture
def screen() -> Screen:
    stream = io.StringIO()
    return Screen(stream, Terminal(stream))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The repository's own configuration and templates, free to be spoilt."""
    for name in (".chalice", "statemachine"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("deploy*"))
    return tmp_path


@pytest.fixture
def configure(project: Path) -> Configure:
    """Edits the project's config.json: `configure(lambda config: config["stages"].pop("dev"))`."""

    def edit(change: Callable[[dict[str, Any]], Any]) -> Path:
        path = project / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))
        return project

    return edit


@pytest.fixture
def stage(project: Path) -> Stage:
    return load_stage(project, "dev", REGION)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An AWS in memory, empty."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": False}}):  # whatever ran in this process before
        yield Aws(boto3.Session(region_name=REGION).client, REGION, KEYS)


@pytest.fixture
def context(project: Path, stage: Stage, aws: Aws) -> Context:
    """Stage dev in that AWS."""
    return Context(project, stage, aws)
