"""Cold start: a fresh process answers its first event; ours and three floors alternate.

A floor is a bare Chalice app, packaged by Chalice as ours is, that makes the same boto3 clients while it starts. Floor
A answers without using them. Floor B makes the same AWS calls first, as any function with the same task must. Floor C
makes these calls with clients made as chalicelib/clients.py makes them: the difference is the rest of our code. All
call the same stub of AWS. CPU time decides, since the machine is shared.
"""

import hashlib
import hmac
import json
import random
import resource
import statistics
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from chalice.cli.factory import CLIFactory
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from benchmarks.stub_aws import SECRET, stub_aws
from benchmarks.table import Figure, against
from storygate.stage.config import find_project
from storygate.stage.project_copy import copy_project
from tests.package.runtime_api import ColdStart, cold_start

GOAL = 1.05
PACKAGE_GOAL = 100_000  # bytes
BODY = json.dumps({"jiraStoryId": "PROJ-1", "status": "approved", "message": "ok", "timestamp": 1767261600000})
SIGNATURE = "sha256=" + hmac.new(SECRET["callback"].encode(), BODY.encode(), hashlib.sha256).hexdigest()
CALLBACK = {
    "requestContext": {"resourcePath": "/jira/callback", "httpMethod": "POST", "identity": {"sourceIp": "192.0.2.1"}},
    "headers": {"content-type": "application/json", "x-hub-signature": SIGNATURE},
    "multiValueQueryStringParameters": None,
    "pathParameters": {},
    "stageVariables": None,
    "body": BODY,
    "isBase64Encoded": False,
}
AUTHORIZE = {
    "type": "TOKEN",
    "methodArn": "arn:aws:execute-api:us-east-1:123456789012:api/api/POST/mock/validation",
    "authorizationToken": "Bearer validation-secret",
}
UPLOAD = {"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "inputs/a.json", "versionId": "v1"}}}]}

# The same calls as ours, in the same order, with as little code as possible.
FLOOR = """
import os
from chalice import AuthResponse, Chalice

app = Chalice(app_name="floor")
services = os.environ["FLOOR_CLIENTS"].split()
if "FLOOR_LEAN" in os.environ:
    import gc
    import botocore.session
    from botocore.config import Config

    config = Config(connect_timeout=1, read_timeout=1.5, retries={"mode": "standard", "total_max_attempts": 2})
    gc.disable()
    session = botocore.session.Session()
    clients = {name: session.create_client(name, config=config) for name in services}
    gc.freeze()
    gc.enable()
else:
    import boto3

    clients = {name: boto3.client(name) for name in services}

def call(operations):
    if "FLOOR_CALLS" in os.environ:
        for operation in operations:
            operation()

def read():
    clients["secretsmanager"].get_secret_value(SecretId="s")

def put():
    text = {"S": "2026-01-31T12:00:00.000Z"}
    item = {name: text for name in ("story", "entry", "decision", "decidedAt", "receivedAt", "status", "message")}
    clients["dynamodb"].put_item(TableName="t", Item=item, ConditionExpression="attribute_not_exists(story)")

def query():
    values = {":story": {"S": "PROJ-1"}}
    clients["dynamodb"].query(TableName="t", ConsistentRead=True, KeyConditionExpression="story = :story",
                              ExpressionAttributeValues=values)

def send():
    clients["stepfunctions"].send_task_success(taskToken="t" * 720, output="{}")

def delete():
    clients["dynamodb"].delete_item(TableName="t", Key={"story": {"S": "PROJ-1"}, "entry": {"S": "WAIT#run"}})

def start():
    clients["stepfunctions"].start_execution(stateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
                                             name="n", input="{}")

@app.route("/jira/callback", methods=["POST"], content_types=["*/*"])
def callback():
    call((read, put, query, send, delete))
    return {"ok": True}

@app.authorizer()
def api_token_authorizer(request):
    call((read,))
    return AuthResponse(routes=["/mock/validation"], principal_id="validation")

@app.on_s3_event(bucket="b")
def start_execution(event):
    call((start,))
    return ["n"]
"""

FLOORS = {
    "bare": ("floor A", {}),
    "calling": ("floor B", {"FLOOR_CALLS": "1"}),
    "lean": ("floor C", {"FLOOR_CALLS": "1", "FLOOR_LEAN": "1"}),
}
FUNCTIONS: Sequence[tuple[str, str, Any, str]] = (
    ("callback", "app.app", CALLBACK, "secretsmanager dynamodb stepfunctions"),
    ("authorizer", "app.api_token_authorizer", AUTHORIZE, "secretsmanager"),
    ("trigger", "app.start_execution", UPLOAD, "stepfunctions"),
)


def run(quick: bool) -> Sequence[Figure]:
    """Measure the package's size, then each function's cold start against its floors."""
    with tempfile.TemporaryDirectory() as folder, stub_aws(waiting=1) as aws:
        ours, size = packaged(our_project(Path(folder)), Path(folder) / "ours")
        floor, _ = packaged(floor_project(Path(folder)), Path(folder) / "floor")
        figures = [
            Figure("package", f"{size / 1000:.1f} kB", "< 100 kB", size < PACKAGE_GOAL, "app, chalicelib and Chalice")
        ]
        for name, handler, event, clients in FUNCTIONS:
            variants = {"ours": partial(ours_started, name, ours, handler, event, dict(aws.environment))}
            for kind, (_, settings) in FLOORS.items():
                environment = {**aws.environment, "FLOOR_CLIENTS": clients, **settings}
                variants[kind] = partial(cold_start, floor, handler, event, environment)
            figures += figures_of(name, interleaved(variants, rounds=3 if quick else 30))
    return figures


def ours_started(name: str, task: Path, handler: str, event: Any, environment: dict[str, str]) -> ColdStart:
    """Run our function's cold start. Raises RuntimeError if it did not do its work: its time would mean nothing."""
    started = cold_start(task, handler, event, environment)
    done = {
        "callback": '\\"resumed\\":[\\"run-0000-',
        "authorizer": "/mock/validation",
        "trigger": '["a-',
    }[name]
    if done not in json.dumps(started.answer, separators=(",", ":")):
        raise RuntimeError(f"the {name} answered {started.answer}")
    return started


class Starts:
    """The times of one package's cold starts: seconds of CPU, and of wall time before and after the event came."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.ready: list[float] = []
        self.answered: list[float] = []


def interleaved(variants: Mapping[str, Callable[[], ColdStart]], rounds: int) -> dict[str, Starts]:
    """Start each once in every round, so that a busy machine slows all of them; a first round warms the disk."""
    found = {name: Starts() for name in variants}
    order, shuffled = list(variants.items()), random.Random(1)  # noqa: S311 - no secret
    for number in range(rounds + 1):
        shuffled.shuffle(order)
        for name, start in order:
            before = _children_cpu()
            started = start()
            if number:
                found[name].cpu.append(_children_cpu() - before)
                found[name].ready.append(started.ready)
                found[name].answered.append(started.answered)
    return found


def figures_of(name: str, starts: dict[str, Starts]) -> list[Figure]:
    """Compare ours with each floor by CPU time, round by round, and by the time after the event came."""
    ours = starts["ours"]
    figures = []
    for kind, (what, _) in FLOORS.items():
        floor = starts[kind]
        figures.append(against(f"{name}, CPU to {what}", ours.cpu, floor.cpu, GOAL))
    after = statistics.median(a - r for a, r in zip(ours.answered, ours.ready, strict=True))
    floor_after = statistics.median(
        a - r for a, r in zip(starts["calling"].answered, starts["calling"].ready, strict=True)
    )
    figures.append(
        Figure(
            f"{name}, wall time after the event, to floor B",
            f"{after / floor_after:.2f}",
            None,
            None,
            f"{after * 1000:.0f} against {floor_after * 1000:.0f} ms",
        )
    )
    return figures


def our_project(folder: Path) -> Path:
    """A copy of only the files that ship to Lambda."""
    project = folder / "our-project"
    project.mkdir()
    return copy_project(find_project(), project)


def floor_project(folder: Path) -> Path:
    """The floor, as a Chalice project."""
    project = folder / "floor-project"
    (project / ".chalice").mkdir(parents=True)
    (project / "app.py").write_text(FLOOR)
    (project / "requirements.txt").touch()
    (project / ".chalice" / "config.json").write_text(
        '{"version": "2.0", "app_name": "floor", "stages": {"local": {}}}'
    )
    return project


def packaged(project: Path, task: Path) -> tuple[Path, int]:
    """Build a project's package as `chalice deploy` does, and unpack it; return the directory and the zip's size."""
    config = CLIFactory(str(project)).create_config_obj("local")
    os_utils = OSUtils()
    packager = LambdaDeploymentPackager(os_utils, DependencyBuilder(os_utils), _Silent())
    zipped = Path(packager.create_deployment_package(str(project), config.lambda_python_version))
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(task)
    return task, zipped.stat().st_size


class _Silent(UI):  # type: ignore[misc]
    def write(self, msg: str) -> None:
        """Write nothing."""


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
