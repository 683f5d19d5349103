"""Stage `local`, deployed to a local cloud in this process as by `demo`, and the benchmarks' actions on it."""

import io
import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.cloud import LocalCloud
from localcloud.execute_api import Application
from storygate.deployment.bring_up import Deployment, deploy
from storygate.deployment.stage_secret import read_secret
from storygate.operations import jira_webhook
from storygate.runs.inputs import drop
from storygate.runs.result_files import read_result
from storygate.runs.waits import ENTRY
from storygate.stage.aws import isolated
from storygate.stage.config import find_project
from storygate.stage.context import load_context
from storygate.stage.project_copy import copy_project
from storygate.support.terminal import Terminal

LOOK_SECONDS = 0.3


@dataclass(frozen=True)
class Callback:
    """The callback's answer. Status 0: none came."""

    status: int
    body: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class LocalStage:
    """A deployed stage, its bucket, table and state machine, and its secret's values."""

    cloud: LocalCloud
    deployment: Deployment
    values: Mapping[str, str]
    machine: str

    @property
    def secret(self) -> str:
        """What signs webhooks."""
        return self.values["callback"]

    @property
    def bucket(self) -> str:
        """The name of the stage's bucket."""
        return self.deployment.stage.bucket

    def drop(self, name: str, content: bytes) -> str:
        """Upload an input; return the name of the execution that it starts."""
        return drop(self.cloud.client("s3"), self.bucket, name, content).execution

    def call_back(self, body: bytes, headers: Mapping[str, str] | None = None, timeout: float = 60) -> Callback:
        """Post a body as Jira would, signed unless other headers are given. Without an answer the status is 0."""
        sent = {"Content-Type": "application/json"}
        sent |= {"X-Hub-Signature": jira_webhook.sign(body, self.secret)} if headers is None else headers
        request = urllib.request.Request(self.deployment.callback_url, body, sent, method="POST")  # noqa: S310, local
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
                return Callback(answer.status, json.loads(answer.read()), time.perf_counter() - began)
        except urllib.error.HTTPError as error:
            with error:
                error.read()
                return Callback(error.code, {}, time.perf_counter() - began)
        except (OSError, ValueError):
            return Callback(0, {}, time.perf_counter() - began)

    def waiting(self) -> list[str]:
        """The executions that have an entry in the table."""
        return [entry.removeprefix(ENTRY) for entry in self._entries() if entry.startswith(ENTRY)]

    def executions(self) -> dict[str, dict[str, Any]]:
        """Every execution by its name, as ListExecutions answers it."""
        pages = (
            self.cloud.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=self.machine)
        )
        return {execution["name"]: execution for page in pages for execution in page["executions"]}

    def files(self, prefix: str) -> set[str]:
        """The executions that have a file under `outputs/` or `logs/`."""
        pages = self.cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {entry["Key"].split("/")[1] for page in pages for entry in page.get("Contents", [])}

    def result(self, execution: str) -> dict[str, Any]:
        """An execution's result.json; {} if there is none."""
        return read_result(self.cloud.client("s3"), self.bucket, execution) or {}

    def _entries(self) -> list[str]:
        scan = self.cloud.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.deployment.stage.table, ProjectionExpression="entry")
        return [item["entry"]["S"] for page in pages for item in page["Items"]]


@contextmanager
def local_stage(wrap: Callable[[Application], Application] = lambda app: app) -> Iterator[LocalStage]:
    """Run a stage while the block runs; `wrap` as for LocalCloud."""
    with tempfile.TemporaryDirectory(prefix="storygate-bench-") as directory:
        project = copy_project(find_project(), Path(directory))
        with LocalCloud(project, wrap=wrap) as cloud:
            aws = isolated(cloud.client, cloud.environment)
            context = load_context(project, "local", aws)
            deployment = deploy(context, Terminal(io.StringIO()))
            cloud.start_api()
            values = read_secret(cloud.client("secretsmanager"), deployment.stage.secret).values
            yield LocalStage(cloud, deployment, values, context.machine_arn)


def awaited(what: str, done: Callable[[], bool], patience: float) -> None:
    """Wait until `done()`. Raises TimeoutError, which names `what`, after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience:.0f} s")
        time.sleep(LOOK_SECONDS)
