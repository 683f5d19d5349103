"""Histories of runs as GetExecutionHistory returns them, with the tokens and headers that AWS puts into them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from storygate.report.coordinates import read_drawing
from storygate.report.view import RunView, of_events
from storygate.stage.definition import read_definition
from tests import ROOT

BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NAME = "approved-0123456789abcdef"
ARN = f"arn:aws:states:eu-west-1:123456789012:execution:storygate-dev:{NAME}"
TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAd0tK1"
BEARER = "c0ffee-bearer-of-the-api"
WRITES = {True: ("WriteApprovedLog", "WriteApprovedResult"), False: ("WriteLog", "WriteResult")}
DEFINITION: dict[str, Any] = read_definition(ROOT)
DRAWING = read_drawing(ROOT)
REQUEST = {"jiraStoryId": "proj-1", "packageIds": ["pkg-1", "pkg-2"], "metadata": {"environment": "production"}}
VERDICT = {
    "decision": "approved",
    "status": "Done",
    "actor": "Ada Marlow",
    "actorId": "5b10-ada",
    "message": "status Done",
    "decidedAt": "2026-01-31T12:30:00.000Z",
    "receivedAt": "2026-01-31T12:30:01.500Z",
}


class Run:
    """A history, built event by event; each event follows the one before it, unless `previous` names another."""

    def __init__(self, request: Any = None, **wrong: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.now = BEGAN
        self.request = REQUEST if request is None else request
        self.story: Any = str(self.request.get("jiraStoryId", "")).upper()
        self.add("ExecutionStarted", executionStarted={"input": json.dumps(self.request)})
        self.state("FindInput", "Choice", request=self.request)
        packages = self.request.get("packageIds")
        self.state("InputIsValid", "Choice", request=None, story=self.story, packageIds=packages, **wrong)

    def add(self, kind: str, seconds: float = 0.01, previous: int | None = None, **details: Any) -> int:
        self.now += timedelta(seconds=seconds)
        number = len(self.events) + 1
        named = {f"{name}EventDetails": value for name, value in details.items()}
        before = number - 1 if previous is None else previous
        self.events.append({"id": number, "previousEventId": before, "type": kind, "timestamp": self.now, **named})
        return number

    def enter(self, state: str, kind: str = "Task", previous: int | None = None) -> int:
        return self.add(
            f"{kind}StateEntered", previous=previous, stateEntered={"name": state, "input": '{"token": "no"}'}
        )

    def leave(
        self, state: str, kind: str = "Task", previous: int | None = None, output: Any = None, **given: Any
    ) -> int:
        """Leave a state with an output and assigned variables."""
        assigned = {name: json.dumps(value) for name, value in given.items()}
        exited = {"name": state, "output": json.dumps(output), "assignedVariables": assigned}
        return self.add(f"{kind}StateExited", previous=previous, stateExited=exited)

    def state(self, state: str, kind: str, **assigned: Any) -> int:
        self.enter(state, kind)
        return self.leave(state, kind, **assigned)

    def attempt(self, previous: int, error: str = "", output: Any = None, kind: str = "http", **parameters: Any) -> int:
        scheduled = {"resourceType": kind, "resource": parameters.pop("resource", "invoke")}
        number = self.add(
            "TaskScheduled", previous=previous, taskScheduled=scheduled | {"parameters": json.dumps(parameters)}
        )
        if error:
            return self.add("TaskFailed", 1.0, number, taskFailed={"error": error, "cause": f"Bearer {BEARER}"})
        headers = {"Set-Cookie": [f"session={BEARER}"], "x-echo": [f"Bearer {BEARER}"]}
        result = {"Headers": headers, "ResponseBody": output, "StatusCode": 200}
        return self.add("TaskSucceeded", 0.5, number, taskSucceeded={"output": json.dumps(result)})

    def apis(self, failed: str = "", retries: int = 0, response: Any = None) -> "Run":
        """Add the three parallel calls; the deployment is retried `retries` times."""
        self.enter("CallApis", "Parallel")
        started = self.add("ParallelStateStarted")
        entered = {api: self.enter(f"Call{api.capitalize()}", previous=started) for api in APIS}
        apis, last = {}, 0
        for api, number in entered.items():
            tries = retries if api == "deployment" else 0
            for _ in range(tries):
                number = self.attempt(number, "States.Http.StatusCode.503")
            body = response or {"status": "failed" if api == failed else "success"}
            number = self.attempt(number, output=body)
            error = "the answer does not say so" if api == failed else None
            status = "failed" if error else "success"
            apis[api] = {"status": status, "statusCode": 200, "attempts": tries + 1, "response": body, "error": error}
            last = self.leave(f"Call{api.capitalize()}", previous=number, output={"at": "x", "answer": apis[api]})
        self.add("ParallelStateSucceeded", previous=last)
        self.leave("CallApis", "Parallel", previous=last, apis=apis, events=[log("validation", "The API succeeded.")])
        self.state("ApisSucceeded", "Choice")
        return self

    def wait(self) -> "Run":
        self.enter("WaitForStory")
        item = {"taskToken": {"S": TOKEN}}
        parameters = json.dumps({"TransactItems": [{"Put": {"Item": item}}]})
        resource = {"resourceType": "aws-sdk:dynamodb", "resource": "transactWriteItems.waitForTaskToken"}
        self.add("TaskScheduled", taskScheduled={**resource, "parameters": parameters})
        self.add("TaskSubmitted", taskSubmitted={"output": json.dumps({"taskToken": TOKEN})})
        return self

    def conflict(self) -> "Run":
        """Add a refused entry: the run looks for a verdict, and returns to the wait."""
        self.enter("WaitForStory")
        resource = {"resourceType": "aws-sdk:dynamodb", "resource": "transactWriteItems.waitForTaskToken"}
        self.add("TaskScheduled", taskScheduled={**resource, "parameters": json.dumps({"token": TOKEN})})
        self.add("TaskFailed", taskFailed={"error": "DynamoDb.TransactionCanceledException", "cause": TOKEN})
        self.leave("WaitForStory")
        self.state("ReadVerdict", "Task", decision=None)
        self.state("VerdictCounts", "Choice")
        self.state("LetConflictPass", "Wait")
        return self

    def resume(self, seconds: float = 1800, verdict: Any = VERDICT) -> "Run":
        """The verdict is the task's result; the Choice after it names outcome and reason."""
        said = json.dumps({**verdict, "taskToken": TOKEN})
        self.add("TaskSucceeded", seconds, taskSucceeded={"output": said})
        self.leave("WaitForStory", output={}, decision=verdict)
        reason = f"{self.story} was {verdict['decision']} by {verdict['actor']}."
        self.state("VerdictCounts", "Choice", outcome=verdict["decision"], reason=reason)
        return self

    def time_out(self) -> "Run":
        self.add("TaskTimedOut", 3, taskTimedOut={"error": "States.Timeout"})
        self.leave("WaitForStory", outcome="timed_out", reason="Nobody answered.")
        return self

    def call_release(self, state: str, status: str = "success") -> "Run":
        """Add the call of the release API after the verdict, and the Choice after it."""
        number = self.attempt(self.enter(state), output={"status": status})
        error = None if status == "success" else "the answer does not say so"
        answer = {"status": status, "statusCode": 200, "attempts": 1, "response": {"status": status}, "error": error}
        self.leave(state, previous=number, output={"at": "x", "message": "It did.", "answer": answer})
        self.state("ReleaseEnded", "Choice")
        return self

    def end(self, outcome: str, reason: str = "") -> "Run":
        """Write log and result, and end the run as the workflow does."""
        approved = outcome == "approved"
        writes = (
            (f"logs/{NAME}/execution.json", {"events": [log("started", "It began."), log(outcome, reason)]}),
            (f"outputs/{NAME}/result.json", {"outcome": outcome}),
        )
        for state, (key, body) in zip(WRITES[approved], writes, strict=True):
            number = self.enter(state)
            self.attempt(number, kind="aws-sdk:s3", resource="putObject", Bucket="b", Key=key, Body=body)
            self.leave(state)
        if approved:
            self.add("ExecutionSucceeded", executionSucceeded={"output": "{}"})
        else:
            self.enter("NotApproved", "Fail")
            self.add("ExecutionFailed", executionFailed={"error": outcome, "cause": reason})
        return self

    def stop(self) -> "Run":
        self.add(
            "ExecutionAborted", 5, 0, executionAborted={"error": "cancelled", "cause": "cancelled by ann: why not"}
        )
        return self


