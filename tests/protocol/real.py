"""The two sides of the protocol as storygate runs them, as processes (replay.py): the callback's handler with a real
body, and a run's states of workflow.asl.yaml, from ApisSucceeded to its decision."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError
from sfnx import testing

from chalicelib import callback
from chalicelib.credentials import sign
from chalicelib.jira_api import Issues, JiraApi
from chalicelib.jira_ask import ask
from chalicelib.rules import Rules
from chalicelib.secret import Secret
from chalicelib.sweep import Asked, Sweep, WaitingStory
from chalicelib.verdicts import VerdictTable
from storygate.stage.definition import NO_RELEASE, definition_json
from tests import ROOT, sfnx_once
from tests.protocol.replay import Past, Replayed, Tamper

STORY, TABLE, KEY = "PROJ-1", "storygate", "a callback secret"
SKEW_SECONDS = 0
STARTED = datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)
COUNTS_FROM = STARTED - timedelta(seconds=SKEW_SECONDS)
NOW = datetime(2026, 1, 31, 13, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:storygate"
RULES = Rules(frozenset({"done"}), frozenset(), frozenset({"rejected"}), frozenset())
STATUSES = {"approved": ("Done", "done"), "rejected": ("Rejected", "done"), "pending": ("In Progress", "indeterminate")}
DEFINITION = definition_json(ROOT)
WAITING = ("ApisSucceeded", "WaitForStory", "ReadVerdict", "VerdictCounts", "LetConflictPass")


@cache
def client(service: str) -> Any:
    """Return a boto3 client that needs no environment."""
    return boto3.client(service, "us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nothing")


def text(moment: datetime) -> str:
    """Return a moment as the table holds it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def webhook(decision: str, decided: datetime) -> bytes:
    """Return Jira's delivery of a status change."""
    status, category = STATUSES[decision]
    body = {
        "timestamp": int(decided.timestamp() * 1000),
        "webhookEvent": "jira:issue_updated",
        "user": {"displayName": "Robin"},
        "issue": {"key": STORY, "fields": {"status": {"name": status, "statusCategory": {"key": category}}}},
        "changelog": {"items": [{"field": "status", "fieldId": "status", "toString": status}]},
    }
    return json.dumps(body).encode()


def table_of(dynamodb: Any, stepfunctions: Any) -> VerdictTable:
    """Return the decision table, at NOW; its pauses take no time."""
    return VerdictTable(dynamodb, TABLE, stepfunctions, clock=NOW.timestamp, sleep=lambda _: None)


class Secrets:
    """Secrets Manager, which holds the secret."""

    def get_secret_value(self, **_: str) -> dict[str, str]:
        """Return the secret."""
        return {"SecretString": json.dumps({"callback": KEY})}


def handler(body: bytes, exceptions: dict[str, Any], tamper: Tamper | None = None) -> Callable[[Past], callback.Answer]:
    """Return the callback route's handler, called with this body."""

    def play(past: Past) -> callback.Answer:
        dynamodb, stepfunctions = (
            Replayed(name, exceptions[name], past, tamper) for name in ("dynamodb", "stepfunctions")
        )
        table = table_of(dynamodb, stepfunctions)
        headers = {"X-Hub-Signature": sign(body, KEY)}
        return callback.answer(body, headers, Secret(Secrets(), "storygate"), table, RULES, NOW)[:2]

    return play


class Jira:
    """Jira, whose answer about the story was made before all other steps: it became this, at that moment."""

    def __init__(self, decision: str, decided: datetime) -> None:
        status, category = STATUSES[decision]
        item = {"field": "status", "fieldId": "status", "fromString": "To Do", "toString": status}
        history = {"created": text(decided), "author": {"displayName": "Robin"}, "items": [item]}
        fields = {"status": {"name": status, "statusCategory": {"key": category}}, "resolution": None}
        self._issue = {"key": STORY, "fields": fields, "changelog": {"total": 1, "histories": [history]}}

    def issues(self, _: list[str]) -> Issues:
        """Return the issue."""
        return Issues([self._issue])


