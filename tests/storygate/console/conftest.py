"""A stage whose AWS is written down here, call by call counted, and the console on top of it."""

import io
import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from storygate.console.pages import create_app
from storygate.report.coordinates import DRAWING
from storygate.stage.aws import Aws
from storygate.stage.config import load_stage
from storygate.stage.context import Context
from tests import ROOT

PORT = 8010
HOME = {"base_url": f"http://127.0.0.1:{PORT}"}
BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
TASK_TOKEN, CALLBACK_SECRET = "task-token-0123456789", "callback-secret-0123456789"
DEFINITION = {"StartAt": "WaitForStory", "States": {"WaitForStory": {"Type": "Task", "Resource": "x", "End": True}}}


class Gone(Exception):
    """What botocore raises for what is not there."""


class World:
    """The services' clients in one, as far as the console asks; `runs` are newest first, `calls` counts."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.waiting: set[tuple[str, str]] = set()
        self.moved: set[tuple[str, str]] = set()
        """Story and the key that it had before."""
        self.definition: Any = DEFINITION
        self.fails: dict[str, ClientError] = {}
        self.calls: Counter[str] = Counter()
        self.pages: list[dict[str, Any]] = []
        self.exceptions = type(
            "exceptions",
            (),
            {"ClientError": ClientError}
            | dict.fromkeys(("ExecutionDoesNotExist", "InvalidArn", "InvalidToken", "NoSuchKey"), Gone)
            | {"StateMachineDoesNotExist": ZeroDivisionError},
        )

    def run(self, name: str, story: str = "PROJ-1", outcome: str | None = None, **more: Any) -> None:
        """A run that started before those there are; it waits, unless it has an outcome."""
        status = {None: "RUNNING", "approved": "SUCCEEDED", "cancelled": "ABORTED"}.get(outcome, "FAILED")
        started = BEGAN - timedelta(minutes=len(self.runs))
        self.runs[name] = {"name": name, "story": story, "outcome": outcome, "status": status, "started": started}
        self.runs[name] |= more
        if outcome is None:
            self.waiting.add((story, name))

    def denied(self, operation: str, code: str = "AccessDeniedException", message: str = "") -> None:
        """From now on, AWS refuses an operation, given by its name in boto3."""
        self.fails[operation] = ClientError({"Error": {"Code": code, "Message": message}}, operation)

    def _called(self, operation: str) -> None:
        self.calls[operation] += 1
        if operation in self.fails:
            raise self.fails[operation]

    def _of(self, arn: str) -> dict[str, Any]:
        if (name := arn.rpartition(":")[2]) not in self.runs:
            raise Gone
        return self.runs[name]

    def _told(self, run: dict[str, Any]) -> dict[str, Any]:
        arn = f"arn:aws:states:eu-west-1:123456789012:execution:storygate-dev:{run['name']}"
        told = {"executionArn": arn, "name": run["name"], "status": run["status"], "startDate": run["started"]}
        return told | ({} if run["status"] == "RUNNING" else {"stopDate": run["started"] + timedelta(seconds=30)})

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ann"}

    def list_executions(
        self, *, stateMachineArn: str, maxResults: int, statusFilter: str | None = None, nextToken: str = "0"
    ) -> dict[str, Any]:
        assert stateMachineArn.endswith(":stateMachine:storygate-dev")
        self._called("list_executions")
        if not nextToken.isdigit():
            raise Gone
        listed = [self._told(run) for run in self.runs.values() if statusFilter in (None, run["status"])]
        start = int(nextToken)
        more = {"nextToken": str(start + maxResults)} if len(listed) > start + maxResults else {}
        return {"executions": listed[start : start + maxResults]} | more

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        self._called("describe_execution")
        run = self._of(executionArn)
        given = json.dumps({"jiraStoryId": run["story"], "packageIds": ["a"]})
        return self._told(run) | {"input": given} | ({"error": run["outcome"]} if run["status"] == "FAILED" else {})

    def describe_state_machine_for_execution(self, *, executionArn: str) -> dict[str, Any]:
        del executionArn
        self._called("describe_state_machine_for_execution")
        return {"definition": json.dumps(self.definition)}

    def get_execution_history(self, *, executionArn: str, **_: Any) -> dict[str, Any]:
        self._called("get_execution_history")
        run = self._of(executionArn)
        known = {name: json.dumps(run.get(name)) for name in ("story", "reason", "request", "startedBy")}
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("ExecutionStarted", {}),
            ("PassStateEntered", {"stateEnteredEventDetails": {"name": "Known"}}),
            ("PassStateExited", {"stateExitedEventDetails": {"name": "Known", "assignedVariables": known}}),
            ("TaskStateEntered", {"stateEnteredEventDetails": {"name": "WaitForStory"}}),
            ("TaskScheduled", {"taskScheduledEventDetails": {"parameters": json.dumps({"token": TASK_TOKEN})}}),
            ("TaskSubmitted", {}),
        ]
        if run["status"] != "RUNNING":
            kind = {"SUCCEEDED": "Succeeded", "ABORTED": "Aborted"}.get(run["status"], "Failed")
            details = {"error": run["outcome"], "cause": run.get("reason")}
            kinds.append((f"Execution{kind}", {f"execution{kind}EventDetails": details}))
        events = [
            {"id": number, "previousEventId": number - 1, "type": kind, "timestamp": run["started"], **details}
            for number, (kind, details) in enumerate(kinds, 1)
        ]
        return {"events": events[::-1]}

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, str]:
        self._called("start_execution")
        self.run(name, json.loads(input)["jiraStoryId"])
        return {"executionArn": f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"}

    def stop_execution(self, *, executionArn: str, error: str, cause: str) -> None:
        self._called("stop_execution")
        assert error == "cancelled"
        self._of(executionArn).update(status="ABORTED", outcome="cancelled", reason=cause)

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        self._called("get_object")
        run = self.runs[Key.split("/")[1]]
        if "result" in run:
            return {"Body": io.BytesIO(run["result"])}
        if run["status"] not in {"SUCCEEDED", "FAILED"}:
            raise Gone
        return {"Body": io.BytesIO(json.dumps({"jiraStoryId": run["story"], "outcome": run["outcome"]}).encode())}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        self._called("batch_get_item")
        ((table, asked),) = RequestItems.items()
        pairs = [(key["story"]["S"], key["entry"]["S"].removeprefix("WAIT#")) for key in asked["Keys"]]
        return {
            "Responses": {
                table: [{"entry": {"S": f"WAIT#{name}"}} for story, name in pairs if (story, name) in self.waiting]
            }
        }

    def query(self, *, ExpressionAttributeValues: dict[str, Any], Limit: int = 1000, **_: Any) -> dict[str, Any]:
        self._called("query")
        story = ExpressionAttributeValues[":story"]["S"]
        entries = [f"MOVED#{former}" for of, former in sorted(self.moved) if of == story]
        entries += [f"WAIT#{name}" for of, name in sorted(self.waiting) if of == story]
        if ":wait" in ExpressionAttributeValues:
            entries = [entry for entry in entries if entry.startswith("WAIT#")]
        return {"Items": [{"entry": {"S": entry}} for entry in entries[:Limit]]}

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        self._called("get_secret_value")
        fields = ("validation", "deployment", "notification")
        return {"SecretString": json.dumps({"callback": CALLBACK_SECRET} | dict.fromkeys(fields, "t"))}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "get_rest_apis"
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"items": [{"id": "api1", "name": "storygate"}]}]


@pytest.fixture
def world() -> World:
    return World()


class Callback:
    """A stage's callback: what it is to answer, and what it was sent."""

    def __init__(self) -> None:
        self.answer: tuple[int, dict[str, Any]] = (200, {})
        self.received: list[tuple[dict[str, str], dict[str, Any]]] = []