APIS = ("validation", "deployment", "notification")


def log(step: str, message: str) -> dict[str, str]:
    return {"at": "2026-01-31T12:00:00.500Z", "step": step, "message": message}


def invalid() -> Run:
    wrong = {"outcome": "invalid_input", "reason": "Correct the input."}
    return Run({"jiraStoryId": "", "packageIds": "none", "owner": "ann"}, **wrong).end(*wrong.values())


RUNS: dict[str, list[dict[str, Any]]] = {
    "approved": Run().apis(retries=2).wait().resume().end("approved").events,
    "rejected": Run().apis().wait().resume(60, {**VERDICT, "decision": "rejected"}).end("rejected", "No.").events,
    "timed_out": Run().apis().wait().time_out().end("timed_out", "Nobody answered.").events,
    "api_failed": Run().apis(failed="validation").end("api_failed", "The validation API failed.").events,
    "invalid_input": invalid().events,
    "error": Run().apis().conflict().end("error", "The wait for the story broke.").events,
    "release_failed": Run()
    .apis()
    .wait()
    .resume()
    .call_release("CallRelease", "failed")
    .end("release_failed", "The release API failed.")
    .events,
    "cancelled": Run().apis().wait().stop().events,
    "running": Run().apis(retries=1).events,
    "waiting": Run().apis().wait().events,
}


def at(events: Sequence[dict[str, Any]], seconds: float) -> datetime:
    """Return the moment so many seconds after the newest event."""
    moment: datetime = events[-1]["timestamp"]
    return moment + timedelta(seconds=seconds)


def seen(events: list[dict[str, Any]]) -> RunView:
    """Return the view of the run a minute after its newest event."""
    return of_events(ARN, events, DEFINITION, read_at=at(events, 60))
