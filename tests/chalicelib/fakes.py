"""Stand-ins for AWS clients (with boto3's own exceptions), for a clock, and for the decision table."""

import copy
import json
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3

from chalicelib import rules
from chalicelib.apis import APIS
from chalicelib.credentials import sign
from chalicelib.settings import fold
from chalicelib.verdicts import Delivery, Verdict
from tests import ROOT

REGION = "eu-central-1"
SAMPLES = ROOT / "samples" / "jira"
SECRET_VALUES = {name: f"{name}-7f3a-Zq9" for name in ("callback", "automation", *APIS)}
DEFAULT_RULES = rules.Rules(
    *(
        frozenset(map(fold, names))
        for names in (
            rules.APPROVED_STATUSES,
            rules.APPROVED_RESOLUTIONS,
            rules.REJECTED_STATUSES,
            rules.REJECTED_RESOLUTIONS,
        )
    )
)


@cache
def client(service: Any) -> Any:
    """Return the real client, made once; inside `mock_aws` it reaches only moto."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, region_name=REGION, **keys)


def exceptions(service: Any) -> Any:
    """Return the exceptions of the real client, which the code under test catches by name."""
    return client(service).exceptions


def aws_error(service: Any, code: str, operation: str = "Call") -> Any:
    """Return an error as boto3 raises it: of the modelled class, if the service has one."""
    error = {"Error": {"Code": code, "Message": f"{code} from a test"}}
    return getattr(exceptions(service), code, exceptions(service).ClientError)(error, operation)


@cache
def _sample_text(name: str) -> Any:
    return (SAMPLES / f"{name}.json").read_text(encoding="utf-8")


def sample(name: str) -> Any:
    """Return a fresh copy of samples/jira/<name>.json."""
    return json.loads(_sample_text(name))


def changed(body: Any, path: Any, value: Any) -> Any:
    """Return a copy of the body with the value at a dotted path replaced; the parts on the way must exist."""
    body = copy.deepcopy(body)
    *way, last = path.split(".")
    part = body
    for step in way:
        part = part[step]
    part[last] = value
    return body


def proof(raw: bytes) -> dict[str, str]:
    """Return the headers of a body's usual sender: Jira signs its webhooks, Automation and scripts send a bearer."""
    if b'"webhookEvent"' in raw:
        return {"X-Hub-Signature": sign(raw, SECRET_VALUES["callback"])}
    return {"Authorization": f"Bearer {SECRET_VALUES['automation']}"}


def without(body: Any, path: Any) -> Any:
    """Return a copy of the body without the value at a dotted path."""
    *way, last = path.split(".")
    body = copy.deepcopy(body)
    part = body
    for step in way:
        part = part[step]
    del part[last]
    return body


class Clock:
    """A clock in seconds, which a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> Any:
        return self.now


class SecretsManager:
    """One secret as text; `failure`, if set, is raised instead of an answer."""

    def __init__(self, value: Any = SECRET_VALUES) -> None:
        self.exceptions = exceptions("secretsmanager")
        self.calls: list[str] = []
        self.failure: Exception | None = None
        self.put(value)

    def put(self, value: Any) -> None:
        self.text = value if isinstance(value, str) else json.dumps(value)

    def rotate(self, value: Any, at: str = "1970-01-01T00:16:40Z") -> None:
        """Make the new value the current one, and the current one the previous one; by default at Clock's start."""
        self.put(value | {"previous": json.loads(self.text), "rotatedAt": at})

    def get_secret_value(self, *, SecretId: Any) -> Any:
        self.calls.append(SecretId)
        if self.failure:
            raise self.failure
        return {"Name": SecretId, "SecretString": self.text}


