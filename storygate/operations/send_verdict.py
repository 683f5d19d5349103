"""Call back as Jira does: send the signed webhook, or the flat form, to a stage's callback."""

from typing import Any, cast

from chalicelib.jira import FLAT
from storygate.deployment.functions import callback_url
from storygate.deployment.stage_secret import read_field
from storygate.operations import jira_webhook
from storygate.stage.context import Context
from storygate.support.http import Answer, post

ANSWER_SECONDS = 30.0  # Jira itself waits 20

STATUSES = (*FLAT, "pending")
"""The values of `callback --status`; the flat form has no `pending`."""


def webhook(story: str, status: str, *, message: str | None, actor: str) -> dict[str, Any]:
    """Return Jira Cloud's `jira:issue_updated` for one of STATUSES, done by `actor`; a message becomes a comment."""
    decision = cast(jira_webhook.Decision, FLAT.get(status, "pending"))
    body = jira_webhook.issue_updated(story, decision, actor=actor)
    return body | ({"comment": {"body": message, "author": body["user"]}} if message else {})


def flat(story: str, status: str, *, message: str | None) -> dict[str, Any]:
    """Return the flat form (README, "What Jira sends") without a timestamp: it is dated when it is received."""
    body = {"jiraStoryId": story, "status": status}
    return body | ({"message": message} if message else {})


def answer_line(answer: Answer) -> str:
    """Return the callback's answer for people."""
    return f"the callback answered HTTP {answer.status}: {answer.text.strip()}"


def send_verdict(context: Context, body: dict[str, Any], timeout: float = ANSWER_SECONDS) -> Answer:
    """Send a body to the stage's callback with its `X-Hub-Signature`; `timeout` in seconds.

    Raises what `post` raises, and OperatorError if the stage has no REST API or no secret.
    """
    secret = read_field(context.client("secretsmanager"), context.stage.secret, "callback")
    raw = jira_webhook.encode(body)
    signed = {"X-Hub-Signature": jira_webhook.sign(raw, secret)}
    return post(callback_url(context), raw, signed, timeout=timeout, what="The callback")
