"""Approve, reject, retry and cancel do what the commands do, and errors are shown on the page."""

import json
from pathlib import Path
from typing import Any

import pytest

from storygate.operations import jira_webhook
from tests.storygate.console.conftest import CALLBACK_SECRET, Browser, World, make_context

DENIED = (
    "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: states:StopExecution on resource: arn:x"
)


@pytest.fixture
def calling(world: World, callback: Any, tmp_path: Path) -> Any:
    """A browser on a stage whose callback listens, and that callback."""
    told, endpoint = callback
    world.run("a")
    return Browser(make_context(world, tmp_path, endpoint)), told


@pytest.mark.parametrize(
    ("action", "decision", "resolution"), [("approve", "approved", "Done"), ("reject", "rejected", "Won't Do")]
)
def test_a_decision_is_the_signed_webhook_that_jira_would_send_done_by_the_caller(
    calling: Any, action: str, decision: Any, resolution: Any
) -> None:
    browser, callback = calling
    callback.answer = (200, {"story": "PROJ-1", "decision": decision, "resumed": ["a", "b"], "closed": []})
    assert browser.act("a", action) == f"Done: PROJ-1 is {decision}. Resumed: a, b."
    ((headers, body),) = callback.received
    assert headers["X-Hub-Signature"] == jira_webhook.sign(jira_webhook.encode(body), CALLBACK_SECRET)
    assert body["webhookEvent"] == "jira:issue_updated"
    assert body["user"]["displayName"] == "user/ann"
    assert body["issue"]["key"] == "PROJ-1"
    assert body["issue"]["fields"]["resolution"]["name"] == resolution


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (202, {"decision": "approved", "resumed": []}, "Done: PROJ-1 is approved: recorded; no run waits for it yet"),
        (200, {"ignored": "older than what is known"}, "Not done: The callback ignored it: older than what is known."),
        (200, {"ignored": "older", "closed": ["a"]}, "Not done: The callback ignored it: older. Already ended: a."),
        (202, {"decision": "approved", "later": ["b"]}, "Done: PROJ-1 is approved. Not for b: uploaded after this"),
        (200, {"decision": "pending"}, "Not done: The callback decided pending, not approved"),
        (503, {"error": "no"}, "Not done: The callback answered HTTP 503. A call to AWS failed there. Try again"),
    ],
)
def test_the_callbacks_answer_is_shown_in_words(calling: Any, status: Any, said: Any, told: str) -> None:
    browser, callback = calling
    callback.answer = (status, {"story": "PROJ-1"} | said)
    assert browser.act("a", "approve").startswith(told)


def test_nothing_is_sent_for_a_run_that_is_over(calling: Any, world: World) -> None:
    browser, callback = calling
    world.run("b")
    token = browser.token("b")
    world.runs["b"] |= {"status": "FAILED", "outcome": "rejected"}
    browser.token = lambda _: token
    assert browser.act("b", "approve") == "Not done: b has already ended: rejected. Nothing was sent."
    assert not callback.received


def test_a_callback_that_cannot_be_reached_is_reported(browser: Browser, world: World) -> None:
    world.run("a")
    assert browser.act("a", "approve").startswith("Not done: The callback cannot be reached")


def test_a_cancelled_run_keeps_the_reason_and_who_it_was(browser: Browser, world: World) -> None:
    world.run("a")
    assert browser.act("a", "cancel", reason=" wrong packages ") == (
        "Done: a is cancelled; it writes no result and no log."
    )
    assert world.runs["a"]["reason"] == "cancelled by user/ann: wrong packages"


def test_a_retry_leads_to_the_new_run(browser: Browser, world: World) -> None:
    world.run("a", outcome="rejected")
    told = browser.act("a", "retry")
    new = next(name for name in world.runs if name != "a")
    assert told == f"Done: Started {new}, with the request of a."
    assert json.loads(json.dumps(world.runs[new]["story"])) == "PROJ-1"


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("AccessDeniedException", DENIED, "Grant states:StopExecution on arn:x"),
        ("ThrottlingException", "Rate exceeded", "AWS limits the rate of calls"),
        ("ExpiredTokenException", "expired", "Renew them"),
        ("InternalServerException", "oops", "AWS refused stop_execution"),
    ],
)
def test_a_refusal_of_aws_is_shown_with_what_to_do(
    browser: Browser, world: World, code: Any, message: str, told: str
) -> None:
    world.run("a")
    world.denied("stop_execution", code, message)
    said = browser.act("a", "cancel")
    assert said.startswith("Not done: ")
    assert told in said


def test_without_the_right_to_read_the_secret_nothing_is_sent(calling: Any, world: World) -> None:
    browser, callback = calling
    world.denied("get_secret_value")
    assert "Not allowed: get_secret_value" in browser.act("a", "approve")
    assert not callback.received


def test_a_notice_that_is_too_long_for_its_cookie_is_cut(calling: Any) -> None:
    browser, callback = calling
    callback.answer = (200, {"decision": "approved", "resumed": [f"run-{number}" for number in range(5000)]})
    assert len(browser.act("a", "approve")) < 1100
