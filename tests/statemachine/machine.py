"""Run the state machine state by state; the test answers the calls of its integrations (`play`)."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from sfnx import testing
from sfnx.testing import Call, Failure, run

from storygate.stage.definition import definition_json
from tests import ROOT, sfnx_once
from tests.statemachine.sdk import misspelled

TEXT = definition_json(ROOT)
PLACEHOLDERS = {
    "Bucket": "the-bucket",
    "Table": "the-table",
    "Projects": "",
    "DefaultTimeoutSeconds": "604800",
    "ClockSkewSeconds": "0",
    "ReleaseUrl": "https://release.invalid",
    "ReleaseConnection": "arn:deployment-connection",
    "RollbackOn": "NoReleaseApi",
    **{f"{api}Url": f"https://apis.example/{api.lower()}" for api in ("Validation", "Deployment", "Notification")},
    **{f"{api}Connection": f"arn:{api.lower()}-connection" for api in ("Validation", "Deployment", "Notification")},
}


@cache
def machine(**parameters: str) -> dict[str, Any]:
    """Return the state machine with its placeholders filled in, those of `parameters` with other values."""
    values = PLACEHOLDERS | parameters
    filled: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+)\}", lambda placeholder: values[placeholder[1]], TEXT))
    testing.check(filled)  # once, see sfnx_once.py
    return filled


MACHINE = machine()

GET = "arn:aws:states:::aws-sdk:s3:getObject"
PUT = "arn:aws:states:::aws-sdk:s3:putObject"
HTTP = "arn:aws:states:::http:invoke"
READ = "arn:aws:states:::aws-sdk:dynamodb:getItem"
WAIT = "arn:aws:states:::aws-sdk:dynamodb:transactWriteItems.waitForTaskToken"

STARTED = "2026-03-01T12:00:00.000Z"
COUNTS_FROM = STARTED  # of a run whose input names no upload
REQUEST = {"jiraStoryId": "PROJ-1", "packageIds": ["pkg-1"]}
VERDICT = {
    "decision": "approved", "status": "Done", "actor": "Ada", "actorId": "5b10-ada", "message": "ship it",
    "decidedAt": "2026-03-01T12:30:00.000Z", "receivedAt": "2026-03-01T12:30:01.000Z",
}  # fmt: skip
REJECTED = VERDICT | {"decision": "rejected"}
PATIENT = 26  # attempts, in some minutes, of what a run must not lose
TOKEN = "token"  # what sfnx hands the wait as its task token
PAYLOAD_BYTES = 262_144  # the most a state may hand on (Step Functions developer guide, service-quotas)

FIND = ("FindInput", "ReadInput")
CALL = ("CallApis", "CallValidation", "CallDeployment", "CallNotification", "ApisSucceeded")
APPROVED = ("WriteApprovedLog", "WriteApprovedResult")
NOT_APPROVED = ("WriteLog", "WriteResult", "NotApproved")


def refused_for(problems: int) -> tuple[str, ...]:
    """Return the states of an input's check: once for each problem, and once to refuse it."""
    return ("InputIsValid",) * (problems + 1)


WAITED = ("FindInput", "InputIsValid", *CALL, "WaitForStory")  # a valid inline request up to its wait
DECIDED = (*WAITED, "VerdictCounts")


class InTurn:
    """Answers for one call after another; the last one is repeated."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)

    def next(self) -> object:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def http(body: object, status: int = 200) -> dict[str, object]:
    """Return an HTTP Task's result."""
    return {"Headers": {"server": ["test"]}, "ResponseBody": body, "StatusCode": status, "StatusText": "OK"}


def refused(status: int) -> Failure:
    """Return an HTTP Task's failure."""
    return Failure(f"States.Http.StatusCode.{status}", "it did not work")


def stored(body: object) -> dict[str, object]:
    """Return getObject's result for a file with this text, or with this value as JSON."""
    return {"Body": body if isinstance(body, str) else json.dumps(body, ensure_ascii=False), "ContentLength": 1}


def story(**attributes: str) -> dict[str, object]:
    """Return getItem's result: the STORY entry."""
    return {"Item": {name: {"S": value} for name, value in attributes.items()}}


CANCELLED = Failure("DynamoDb.TransactionCanceledException", "Transaction cancelled [ConditionalCheckFailed, None]")
SUCCESS = http({"status": "success"})


