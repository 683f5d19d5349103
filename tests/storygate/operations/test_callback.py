"""The callback decides as `callback` asks, on every stage; an answer that is another decision says why."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.rules import Rules
from storygate.operations import send_verdict as callbacks
from storygate.stage.context import Context
from storygate.support.http import Answer

OWN_WORDS = {
    "STORYGATE_APPROVED_STATUSES": " Shipped to  Customers, Live",
    "STORYGATE_REJECTED_RESOLUTIONS": "Nope, Never",
    "STORYGATE_APPROVED_RESOLUTIONS": "Perfect",
}


def verdict(body: Any) -> Any:
    rules = Rules.from_environment()
    read = jira.read(json.dumps(body).encode(), datetime.now(UTC), rules, signed=True)
    assert isinstance(read, jira.Decided)
    assert read.story == "PROJ-1"
    return read.verdict


@pytest.mark.parametrize("words", [{}, OWN_WORDS])
@pytest.mark.parametrize("status", callbacks.STATUSES)
def test_a_webhook_of_each_status_decides_as_it_says_in_the_stages_own_words(
    context: Context, monkeypatch: pytest.MonkeyPatch, status: Any, words: dict[str, str]
) -> None:
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    context = replace(context, stage=replace(context.stage, variables={**context.stage.variables, **words}))
    sent = verdict(callbacks.webhook(context, "PROJ-1", status))
    assert sent.actor == sent.actor_id == context.who
    assert verdict(callbacks.webhook(context, "PROJ-1", status, actor_id="5b10")).actor_id == "5b10"
    assert sent.decision == callbacks.decision_of(status)
    if status == "pending":
        assert sent.status == "In Progress"
    else:
        assert sent.decision == verdict(callbacks.flat("PROJ-1", status, message=None)).decision
        assert sent.status == ("Shipped to  Customers" if words else "Done")


def test_the_flat_form_carries_the_message_and_the_webhook_a_comment(context: Context) -> None:
    assert verdict(callbacks.flat("PROJ-1", "approved", message="looks good")).message == "looks good"
    body = callbacks.webhook(context, "PROJ-1", "approved", message="looks good")
    assert body["comment"] == {"body": "looks good", "author": body["user"]}
    assert verdict(body).decision == "approved"


def test_a_flat_verdict_is_dated_now_because_it_is_signed() -> None:
    decided = datetime.fromisoformat(verdict(callbacks.flat("PROJ-1", "approved", message=None)).decided_at)
    assert timedelta() <= datetime.now(UTC) - decided < timedelta(minutes=1)


def test_runs_that_a_verdict_does_not_count_for_are_named_with_what_to_do() -> None:
    said = {"story": "PROJ-1", "decision": "approved", "resumed": [], "later": ["one", "two"]}
    told = str(callbacks.uncounted(Answer(202, json.dumps(said))))
    assert told.startswith("Not for one, two: uploaded after this decision.")
    assert "move the story out of its status and in again" in told
    assert callbacks.uncounted(Answer(200, json.dumps(said | {"later": []}))) is None
    assert callbacks.uncounted(Answer(503, "no JSON")) is None


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (200, {"decision": "approved", "resumed": ["a"]}, None),
        (202, {"decision": "approved", "resumed": []}, None),
        (202, {"decision": "pending", "unlisted": "add Done to X"}, "decided pending, not approved: add Done to X"),
        (200, {"decision": "rejected"}, "decided rejected, not approved: a newer verdict of this story stands"),
        (200, {"ignored": "older than what is known"}, "ignored it: older than what is known"),
        (200, {}, "decided None"),
        (401, {"error": "no"}, "HTTP 401. It refused the signature"),
        (503, {"error": "no"}, "HTTP 503. A call to AWS failed there"),
        (400, {"error": "issue.key is missing"}, "HTTP 400. issue.key is missing"),
    ],
)
def test_any_answer_but_the_decision_asked_for_says_why(status: int, said: Any, why: str | None) -> None:
    told = callbacks.refusal(Answer(status, json.dumps(said)), "approved")
    assert told is None if why is None else why in str(told)
