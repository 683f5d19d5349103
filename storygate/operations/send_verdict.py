"""Calling back as Jira does: the signed webhook, or the flat form, sent to a stage's callback."""

from typing import Any, cast

from chalicelib.jira import FLAT
from storygate.operations import jira_webhook as jira
from storygate.support.http import Answer, post

SECONDS = 30.0  # Jira itself waits 20

STATUSES = (*FLAT, "pending")  # what --status takes; the flat form knows no `pending`


def webhook(story: str, status: str, *, message: str | None, actor: str) -> dict[str, Any]:
    """Jira Cloud's `jira:issue_updated` for one of STATUSES, done by `actor`; a message goes along as a comment."""
    decision = cast(jira.Decision, FLAT.get(status, "pending"))
    body = jira.issue_updated(story, decision, actor=actor)
    return body | ({"comment": {"body": message, "author": body["user"]}} if message else {})


def flat(story: str, status: str, *, message: str | None) -> dict[str, Any]:
    """The flat form (README, "What Jira sends"); decided when it is received."""
    body = {"jiraStoryId": story, "status": status}
    return body | ({"message": message} if message else {})


def send(url: str, body: dict[str, Any], secret: str, *, timeout: float = SECONDS) -> Answer:
    """Sends a body with its `X-Hub-Signature`; `timeout` in seconds. Raises what `web.post` raises."""
    raw = jira.encode(body)
    return post(url, raw, {"X-Hub-Signature": jira.sign(raw, secret)}, timeout=timeout, what="The callback")
