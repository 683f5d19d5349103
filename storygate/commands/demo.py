"""`demo`: plays one whole run on this machine and shows each step as it happens."""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storygate.commands.local import STAGE, local_cloud, stopped_by_signals
from storygate.deployment.bring_up import Deployment, deploy
from storygate.deployment.stage_secret import read_field
from storygate.operations import jira_webhook as jira
from storygate.operations import send_verdict as callbacks
from storygate.report.live_picture import follow_live
from storygate.runs.executions import Runs, name_of
from storygate.runs.history import History, Moment, await_run
from storygate.runs.inputs import drop
from storygate.runs.result_files import read_result, result_key
from storygate.stage.aws import Aws, isolated
from storygate.stage.config import find_project
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

APPROVED = "approved"
OUTCOMES = (APPROVED, "rejected", "timed_out", "api_failed", "invalid_input")
DECISIONS: dict[str, jira.Decision] = {"approved": "approved", "rejected": "rejected"}

START_PATIENCE = 60.0  # seconds from the drop to the execution; usual is under one, a busy CI machine takes longer
RUN_PATIENCE = 120.0  # seconds for the run; the longest sample waits 3 and retries an API for up to 14


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "demo",
        help="play one whole run on this machine",
        description="Brings up an AWS on this machine, deploys to it, drops a sample, answers as Jira would, and shows "
        "the result. Needs no account. Exits 0 only if the result says approved: a refusal is red here as on AWS.",
        epilog="Example: python -m storygate demo --outcome rejected",
    )
    parser.add_argument("--outcome", choices=OUTCOMES, default="approved", help="how the run shall end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 only for an approved run, whatever was asked for; what was asked for is told."""
    began = time.monotonic()
    with stopped_by_signals():
        outcome = play(find_project(), args.outcome, terminal)
    seconds = time.monotonic() - began
    if outcome == args.outcome:
        red = "" if outcome == APPROVED else "; exit code 1, since only approved is green"
        terminal.done(f"outcome {outcome}, as asked, after {seconds:.1f} s{red}")
    else:
        terminal.warn(f"outcome {outcome}, but {args.outcome} was asked for, after {seconds:.1f} s")
    return exit_code(outcome)


def exit_code(outcome: str) -> int:
    """0 only for an approved run: the others end red, as they do on AWS."""
    return 0 if outcome == APPROVED else 1


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
    stage, s3, stepfunctions = deployment.stage, aws.client("s3"), aws.client("stepfunctions")
    runs = Runs(stage, stepfunctions, aws.client("sts").get_caller_identity())
    terminal.step(f"dropping samples/{sample.name} into s3://{stage.bucket}/inputs/")
    content = sample.read_bytes()
    name = drop(s3, stage.bucket, sample.name, content).execution
    history = History(stepfunctions, runs.arn(name))
    if not await_run(history, START_PATIENCE):
        raise _too_long(START_PATIENCE, f"the run {name}; the drop started none")
    terminal.done(f"the drop started {name}")
    outcome = sample.stem
    if outcome in DECISIONS:
        story = json.loads(content)["jiraStoryId"]
        _follow(history, terminal, until=lambda: history.waiting_since is not None)
        if history.end is None:
            terminal.done(f"the run waits for {story}")
            _call_back(deployment, aws, story, DECISIONS[outcome], terminal)
    _follow(history, terminal)
    result = _read_result(s3, stage.bucket, name, history)
    terminal.step(f"s3://{stage.bucket}/{result_key(name)}")
    terminal.say(json.dumps(result, indent=2, ensure_ascii=False))
    terminal.step("path of states")
    terminal.say("  " + " → ".join(history.path))
    return str(result.get("outcome"))


def _follow(history: History, terminal: Terminal, until: Callable[[], bool] = lambda: False) -> None:
    def tell(moment: Moment) -> None:
        if moment.kind == "ended":
            terminal.done(f"the run ended: {moment.details['status']}")
        else:
            moment.tell(terminal)

    if not follow_live(history, Patience(RUN_PATIENCE), tell, terminal, until=until):
        raise _too_long(RUN_PATIENCE, f"the run {name_of(history.arn)}, after {history.path}")


def _call_back(deployment: Deployment, aws: Aws, story: str, decision: jira.Decision, terminal: Terminal) -> None:
    """Sends the webhook that Jira would send, signed with the callback's secret."""
    terminal.step(f"Jira's webhook: {story} is {decision}")
    secret = read_field(aws.client("secretsmanager"), deployment.stage.secret, "callback")
    answer = callbacks.send(deployment.callback_url, jira.issue_updated(story, decision), secret)
    terminal.done(f"the callback answered HTTP {answer.status}: {answer.text.strip()}")


def _read_result(s3: Any, bucket: str, name: str, history: History) -> dict[str, Any]:
    result = read_result(s3, bucket, name)
    if result is None:
        ended = history.end.details if history.end else {}
        raise OperatorError(
            f"The run ended {ended.get('status')} without a result, after {' → '.join(history.path)}: "
            f"{ended.get('outcome')}: {ended.get('reason')}",
            "The workflow is broken at that state; see statemachine/workflow.asl.yaml.",
        )
    return result


def _too_long(seconds: float, what: str) -> OperatorError:
    return OperatorError(
        f"Waited {seconds:.0f} s for {what}.", "Run the demo again; if it stays, look at the log above."
    )