class Clock:
    """UTC, a millisecond later at each look."""

    def __init__(self) -> None:
        self._moment = datetime.fromisoformat(STARTED)

    def millis(self) -> int:
        self._moment += timedelta(milliseconds=1)
        return int(self._moment.timestamp() * 1000)

    def now(self, _picture: str | None = None) -> str:
        moment = datetime.fromtimestamp(self.millis() / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Run:
    """What a run did."""

    states: tuple[str, ...]
    calls: tuple[Call, ...]
    error: str | None
    cause: str | None
    output: object
    waits: list[testing.Wait] = field(default_factory=list)

    def made_by(self, state: str) -> list[Any]:
        """Return the arguments of the calls that a state made, in order."""
        return [call.arguments for call in self.calls if call.state == state]

    @property
    def result(self) -> dict[str, Any]:
        """Return result.json."""
        written: dict[str, Any] = (self.made_by("WriteResult") or self.made_by("WriteApprovedResult"))[-1]["Body"]
        return written

    @property
    def log(self) -> dict[str, Any]:
        """Return execution.json."""
        written: dict[str, Any] = (self.made_by("WriteLog") or self.made_by("WriteApprovedLog"))[-1]["Body"]
        return written

    @property
    def ending(self) -> tuple[str, str]:
        """Return outcome and reason; check that result, last log event and (unless approved) the run's error agree."""
        said = (self.result["outcome"], self.result["reason"])
        assert (self.log["events"][-1]["step"], self.log["events"][-1]["message"]) == said
        assert (self.error, self.cause) == ((None, None) if said[0] == "approved" else said)
        return said


def play(execution_input: object = REQUEST, machine: Any = MACHINE, **answers: object) -> Run:
    """Run the state machine. `answers`, by name: s3, validation, deployment, notification, release, wait, story, log,
    result; each is what the integration returns, a Failure, or several InTurn. By default all succeed, and the story
    is approved.

    Every call is checked: its arguments' names and types, their size, and that no file gets the token.
    """
    answers = {
        "validation": SUCCESS, "deployment": SUCCESS, "notification": SUCCESS, "release": SUCCESS,
        "wait": VERDICT, "log": {}, "result": {},
    } | answers  # fmt: skip

    def answer(call: Call) -> object:
        check(call)
        given = answers[integration(call)]
        given = given.next() if isinstance(given, InTurn) else given
        if isinstance(given, Failure):
            raise given
        return deepcopy(given)

    clock = Clock()
    waits: list[testing.Wait] = []
    functions = {"now": clock.now, "millis": clock.millis}
    done = sfnx_once.run(
        machine, execution_input, answer, functions=functions, start_time=STARTED, on_wait=waits.append
    )
    return Run(done.states, done.calls, done.error, done.cause, None if done.error is not None else done.output, waits)


def integration(call: Call) -> str:
    """Return the name of a call's answer, as `play` takes it."""
    arguments: Any = call.arguments
    if call.resource == HTTP:
        return str(arguments["ApiEndpoint"]).rsplit("/", 1)[1]
    if call.resource == PUT:
        return "log" if arguments["Key"].startswith("logs/") else "result"
    return {GET: "s3", READ: "story", WAIT: "wait"}[call.resource]


def check(call: Call) -> None:
    """Check a call for what AWS would refuse, and for a task token in a file."""
    arguments: Any = call.arguments
    written = json.dumps(arguments, ensure_ascii=False)
    if len(written.encode()) > PAYLOAD_BYTES:
        raise Failure("States.DataLimitExceeded", f"{len(written.encode())} bytes")
    if call.resource != HTTP:
        assert misspelled(call.resource, arguments) == ""
    if call.resource == PUT:
        assert TOKEN not in written
        assert arguments["ContentType"] == "application/json"
        assert isinstance(arguments["Body"], dict)  # a string would be written with quotes around it


def evaluate(expression: str, functions: dict[str, Callable[..., object]], **variables: object) -> object:
    """Evaluate an expression of a field that sfnx does not evaluate in a run, such as TimeoutSeconds."""
    states = {
        "Given": {"Type": "Pass", "Assign": variables, "Next": "Evaluated"},
        "Evaluated": {"Type": "Pass", "Output": expression, "End": True},
    }
    return run({"QueryLanguage": "JSONata", "StartAt": "Given", "States": states}, {}, functions=functions).output


def all_states(machine: dict[str, Any] = MACHINE) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state, those of branches included."""
    for name, state in machine["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from all_states(branch)


each_api = pytest.mark.parametrize("api", ["validation", "deployment", "notification"])
