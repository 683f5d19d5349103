"""A stage with mocks on a local cloud, whose validation and release then become real APIs."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from localcloud.execute_api import PREFIX
from storygate.deployment.bring_up import Deployment, deploy
from storygate.stage.aws import isolated
from storygate.stage.context import Context, load_context
from storygate.stage.project_copy import copy_project
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from tests import ROOT
from tests.answering import answering

TOKEN = "a token that no mock knows"
PATIENCE = 60.0


@dataclass
class PackagesApi:
    """Real APIs: they know callers by `X-Api-Key`, and answer 503 to the first attempt of a validation."""

    received: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    hanging: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, headers: Any, body: Any) -> tuple[int, dict[str, Any]]:
        self.received.append({"path": path, "headers": {n.lower(): v for n, v in headers.items()}, "body": body})
        if headers.get("X-Api-Key") != TOKEN:
            return 401, {"status": "error"}
        if path == "/release":
            if body["metadata"].get("release") == "hang":
                self.hanging.set()
                self.let_go.wait(PATIENCE)
            return 200, {"status": body["metadata"].get("release", "success")}
        if headers.get("X-Attempt") == "0":
            return 503, {"status": "error"}
        return 200, {"status": "success", "checkedBy": "packages"}

    def received_at(self, path: str, execution: str) -> list[dict[str, Any]]:
        keys = {f"{execution}-{api}" for api in ("validation", "release")}
        return [one for one in self.received if one["path"] == path and one["headers"]["idempotency-key"] in keys]


@pytest.fixture(scope="module")
def real() -> Iterator[PackagesApi]:
    api = PackagesApi()
    with answering(api.answer) as url:
        api.url = url
        yield api


class Paths:
    """WSGI middleware that records the called paths of the REST API."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def around(self, app: Callable[..., Any]) -> Callable[..., Any]:
        def kept(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            path = environ.get("PATH_INFO", "")
            if path.startswith(PREFIX):
                self.called.append("/" + path.removeprefix(PREFIX).split("/", 2)[2])
            return app(environ, start_response)

        return kept


@dataclass(frozen=True)
class Moved:
    """A stage whose validation and release are real, after one run."""

    context: Context
    cloud: LocalCloud
    deployment: Deployment
    connection: str
    definitions: tuple[set[str], set[str]]
    called: list[str]
    result: dict[str, Any]
    begun: str
    told: str


@pytest.fixture(scope="module")
def moved(real: PackagesApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """Deploy with mocks, then name real APIs by their parameters only, and let one run time out."""
    project, paths = copy_project(ROOT, tmp_path_factory.mktemp("project")), Paths()
    with LocalCloud(project, wrap=paths.around) as cloud:
        aws = isolated(cloud.client, cloud.environment)
        bucket = deploy(load_context(project, "local", aws), Terminal(io.StringIO())).stage.bucket
        cloud.start_api()
        before, begun = definitions(cloud, bucket), waiting(cloud)
        paths.called.clear()
        connection = cloud.client("events").create_connection(
            Name="packages-validation",
            AuthorizationType="API_KEY",
            AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": TOKEN}},
        )["ConnectionArn"]
        both_apis = {"ValidationUrl": f"{real.url}/validate", "ReleaseUrl": f"{real.url}/release"}
        configure(project, both_apis | dict.fromkeys(("ValidationConnectionArn", "ReleaseConnectionArn"), connection))
        told = io.StringIO()
        context = load_context(project, "local", aws)
        deployment = deploy(context, Terminal(told))
        result = run(cloud, bucket)
        both = (before, definitions(cloud, bucket))
        yield Moved(context, cloud, deployment, connection, both, paths.called, result, begun, told.getvalue())


def configure(project: Path, workflow: dict[str, str]) -> None:
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["local"]["workflow"] = workflow
    path.write_text(json.dumps(config))


def definitions(cloud: LocalCloud, bucket: str) -> set[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="definitions/")
    return {entry["Key"] for entry in listed["Contents"]}


def waiting(cloud: LocalCloud) -> str:
    """The ARN of a run that waits for its story."""
    client, table = cloud.client("stepfunctions"), cloud.client("dynamodb").list_tables()["TableNames"][0]
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    request = {"jiraStoryId": "PROJ-2", "packageIds": ["pkg-001"]}
    arn = client.start_execution(stateMachineArn=machine, name="begun", input=json.dumps(request))["executionArn"]
    patience = Patience(PATIENCE)
    while not cloud.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]:
        assert patience.pause(), f"the run did not wait within {PATIENCE:g} s"
    return str(arn)


def run(cloud: LocalCloud, bucket: str) -> dict[str, Any]:
    """Start a run without an approval, so that it times out; return its result."""
    client = cloud.client("stepfunctions")
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    request = {"jiraStoryId": "PROJ-1", "packageIds": ["pkg-001"], "metadata": {"team": "a"}, "timeoutSeconds": 1}
    arn = client.start_execution(stateMachineArn=machine, name="real", input=json.dumps(request))["executionArn"]
    patience = Patience(PATIENCE)
    while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
        assert patience.pause(), f"the run did not end in {PATIENCE:g} s"
    result = cloud.client("s3").get_object(Bucket=bucket, Key="outputs/real/result.json")["Body"].read()
    return dict(json.loads(result))
