"""`demo`: plays one whole run on this machine and shows each step as it happens."""

import argparse
import json
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storygate import jira
from storygate.aws import Aws, isolated
from storygate.deploy import Deployment, deploy
from storygate.errors import OperatorError
from storygate.local.command import STAGE, local_cloud, stopped_by_signals
from storygate.secret import read_field
from storygate.stage import find_project
from storygate.terminal import Terminal

OUTCOMES = ("approved", "rejected", "timed_out", "api_failed", "invalid_input")
DECISIONS: dict[str, jira.Decision] = {"approved": "approved", "rejected": "rejected"}

START_PATIENCE = 60.0  # seconds from the drop to the execution; usual is under one, a busy CI machine takes longer
RUN_PATIENCE = 120.0  # seconds for the run; the longest sample waits 3 and retries an API for up to 14


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "demo",
        help="play one whole run on this machine",
        description="Brings up an AWS on this machine, deploys to it, drops a sample, answers as Jira would, and shows "
        "the result. Needs no account. Exits 0 only if the run ends as asked.",
        epilog="Example: python -m storygate demo --outcome rejected",
    )
    parser.add_argument("--outcome", choices=OUTCOMES, default="approved", help="how the run shall end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 if the run ended with the outcome asked for, else 1."""
    began = time.monotonic()
    with stopped_by_signals():
        outcome = play(find_project(), args.outcome, terminal)
    seconds = time.monotonic() - began
    if outcome == args.outcome:
        terminal.done(f"outcome {outcome}, as asked, after {seconds:.1f} s")
        return 0
    terminal.warn(f"outcome {outcome}, but {args.outcome} was asked for, after {seconds:.1f} s")
    return 1


def play(project: Path, outcome: str, terminal: Terminal) -> str:
    """Plays the run whose sample is `samples/<outcome>.json` in a cloud of its own; returns the outcome it had.

    It works on a copy of the project, so neither a running `local` nor the deployed stages notice.
    """
    with tempfile.TemporaryDirectory(prefix="storygate-demo-") as directory:
        copy = copy_project(project, Path(directory))
        with local_cloud(copy) as cloud:
            aws = isolated(cloud.client, cloud.environment)
            terminal.step(f"deploying to an AWS on this machine, {cloud.endpoint_url}")
            deployment = deploy(copy, STAGE, aws, terminal)
            cloud.start_api()
            return play_sample(deployment, aws, project / "samples" / f"{outcome}.json", terminal)


def copy_project(project: Path, target: Path) -> Path:
    """Copies what is deployed, without Chalice's records of earlier deployments; returns the copy."""
    for name in ("app.py", "requirements.txt"):
        shutil.copy2(project / name, target)
    unwanted = shutil.ignore_patterns("deployed", "deployments", "venv", "__pycache__")
    for name in ("chalicelib", ".chalice", "statemachine"):
        shutil.copytree(project / name, target / name, ignore=unwanted)
    if (project / "vendor").is_dir():  # Chalice's place for libraries that pip cannot fetch
        shutil.copytree(project / "vendor", target / "vendor", ignore=unwanted)
    return target


def play_sample(deployment: Deployment, aws: Aws, sample: Path, terminal: Terminal) -> str:
    """Drops a sample named after its outcome, answers as Jira would, and returns the outcome in result.json.

    Raises OperatorError if a wait reaches its bound, or the run ends without a result.
    """
    stage = deployment.stage
    executions = _Executions(aws.client("stepfunctions"), stage.state_machine)
    terminal.step(f"dropping samples/{sample.name} into s3://{stage.bucket}/inputs/")
    content = sample.read_bytes()
    aws.client("s3").put_object(Bucket=stage.bucket, Key=f"inputs/{sample.name}", Body=content)
    watched = _Run(aws.client("stepfunctions"), executions.await_new(), terminal)
    terminal.done(f"the drop started {watched.name}")
    outcome = sample.stem
    if outcome in DECISIONS:
        story = json.loads(content)["jiraStoryId"]
        watched.follow(until=lambda: _waits(aws, stage.table, story, watched.name))
        if watched.status == "RUNNING":
            terminal.done(f"the run waits for {story}")
            _call_back(deployment, aws, story, DECISIONS[outcome], terminal)
    watched.follow()
    terminal.done(f"the run ended: {watched.status}")
    result = _read_result(aws, stage.bucket, watched)
    terminal.step(f"s3://{stage.bucket}/outputs/{watched.name}/result.json")
    terminal.say(json.dumps(result, indent=2, ensure_ascii=False))
    terminal.step("path of states")
    terminal.say("  " + " → ".join(watched.path))
    return str(result.get("outcome"))


@dataclass
class _Run:
    """One execution, followed by its history (Step Functions API reference, GetExecutionHistory)."""

    client: Any
    arn: str
    terminal: Terminal
    status: str = "RUNNING"
    path: list[str] = field(default_factory=list)
    _shown: int = 0
    _answered: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    def follow(self, until: Callable[[], bool] = lambda: False) -> None:
        """Shows what happens until `until()` holds or the run is over, whichever its status says first."""
        for _ in _patiently(RUN_PATIENCE, lambda: f"the run {self.name}: {self.status} after {self.path}"):
            # Status first: the history read after it is complete if the run was over.
            self.status = self.client.describe_execution(executionArn=self.arn)["status"]
            self._show_new()
            if self.status != "RUNNING" or until():
                self._show_new()
                return

    def _show_new(self) -> None:
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=self.arn)
        for event in (event for page in pages for event in page["events"]):
            if event["id"] <= self._shown:
                continue
            self._shown = event["id"]
            if entered := event.get("stateEnteredEventDetails"):
                self.path.append(entered["name"])
                self.terminal.detail(f"state {entered['name']}")
            if exited := event.get("stateExitedEventDetails"):
                self._show_answer(exited)

    def _show_answer(self, exited: Any) -> None:
        """An API's answer is the output of the state that called it; one that gave up passes the same on."""
        api = exited["name"].removeprefix("Call").removesuffix("GaveUp")
        try:
            answer = json.loads(exited.get("output") or "null")["answer"]
            told = f"{answer['status']} (HTTP {answer['statusCode']}, attempts: {answer['attempts']})"
        except (KeyError, TypeError, ValueError):  # another state's output
            return
        if api not in self._answered:
            self._answered.add(api)
            show = self.terminal.done if answer["status"] == "success" else self.terminal.warn
            show(f"{api.lower()} API: {told}")


