"""The local Jira's webhooks: signed, filtered, sent again, or lost."""

import hashlib
import hmac
from typing import Any

import pytest

from localcloud.jira.site_data import PEOPLE
from tests.localcloud.jira.conftest import Caller, Receiver

WEBHOOKS = "/rest/webhooks/1.0/webhook"
EVENTS = ["jira:issue_updated", "jira:issue_deleted"]
SECRET = "It's a Secret to Everybody"


def register(jira: Caller, receiver: Receiver, **more: Any) -> Any:
    wanted = {"name": "gate", "url": receiver.url, "events": EVENTS, "secret": SECRET, **more}
    return jira("POST", WEBHOOKS, wanted)


def test_a_move_is_told_with_signature_identifier_and_changelog(jira: Caller, receiver: Receiver) -> None:
    assert register(jira, receiver).status == 201
    jira.jira.site.transition("PROJ-1", "Done", user=PEOPLE[0])
    ((headers, body),) = receiver.wait_for(1)
    signed = hmac.new(SECRET.encode(), receiver.got[0][1], hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature"] == f"sha256={signed}"
    assert headers["X-Atlassian-Webhook-Identifier"]
    assert "X-Atlassian-Webhook-Retry" not in headers
    assert (body["webhookEvent"], body["timestamp"]) == ("jira:issue_updated", 1_767_261_600_000)
    assert body["user"]["displayName"] == "Ada Marlow"
    assert body["issue"]["fields"]["status"]["name"] == "Done"
    assert [item["field"] for item in body["changelog"]["items"]] == ["resolution", "status"]


def test_a_refused_delivery_is_sent_again_with_the_same_identifier_and_another_error_is_not(
    jira: Caller, receiver: Receiver
) -> None:
    register(jira, receiver)
    receiver.answers = [503, 409, 200]
    jira.jira.site.transition("PROJ-1", "Done")
    tried = receiver.wait_for(3)
    assert len({headers["X-Atlassian-Webhook-Identifier"] for headers, _ in tried}) == 1
    assert [headers.get("X-Atlassian-Webhook-Retry", "0") for headers, _ in tried] == ["0", "1", "2"]
    receiver.answers = [404]
    jira.jira.site.transition("PROJ-1", "To Do")
    jira.jira.site.delete("PROJ-1")
    assert {body["webhookEvent"] for _, body in receiver.wait_for(5)[3:]} == set(EVENTS)  # the 404 was not sent again


def test_a_delivery_is_tried_six_times_at_most_also_without_an_answer(jira: Caller, receiver: Receiver) -> None:
    register(jira, receiver, url="http://127.0.0.1:9/")  # nobody listens there
    register(jira, receiver, name="refused")
    receiver.answers = [500] * 6
    jira.jira.site.transition("PROJ-1", "Done")
    receiver.wait_for(6)
    jira.jira.site.transition("PROJ-1", "To Do")
    assert receiver.wait_for(7)[6][1]["issue"]["fields"]["status"]["name"] == "To Do"


def test_a_webhook_is_told_of_its_projects_and_events_only(jira: Caller, receiver: Receiver) -> None:
    register(jira, receiver, filters={"issue-related-events-section": 'project in ("OPS", PAY) AND issuetype = Story'})
    site = jira.jira.site
    for key in ("PROJ-1", "OPS-1", "PAY-1"):
        site.transition(key, "Done")
    jira("POST", "/rest/api/3/issue/OPS-1/comment", {"body": {"type": "doc", "version": 1, "content": []}})
    site.move("PROJ-1", "PAY")
    told = {(body["issue"]["key"], body["issue_event_type_name"]) for _, body in receiver.wait_for(3)}
    assert told == {("OPS-1", "issue_generic"), ("PAY-1", "issue_generic"), ("PAY-2", "issue_moved")}


def test_a_webhook_is_listed_changed_and_removed_and_never_shows_its_secret(jira: Caller, receiver: Receiver) -> None:
    address = register(jira, receiver).json["self"].removeprefix(jira.jira.url)
    assert jira("PUT", address, {"events": ["jira:issue_deleted"], "enabled": True}).json["events"] == [
        "jira:issue_deleted"
    ]
    (listed,) = jira("GET", WEBHOOKS).json
    assert (listed["url"], listed["isSigned"]) == (receiver.url, True)
    assert SECRET not in str(listed)
    assert jira("GET", WEBHOOKS, user=None).status == 401
    jira.jira.site.denied.add("ADMINISTER")
    assert jira("GET", WEBHOOKS).status == 403
    jira.jira.site.denied.clear()
    assert jira("DELETE", address).status == 204
    assert jira("GET", address).status == jira("PUT", address, {"name": "x"}).status == 404


@pytest.mark.parametrize(
    "wrong",
    [{"url": "ftp://x"}, {"events": []}, {"name": ""}, {"filters": {"issue-related-events-section": "assignee = me"}}],
)
def test_a_webhook_that_jira_refuses(jira: Caller, receiver: Receiver, wrong: Any) -> None:
    assert register(jira, receiver, **wrong).status == 400


def test_the_switch_needs_no_credentials_and_loses_what_happens_meanwhile(jira: Caller, receiver: Receiver) -> None:
    register(jira, receiver)
    assert jira("PUT", "/local/webhooks", {"enabled": False}, user=None).json["enabled"] is False
    jira.jira.site.transition("PROJ-1", "Done")
    assert jira("PUT", "/local/webhooks", {"enabled": True}, user=None).status == 200
    jira.jira.site.transition("PROJ-1", "To Do")
    ((_, body),) = receiver.wait_for(1)
    assert body["issue"]["fields"]["status"]["name"] == "To Do"
    assert jira("PUT", "/local/webhooks", {"enabled": "no"}, user=None).status == 400
