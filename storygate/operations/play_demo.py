"""Play one sample on a deployed stage: drop it, have its story decided, and show the result."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from chalicelib.drop import PREFIX
from storygate.operations.jira_webhook import Decision
from storygate.runs.executions import Runs, name_of
from storygate.runs.history import History, Moment, await_run
from storygate.runs.inputs import drop
from storygate.runs.result_files import read_result, result_key
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

APPROVED = "approved"
SAMPLES = (APPROVED, "rejected", "timed_out", "api_failed", "invalid_input")
"""The files in samples/, each named after the outcome it has."""
DECISIONS: dict[str, Decision] = {"approved": "approved", "rejected": "rejected"}
"""The samples for which Jira answers, and its answer."""

START_PATIENCE = 60.0  # seconds from the drop to the execution; usual is under one, a busy CI machine takes longer
RUN_PATIENCE = 120.0  # seconds for the run; the longest sample waits 3 and retries an API for up to 14


class Follower(Protocol):
    """Follows a run and shows it, as `report.follow_run.follow_live` does; False if the patience ended first."""

    def __call__(
        self,
        history: History,
        patience: Patience,
        show: Callable[[Moment], None],
        terminal: Terminal,
        *,
        until: Callable[[], bool],
    ) -> bool: ...


def play_sample(
    context: Context,
    sample: Path,
    decide: Callable[[str, Decision], None],
    follow: Follower,
    terminal: Terminal,
) -> str:
    """Drop a sample named after its outcome, and return the outcome in result.json.

    `decide` is called once the run waits, with the story and how it should be decided. Raises OperatorError if a wait
    reaches its bound, or the run ends without a result.
    """
    stage, s3, stepfunctions = context.stage, context.client("s3"), context.client("stepfunctions")
    terminal.step(f"dropping samples/{sample.name} into s3://{stage.bucket}/{PREFIX}")
    content = sample.read_bytes()
    name = drop(s3, stage.bucket, sample.name, content).execution
    history = History(stepfunctions, Runs(context).arn(name))
    if not await_run(history, START_PATIENCE):
        raise _too_long(START_PATIENCE, f"the run {name}; the drop has started none")
    terminal.done(f"the drop started {name}")

    def follow_until(reached: Callable[[], bool]) -> None:
        if not follow(history, Patience(RUN_PATIENCE), lambda moment: _show(moment, terminal), terminal, until=reached):
            raise _too_long(RUN_PATIENCE, f"the run {name_of(history.arn)}, after {history.path}")

    outcome = sample.stem
    if outcome in DECISIONS:
        story = json.loads(content)["jiraStoryId"]
        follow_until(lambda: history.waiting_since is not None)
        if history.end is None:
            terminal.done(f"the run waits for {story}")
            decide(story, DECISIONS[outcome])
    follow_until(lambda: history.end is not None)
    result = _read_result(s3, stage.bucket, name, history)
    terminal.step(f"s3://{stage.bucket}/{result_key(name)}")
    terminal.say(json.dumps(result, indent=2, ensure_ascii=False))
    terminal.step("path of states")
    terminal.say("  " + " → ".join(history.path))
    return str(result.get("outcome"))


def _show(moment: Moment, terminal: Terminal) -> None:
    if moment.kind == "ended":
        terminal.done(f"the run ended: {moment.details['status']}")
    else:
        moment.show(terminal)


def _read_result(s3: Any, bucket: str, name: str, history: History) -> dict[str, Any]:
    result = read_result(s3, bucket, name)
    if result is None:
        ended = history.end.details if history.end else {}
        raise OperatorError(
            f"The run ended {ended.get('status')} without a result, after {' → '.join(history.path)}: "
            f"{ended.get('outcome')}: {ended.get('reason')}",
            "The workflow is broken at its last state; see statemachine/workflow.asl.yaml.",
        )
    return result


def _too_long(seconds: float, what: str) -> OperatorError:
    return OperatorError(
        f"Waited {seconds:.0f} s for {what}.", "Run the demo again; if it fails again, read the lines above."
    )
