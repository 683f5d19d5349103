"""A stage deployed to a local cloud, and the command line working on it."""

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos_faults import Faults
from chalicelib.entries import Entries
from localcloud.cloud import LocalCloud
from localcloud.jira.local_jira import LocalJira
from localcloud.jira.site import Site
from storygate.cli import main
from storygate.commands.local_jira import SITE, STORIES, connect
from storygate.deployment.bring_up import Deployment, deploy
from storygate.runs.executions import RUNNING, Runs
from storygate.stage.aws import Aws, isolated
from storygate.stage.context import Context, load_context
from storygate.stage.project_copy import copy_project
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from tests import ROOT
from tests.jira_openapi import Recorder, violations

SECONDS = 90.0
"""The longest that a test waits for what an idle machine does at once."""


@dataclass(frozen=True)
class Local:
    """A local cloud with stage `local` deployed to it, and the Jira that it knows."""

    context: Context
    cloud: LocalCloud
    deployment: Deployment
    faults: Faults  # does nothing until it is given a plan
    jira: LocalJira

    @property
    def project(self) -> Path:
        return self.context.project

    @property
    def aws(self) -> Aws:
        return self.context.aws


@dataclass(frozen=True)
class Ended:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Ended]
"""Runs a command: `storygate("list", "--json")`; `--stage` is added."""


@pytest.fixture(scope="package")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """Once for all of tests/e2e, since deploying takes seconds; tests that need a cloud of their own: tests/deploy."""
    faults, recorder = Faults(), Recorder()
    site = Site(summaries=STORIES)
    with (
        LocalJira(site=site, wrap=recorder.wrap, pause=lambda _: 0.2) as jira,
        LocalCloud(tmp_path_factory.mktemp("project"), wrap=faults.wrap) as cloud,
    ):
        project = copy_project(ROOT, cloud.project, {SITE: jira.url})
        aws = isolated(cloud.client, cloud.environment)
        context = load_context(project, "local", aws)
        deployment = deploy(context, Terminal(io.StringIO()))
        cloud.start_api()
        cloud.schedules.stop()  # tests sweep themselves; on a busy machine the clock would come in between
        connect(context, jira)
        yield Local(context, cloud, deployment, faults, jira)
    assert violations(recorder.exchanges) == []


@pytest.fixture
def alone(local: Local) -> None:
    """End the runs that other tests left waiting: a sweep goes through all that wait."""
    runs = Runs(local.context)
    left = [run.name for run in runs.latest(RUNNING)]
    for name in left:
        runs.stop(name, "left by another test")
    for name in left:
        patience = Patience(SECONDS)
        while runs.describe(name)["status"] == RUNNING:
            assert patience.pause(), f"{name} still runs"
    entries = Entries(local.aws.client("dynamodb"), local.context.stage.table)
    for story in entries.waiting():
        for run in entries.read(story).waiting:
            entries.remove(run)


@pytest.fixture
def storygate(local: Local, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command as an operator would: AWS by the environment, the project by the current directory."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in local.aws.environment.items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(local.project)

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        try:
            code = main([*arguments, "--stage", "local"])
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run