@pytest.fixture
def callback() -> Iterator[tuple[Callback, str]]:
    """Listening at a free port."""
    told = Callback()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            told.received.append((dict(self.headers), json.loads(raw)))
            status, body = told.answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def context(world: World, tmp_path: Path) -> Context:
    return make_context(world, tmp_path, "http://127.0.0.1:1")


def make_context(world: World, project: Path, endpoint: str, **variables: str) -> Context:
    record = project / ".chalice" / "deployed" / "dev.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"resources": [{"name": "rest_api", "rest_api_id": "api1"}]}))
    (project / DRAWING).parent.mkdir()
    shutil.copy(ROOT / DRAWING, project / DRAWING)
    aws = Aws(lambda _: world, "eu-west-1", {"AWS_ENDPOINT_URL": endpoint})
    stage = load_stage(ROOT, "dev", "eu-west-1")
    return Context(project, replace(stage, variables={**stage.variables, **variables}), aws)


class Browser:
    """A browser on the console's own pages: it sends what a browser sends."""

    def __init__(self, context: Context, key: str | None = None, root: str = "") -> None:
        self.client = create_app(context, PORT, key, root).test_client()

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **(HOME | options))

    def token(self, execution: str) -> str:
        """The CSRF token of a run's page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(f"/runs/{execution}").text)
        assert found
        return found.group(1)

    def act(self, execution: str, action: str, **fields: str) -> str:
        """Confirm an action; return the notice on the page after it."""
        answer = self.client.post(
            f"/runs/{execution}/{action}",
            data={"csrf": self.token(execution)} | fields,
            headers={"Origin": HOME["base_url"], "Sec-Fetch-Site": "same-origin"},
            **HOME,
        )
        assert answer.status_code == 303
        page = self.get(answer.headers["Location"])
        notice = re.search(r'<p class="notice.*?</p>', page.text, re.DOTALL)
        assert notice, page.text
        return re.sub(r"<[^>]+>", "", notice.group()).strip()


@pytest.fixture
def browser(context: Context) -> Browser:
    return Browser(context)
