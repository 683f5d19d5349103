"""The console's actions on a run, by the functions that the commands use, and their results in words."""

from dataclasses import dataclass

from storygate.operations.cancel_run import cancel_run
from storygate.operations.retry_run import retry_run
from storygate.operations.send_verdict import refusal, send_verdict, uncounted, webhook
from storygate.runs.executions import RUNNING, Runs
from storygate.runs.history import outcome_of
from storygate.runs.inputs import story_of
from storygate.stage.context import Context
from storygate.support.errors import AWS_ERRORS, OperatorError, explain
from storygate.support.http import Answer
from storygate.support.json_text import loaded_object

DECISIONS = {"approve": "approved", "reject": "rejected"}
ACTIONS = (*DECISIONS, "retry", "cancel")
SECONDS = 15.0  # for the callback's answer, and for a run to stop
LONGEST = 1000  # characters of a notice; it travels in a cookie


@dataclass(frozen=True)
class ActionResult:
    """The result of an action. `execution` is the run to look at now."""

    done: bool
    text: str
    execution: str


def act(context: Context, execution: str, action: str, reason: str) -> ActionResult:
    """Carry out one of ACTIONS. What goes wrong, such as missing rights, is returned as text and never raised."""
    try:
        result = _act(context, execution, action, reason)
    except (OperatorError, *AWS_ERRORS) as error:
        explained = explain(error)
        result = ActionResult(False, f"{explained.message} {explained.hint}", execution)
    return ActionResult(result.done, result.text[:LONGEST], result.execution)


def _act(context: Context, execution: str, action: str, reason: str) -> ActionResult:
    if action == "retry":
        new = retry_run(context, execution)
        return ActionResult(True, f"Started {new.name}, with the request of {new.first}.", new.name)
    if action == "cancel":
        stopped = cancel_run(context, execution, reason or None, SECONDS)
        warning = f" {stopped.warning}" if stopped.warning else ""
        return ActionResult(True, f"{stopped.name} is cancelled; it writes no result and no log.{warning}", execution)
    described = Runs(context).describe(execution)
    if described["status"] != RUNNING:
        ended = outcome_of(described["status"], described.get("error"))
        return ActionResult(False, f"{execution} has already ended: {ended}. Nothing was sent.", execution)
    story = story_of(context.client("s3"), context.stage.bucket, described.get("input"))
    if not story:
        return ActionResult(False, f"{execution} names no story to decide. Nothing was sent.", execution)
    decision = DECISIONS[action]
    answer = send_verdict(context, webhook(context, story, decision), SECONDS)
    return _callback_result(answer, decision, story, execution)


def _callback_result(answer: Answer, wanted: str, story: str, execution: str) -> ActionResult:
    """The callback's answer in words (README, "What Jira sends")."""
    said = loaded_object(answer.text)
    runs = "".join(
        f" {label}: {', '.join(map(str, said[name]))}."
        for name, label in (("resumed", "Resumed"), ("closed", "Already ended"))
        if said.get(name)
    )
    later = uncounted(answer)
    runs += f" {later}" if later else ""
    if problem := refusal(answer, wanted):
        return ActionResult(False, problem + runs, execution)
    if answer.status == 202 and not later:
        text = f"{story} is {wanted}: recorded; no run waits for it yet, and this run will find it."
        return ActionResult(True, text, execution)
    return ActionResult(True, f"{story} is {wanted}.{runs}", execution)
