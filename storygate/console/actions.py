"""What the console does to a run, and how it tells what came of it: the same functions as the commands'."""

import json
from dataclasses import dataclass
from typing import Any

from storygate.commands.arguments import Place
from storygate.commands.callback import deliver
from storygate.commands.cancel import cancel
from storygate.commands.retry import retry
from storygate.operations import send_verdict as callbacks
from storygate.runs.executions import RUNNING
from storygate.runs.history import outcome_of
from storygate.runs.inputs import story_of
from storygate.support.errors import AWS_ERRORS, OperatorError, explain
from storygate.support.http import Answer

DECISIONS = {"approve": "approved", "reject": "rejected"}
ACTIONS = (*DECISIONS, "retry", "cancel")
SECONDS = 15.0  # for the callback's answer, and for a run to stop
LONGEST = 1000  # characters of a notice; it travels in a cookie


@dataclass(frozen=True)
class Told:
    """What came of an action. `execution` is the run to look at now."""

    done: bool
    text: str
    execution: str


def act(place: Place, execution: str, action: str, reason: str) -> Told:
    """Carries out one of ACTIONS. What goes wrong is told, never raised: no rights, throttled, over already, gone."""
    try:
        told = _act(place, execution, action, reason)
    except OperatorError as error:
        told = Told(False, f"{error.message} {error.hint}", execution)
    except AWS_ERRORS as error:
        explained = explain(error)
        told = Told(False, f"{explained.message} {explained.hint}", execution)
    return Told(told.done, told.text[:LONGEST], told.execution)


def _act(place: Place, execution: str, action: str, reason: str) -> Told:
    if action == "retry":
        new = retry(place, execution)
        return Told(True, f"Started {new.name}, with the request of {new.first}.", new.name)
    if action == "cancel":
        stopped = cancel(place, execution, reason or None, SECONDS)
        return Told(True, f"{stopped.name} is cancelled; it writes no result and no log.", execution)
    described = place.runs.describe(execution)
    if described["status"] != RUNNING:
        ended = outcome_of(described["status"], described.get("error"))
        return Told(False, f"{execution} is over already: {ended}. Nothing was sent.", execution)
    story = story_of(place.s3, place.stage.bucket, described.get("input"))
    if not story:
        return Told(False, f"{execution} names no story that could be decided. Nothing was sent.", execution)
    body = callbacks.webhook(story, DECISIONS[action], message=None, actor=place.who)
    return _told_of(deliver(place, body, SECONDS), story, execution)


def _told_of(answer: Answer, story: str, execution: str) -> Told:
    """The callback's answer in words (README, "What Jira sends")."""
    said = _parsed(answer.text)
    if not answer.is_success:
        why = {
            401: "It does not take the signature: the secret may be changing this minute. Try again.",
            503: "AWS said no. Try again: repeating it changes nothing twice.",
        }.get(answer.status, str(said.get("error") or "See the log of the api_handler function."))
        return Told(False, f"The callback answered HTTP {answer.status}. {why}", execution)
    runs = "".join(
        f" {label}: {', '.join(map(str, said[name]))}."
        for name, label in (("resumed", "Resumed"), ("closed", "Over already"))
        if said.get(name)
    )
    if said.get("ignored"):
        return Told(False, f"The callback ignored it: {said['ignored']}.{runs}", execution)
    if answer.status == 202:
        text = f"{story} is {said.get('decision')}: recorded; nothing waits for it yet, the run will find it."
        return Told(True, text, execution)
    return Told(True, f"{story} is {said.get('decision')}.{runs}", execution)


def _parsed(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
