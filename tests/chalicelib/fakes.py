"""Stand-ins for what storygate is handed: AWS clients with boto3's own exceptions, a clock, the decision table."""

import copy
import json
from functools import cache

import boto3

from chalicelib import jira
from chalicelib.verdicts import Delivery
from tests import ROOT

REGION = "eu-central-1"
SAMPLES = ROOT / "samples" / "jira"
SECRET_VALUES = {name: f"{name}-7f3a-Zq9" for name in ("callback", "validation", "deployment", "notification")}
DEFAULT_RULES = jira.Rules(
    frozenset(),
    frozenset(name.casefold() for name in jira.REJECTED_STATUSES),
    frozenset(name.casefold() for name in jira.REJECTED_RESOLUTIONS),
)


@cache
def client(service):
    """The real client, made once; it reaches moto alone, inside `mock_aws`."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, region_name=REGION, **keys)


def exceptions(service):
    """The exceptions of the real client, which the code under test catches by name."""
    return client(service).exceptions


def aws_error(service, code, operation="Call"):
    """An error as boto3 raises it: the modelled class where the service has one."""
    error = {"Error": {"Code": code, "Message": f"{code} from a test"}}
    return getattr(exceptions(service), code, exceptions(service).ClientError)(error, operation)


@cache
def _sample_text(name):
    return (SAMPLES / f"{name}.json").read_text(encoding="utf-8")


def sample(name):
    """A fresh copy of samples/jira/<name>.json."""
    return json.loads(_sample_text(name))


def changed(body, path, value):
    """A copy of the body with the value at a dotted path replaced; the parts on the way must exist."""
    body = copy.deepcopy(body)
    *way, last = path.split(".")
    part = body
    for step in way:
        part = part[step]
    part[last] = value
    return body


def without(body, path):
    """A copy of the body that lacks what is at a dotted path."""
    *way, last = path.split(".")
    body = copy.deepcopy(body)
    part = body
    for step in way:
        part = part[step]
    del part[last]
    return body


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class SecretsManager:
    """One secret's versions by staging label, as text; `failure` is raised in place of any answer."""

    def __init__(self, current=SECRET_VALUES, previous=None):
        self.exceptions = exceptions("secretsmanager")
        self.versions = {}
        self.calls = []
        self.failure = None
        self.put("AWSCURRENT", current)
        if previous is not None:
            self.put("AWSPREVIOUS", previous)

    def put(self, stage, value):
        self.versions[stage] = value if isinstance(value, str) else json.dumps(value)

    def rotate(self, value):
        """The new value becomes the current one, the current one the previous one."""
        self.versions["AWSPREVIOUS"] = self.versions["AWSCURRENT"]
        self.put("AWSCURRENT", value)

    def get_secret_value(self, *, SecretId, VersionStage):
        self.calls.append((SecretId, VersionStage))
        if self.failure:
            raise self.failure
        if VersionStage not in self.versions:
            raise aws_error("secretsmanager", "ResourceNotFoundException", "GetSecretValue")
        return {"Name": SecretId, "SecretString": self.versions[VersionStage]}


class StepFunctions:
    """Executions by name, and tasks by token: `over` says which error a token's task answers with, `calls` how each
    answer was sent, `sent` which verdict was in it."""

    def __init__(self):
        self.exceptions = exceptions("stepfunctions")
        self.started = {}
        self.ended = set()
        self.refused = {}
        self.calls = []
        self.sent = {}
        self.over = {}

    def start_execution(self, *, stateMachineArn, name, input):
        if name in self.refused:
            raise self.refused[name]
        known = self.started.get(name)
        if name in self.ended or (known and known != (stateMachineArn, input)):
            raise aws_error("stepfunctions", "ExecutionAlreadyExists", "StartExecution")
        self.started[name] = (stateMachineArn, input)
        return {"executionArn": f"{stateMachineArn}:{name}"}

    def send_task_success(self, *, taskToken, output):
        if taskToken in self.over:
            raise aws_error("stepfunctions", self.over[taskToken], "SendTaskSuccess")
        self.calls.append(("SendTaskSuccess", {"taskToken": taskToken, "output": output}))
        self.sent[taskToken] = json.loads(output)


class Table:
    """Takes every verdict, and remembers it; nothing waits in it."""

    def __init__(self, failure=None):
        self.delivered = []
        self.moves = []
        self.failure = failure

    def deliver(self, story, verdict, former_key=None):
        if self.failure:
            raise self.failure
        self.delivered.append((story, verdict))
        if former_key:
            self.moves.append((story, former_key))
        return Delivery(verdict)

    def move(self, story, former_key):
        if self.failure:
            raise self.failure
        self.moves.append((story, former_key))


class Hooked:
    """DynamoDB's client, for the table "verdicts". `before[operation]` gets such a call's arguments, and may raise."""

    def __init__(self, client):
        self.client, self.exceptions, self.before, self.calls = client, client.exceptions, {}, []

    def __getattr__(self, operation):
        def call(**arguments):
            self.calls.append((operation, arguments))
            if operation in self.before:
                self.before[operation](arguments)
            return getattr(self.client, operation)(**arguments)

        return call

    def put(self, story, entry, **values):
        item = {"story": story, "entry": entry, **values}
        self.client.put_item(TableName="verdicts", Item={name: {"S": value} for name, value in item.items()})

    def wait(self, run, story="P-1", counts_from="2026-01-01T10:00:00.000Z", token=None):
        self.put(story, f"WAIT#{run}", taskToken=token or f"token of {run}", countsFrom=counts_from)

    def say(self, verdict, story="P-1"):
        times = {"decidedAt": verdict.decided_at, "receivedAt": verdict.received_at}
        self.put(story, "STORY", decision=verdict.decision, **times)

    def entry(self, story, entry):
        key = {"story": {"S": story}, "entry": {"S": entry}}
        return self.client.get_item(TableName="verdicts", Key=key).get("Item")
