"""The callback understands what `callback` sends, and takes the operator for the actor."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from storygate.operations import send_verdict as callbacks

RULES = jira.Rules.from_environment()


def verdict(body: Any) -> Any:
    read = jira.read(json.dumps(body).encode(), datetime.now(UTC), RULES)
    assert isinstance(read, jira.Decided)
    assert read.story == "PROJ-1"
    return read.verdict


@pytest.mark.parametrize("status", callbacks.STATUSES)
def test_a_webhook_of_each_status_decides_as_the_flat_form_does(status: Any) -> None:
    sent = verdict(callbacks.webhook("PROJ-1", status, message=None, actor="user/ann"))
    assert sent.actor == "user/ann"
    if status == "pending":
        assert (sent.decision, sent.status) == ("pending", "In Progress")
    else:
        assert sent.decision == verdict(callbacks.flat("PROJ-1", status, message=None)).decision


def test_the_flat_form_carries_the_message_and_the_webhook_a_comment() -> None:
    assert verdict(callbacks.flat("PROJ-1", "approved", message="looks good")).message == "looks good"
    body = callbacks.webhook("PROJ-1", "approved", message="looks good", actor="user/ann")
    assert body["comment"] == {"body": "looks good", "author": body["user"]}
    assert verdict(body).decision == "approved"


def test_a_flat_approval_is_dated_by_whoever_receives_it() -> None:
    assert "timestamp" not in callbacks.flat("PROJ-1", "approved", message=None)
