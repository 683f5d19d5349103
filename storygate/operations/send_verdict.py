"""Call back as Jira does: send the signed webhook, or the flat form, to a stage's callback."""

import time
from typing import Any, cast

from chalicelib.jira import FLAT
from storygate.deployment.functions import callback_url
from storygate.deployment.stage_secret import read_field
from storygate.operations import jira_webhook
from storygate.stage.context import Context
from storygate.support.http import Answer, post
from storygate.support.json_text import loaded_object

ANSWER_SECONDS = 30.0  # Jira itself waits 20

STATUSES = (*FLAT, "pending")
"""The values of `callback --status`; the flat form has no `pending`."""


def decision_of(status: str) -> jira_webhook.Decision:
    """Return the decision that one of STATUSES asks for."""
    return cast(jira_webhook.Decision, FLAT.get(status, "pending"))


def webhook(
    context: Context, story: str, status: str, *, message: str | None = None, actor_id: str | None = None
) -> dict[str, Any]:
    """Return Jira Cloud's `jira:issue_updated` for one of STATUSES, in the stage's own words; a message is a comment.

    The actor is the AWS identity of the caller, also as its id unless another one is given: STORYGATE_APPROVERS may
    list that identity.
    """
    body = jira_webhook.issue_updated(
        story,
        decision_of(status),
        jira_webhook.closed_as(context.stage),
        actor=context.who,
        actor_id=actor_id or context.who,
    )
    return body | ({"comment": {"body": message, "author": body["user"]}} if message else {})


def flat(story: str, status: str, *, message: str | None) -> dict[str, Any]:
    """Return the flat form (README, "What Jira sends"), dated now in epoch milliseconds: a signed one must be dated."""
    body = {"jiraStoryId": story, "status": status, "timestamp": round(time.time() * 1000)}
    return body | ({"message": message} if message else {})


def answer_line(answer: Answer) -> str:
    """Return the callback's answer for people."""
    return f"the callback answered HTTP {answer.status}: {answer.text.strip()}"


def refusal(answer: Answer, wanted: str) -> str | None:
    """Return why an answer of the callback is not the decision that was asked for; None if it is.

    The callback may answer 2xx and decide something else: the status is in no list of the stage, or a newer verdict of
    the story stands (README, "What Jira sends").
    """
    said = loaded_object(answer.text)
    if not answer.is_success:
        why = {
            401: "It refused the signature: the secret may be changing at this moment. Try again.",
            503: "A call to AWS failed there. Try again: a repetition has no second effect.",
        }.get(answer.status, str(said.get("error") or "See the log of the api_handler function."))
        return f"The callback answered HTTP {answer.status}. {why}"
    if said.get("ignored"):
        return f"The callback ignored it: {said['ignored']}."
    if said.get("decision") != wanted:
        newer = "a newer verdict of this story stands"
        return f"The callback decided {said.get('decision')}, not {wanted}: {said.get('unlisted') or newer}."
    return None


def uncounted(answer: Answer) -> str | None:
    """Return what to do about the waiting runs that the verdict does not count for; None if there are none.

    The callback names them as `later`: their inputs were uploaded after the decision (README, "What Jira sends").
    """
    if not (later := loaded_object(answer.text).get("later")):
        return None
    return (
        f"Not for {', '.join(map(str, later))}: uploaded after this decision. To decide on that, too, move the story "
        "out of its status and in again."
    )


def send_verdict(context: Context, body: dict[str, Any], timeout: float = ANSWER_SECONDS) -> Answer:
    """Send a body to the stage's callback with its `X-Hub-Signature`; `timeout` in seconds.

    Raises what `post` raises, and OperatorError if the stage has no REST API or no secret.
    """
    secret = read_field(context.client("secretsmanager"), context.stage.secret, "callback")
    raw = jira_webhook.encode(body)
    signed = {"X-Hub-Signature": jira_webhook.sign(raw, secret)}
    return post(callback_url(context), raw, signed, timeout=timeout, what="The callback")