def asked(decision: str, decided: datetime, exceptions: dict[str, Any]) -> Callable[[Past], callback.Answer]:
    """Return the sweep's question to Jira, from its answer on; it returns the runs that went on, as a callback does."""
    jira = cast(JiraApi, Jira(decision, decided))

    def play(past: Past) -> callback.Answer:
        table = table_of(*(Replayed(name, exceptions[name], past) for name in ("dynamodb", "stepfunctions")))
        answer = Asked()
        ask([WaitingStory(STORY, ("execution",))], jira, table, RULES, lambda: NOW, answer)
        assert answer.errors == []
        return 200, {"resumed": answer.decided}

    return play


def sweep(exceptions: dict[str, Any], tamper: Tamper | None = None) -> Callable[[Past], list[str]]:
    """Return the sweep; it returns the runs that it resumed."""

    def play(past: Past) -> list[str]:
        dynamodb, stepfunctions = (
            Replayed(name, exceptions[name], past, tamper) for name in ("dynamodb", "stepfunctions")
        )
        with redirect_stdout(io.StringIO()):
            return Sweep(dynamodb, TABLE, stepfunctions, MACHINE, clock=NOW.timestamp).everything().mended

    return play


def waiting_states(written: str, story: str = STORY) -> dict[str, Any]:
    """Return the definition's states around the wait, unchanged, as in a stage without a release API.

    A Pass stands in for the states before, and an end for each of the two ways out. An end's output is the result's
    outcome and decision, and whether the way leads to the green end.
    """
    states = json.loads(written)["States"]
    waiting = json.dumps({name: states[name] for name in WAITING})
    filled = waiting.replace("${Table}", TABLE).replace("${ClockSkewSeconds}", str(SKEW_SECONDS))
    filled = filled.replace("${ReleaseUrl}", NO_RELEASE)
    apis = {api: {"status": "success"} for api in ("validation", "deployment")}
    ways_out = {"WriteApprovedLog": "WriteApprovedResult", "WriteLog": "WriteResult"}
    results = {log: states[result]["Arguments"]["Body"] for log, result in ways_out.items()}
    before = {"story": story, "timeoutSeconds": 86_400, "events": [], "apis": apis, "decision": None, "droppedAt": None}
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "Before",
        "States": {
            "Before": {"Type": "Pass", "Assign": before, "Next": WAITING[0]},
            **json.loads(filled),
            **{
                log: {
                    "Type": "Succeed",
                    "Output": {"outcome": says["outcome"], "decision": says["decision"], "green": log != "WriteLog"},
                }
                for log, says in results.items()
            },
            **{call: {"Type": "Fail", "Error": "no release API"} for call in ("CallRelease", "CallRollback")},
        },
    }


def run(definition: dict[str, Any]) -> Callable[[Past], Any]:
    """Return a run of these states."""
    testing.check(definition)

    def play(past: Past) -> Any:
        def task(call: testing.Call) -> Any:
            dynamodb = Replayed("dynamodb", None, past)
            try:
                assert isinstance(call.arguments, dict)
                if call.state == "ReadVerdict":
                    return dynamodb.get_item(**call.arguments)
                token = f"token-{1 + sum(map(lost, past.had))}"  # a token that is not in the table may be used again
                dynamodb.transact_write_items(**_with_token(call.arguments, token))
                return json.loads(past.answer("states", "wait", {"token": token}))
            except ClientError as error:
                raise testing.Failure(f"DynamoDb.{error.response['Error']['Code']}") from error

        functions: dict[str, Callable[..., object]]
        functions = {"now": lambda *_: text(NOW), "millis": lambda: int(NOW.timestamp() * 1000), "uuid": lambda: "uuid"}
        return sfnx_once.run(definition, {}, task, functions=functions, start_time=text(STARTED)).output

    return play


def lost(answer: object) -> bool:
    """Return whether this answer was lost after its call was carried out."""
    return isinstance(answer, ClientError) and answer.response["Error"]["Code"] == "SdkClientException"


def _with_token(arguments: Any, token: str) -> Any:
    """Return the transaction with another token: sfnx calls every token "token"."""
    return json.loads(json.dumps(arguments).replace('{"S": "token"}', json.dumps({"S": token})))