class StepFunctions:
    """Executions by name, and tasks by token. `over` holds the error for a token whose run is over, `calls` each call,
    `sent` the verdict that each token got. Runs whose names are in `ended` have ended, all others run."""

    def __init__(self) -> None:
        self.exceptions = exceptions("stepfunctions")
        self.started: dict[str, tuple[str, str]] = {}
        self.ended: set[str] = set()
        self.known: set[str] = set()
        self.unlisted: set[str] = set()
        self.refused: dict[str, Exception] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.sent: dict[str, Any] = {}
        self.over: dict[str, str] = {}

    def start_execution(self, *, stateMachineArn: Any, name: str, input: Any) -> Any:
        if name in self.refused:
            raise self.refused[name]
        known = self.started.get(name)
        if name in self.ended or (known and known != (stateMachineArn, input)):
            raise aws_error("stepfunctions", "ExecutionAlreadyExists", "StartExecution")
        self.started[name] = (stateMachineArn, input)
        return {"executionArn": f"{stateMachineArn}:{name}"}

    def list_executions(self, *, stateMachineArn: str, statusFilter: str, maxResults: int, nextToken: str = "0") -> Any:
        """Return the running ones of `known`, page by page; those in `unlisted` a moment later."""
        assert (stateMachineArn.split(":")[5], statusFilter, maxResults) == ("stateMachine", "RUNNING", 1000)
        names = sorted(self.known - self.ended - self.unlisted)
        begin = int(nextToken)
        more = {"nextToken": str(begin + maxResults)} if begin + maxResults < len(names) else {}
        return {"executions": [{"name": name} for name in names[begin : begin + maxResults]], **more}

    def describe_execution(self, *, executionArn: str) -> Any:
        name = executionArn.rpartition(":")[2]
        self.calls.append(("DescribeExecution", {"executionArn": executionArn}))
        if name not in self.known:
            raise aws_error("stepfunctions", "ExecutionDoesNotExist", "DescribeExecution")
        return {"status": "ABORTED" if name in self.ended else "RUNNING"}

    def send_task_success(self, *, taskToken: Any, output: Any) -> None:
        if taskToken in self.over:
            raise aws_error("stepfunctions", self.over[taskToken], "SendTaskSuccess")
        self.calls.append(("SendTaskSuccess", {"taskToken": taskToken, "output": output}))
        self.sent[taskToken] = json.loads(output)


class Table:
    """A decision table that keeps every verdict, and in which no run waits."""

    def __init__(self, failure: Any = None) -> None:
        self.delivered: list[tuple[str, Verdict]] = []
        self.moves: list[tuple[str, str]] = []
        self.failure = failure

    def deliver(
        self,
        story: str,
        verdict: Verdict,
        former_key: str | None = None,
        arrived: float | None = None,  # noqa: ARG002
    ) -> Delivery:
        if self.failure:
            raise self.failure
        self.delivered.append((story, verdict))
        if former_key:
            self.moves.append((story, former_key))
        return Delivery(verdict)

    def move(self, story: str, former_key: str, arrived: float | None = None) -> Delivery:  # noqa: ARG002
        if self.failure:
            raise self.failure
        self.moves.append((story, former_key))
        return Delivery()

    def resume(self, story: str, arrived: float | None = None) -> Delivery:  # noqa: ARG002
        if self.failure:
            raise self.failure
        return Delivery()


class Hooked:
    """DynamoDB's client, for the table "verdicts". `before[operation]` gets a call's arguments, and may raise."""

    def __init__(self, client: Any) -> None:
        self.client, self.exceptions = client, client.exceptions
        self._one_at_a_time = threading.Lock()  # moto's tables are no safer than a dictionary
        self.before: dict[str, Callable[[dict[str, Any]], object]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            if operation in self.before:
                self.before[operation](arguments)
            with self._one_at_a_time:
                return getattr(self.client, operation)(**arguments)

        return call

    def put(self, story: str, entry: Any, **values: Any) -> None:
        item = {"story": story, "entry": entry, **values}
        self.client.put_item(TableName="verdicts", Item={name: {"S": value} for name, value in item.items()})

    def wait(
        self, run: str, story: str = "P-1", counts_from: Any = "2026-01-01T10:00:00.000Z", token: str | None = None
    ) -> None:
        times = {"countsFrom": counts_from, "startedAt": counts_from}
        self.put(story, f"WAIT#{run}", taskToken=token or f"token of {run}", **times)

    def say(self, verdict: Any, story: str = "P-1") -> None:
        times = {"decidedAt": verdict.decided_at, "receivedAt": verdict.received_at}
        self.put(story, "STORY", decision=verdict.decision, **times)

    def entry(self, story: str, entry: Any) -> Any:
        key = {"story": {"S": story}, "entry": {"S": entry}}
        return self.client.get_item(TableName="verdicts", Key=key).get("Item")


def wait(dynamodb: Hooked, machine: StepFunctions, *runs: str, story: str = "P-1", **given: Any) -> None:
    """Let runs wait that go on running."""
    for run in runs:
        dynamodb.wait(run, story, **given)
        machine.known.add(run)