class _Executions:
    """The executions of a state machine, to tell the one that a drop starts from those before."""

    def __init__(self, client: Any, state_machine: str) -> None:
        self._client = client
        machines = {
            machine["name"]: machine["stateMachineArn"]
            for page in client.get_paginator("list_state_machines").paginate()
            for machine in page["stateMachines"]
        }
        if state_machine not in machines:
            raise OperatorError(f"There is no state machine {state_machine}.", "The deployment is broken; see above.")
        self._machine = machines[state_machine]
        self._known = self._arns()

    def await_new(self) -> str:
        """The ARN of the first one that was not there before."""
        for _ in _patiently(START_PATIENCE, lambda: "an execution; the drop started none"):
            if new := self._arns() - self._known:
                return new.pop()
        raise AssertionError("unreachable")

    def _arns(self) -> set[str]:
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self._machine)
        return {execution["executionArn"] for page in pages for execution in page["executions"]}


def _waits(aws: Aws, table: str, story: str, execution: str) -> bool:
    """Whether the run has its entry in the decision table. The task token beside it is not even read."""
    key = {"story": {"S": story}, "entry": {"S": f"WAIT#{execution}"}}
    return "Item" in aws.client("dynamodb").get_item(
        TableName=table, Key=key, ConsistentRead=True, ProjectionExpression="story"
    )


def _call_back(deployment: Deployment, aws: Aws, story: str, decision: jira.Decision, terminal: Terminal) -> None:
    """Sends the webhook that Jira would send, signed with the callback's secret."""
    terminal.step(f"Jira's webhook: {story} is {decision}")
    body = jira.encode(jira.issue_updated(story, decision))
    secret = read_field(aws.client("secretsmanager"), deployment.stage.secret, "callback")
    headers = {"Content-Type": "application/json", "X-Hub-Signature": jira.sign(body, secret)}
    request = urllib.request.Request(deployment.callback_url, body, headers, method="POST")  # noqa: S310  (our own URL)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine is not behind its proxy
    try:
        with direct.open(request, timeout=30) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    except OSError as error:
        raise OperatorError(f"The callback got no answer: {error}", "Run the demo again.") from error
    terminal.done(f"the callback answered HTTP {status}: {text.decode(errors='replace').strip()}")


def _read_result(aws: Aws, bucket: str, watched: _Run) -> dict[str, Any]:
    s3 = aws.client("s3")
    try:
        body = s3.get_object(Bucket=bucket, Key=f"outputs/{watched.name}/result.json")["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        ended = watched.client.describe_execution(executionArn=watched.arn)
        raise OperatorError(
            f"The run ended {watched.status} without a result, after {' → '.join(watched.path)}: "
            f"{ended.get('error')}: {ended.get('cause')}",
            "The workflow is broken at that state; see statemachine/workflow.asl.json.",
        ) from error
    result: dict[str, Any] = json.loads(body)
    return result


def _patiently(seconds: float, what: Callable[[], str]) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)
    raise OperatorError(
        f"Waited {seconds:.0f} s for {what()}.", "Run the demo again; if it stays, look at the log above."
    )
