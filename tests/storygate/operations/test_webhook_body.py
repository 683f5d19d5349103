"""The webhook that the tool sends is the one that Jira Cloud sends."""

import json

from storygate.operations.jira_webhook import encode, issue_updated, sign


def test_the_signature_is_atlassians() -> None:
    # The example of Atlassian's page "Webhooks", section "Secure admin webhooks".
    signature = sign(b"Hello World!", "It's a Secret to Everybody")
    assert signature == "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"


def test_the_signed_bytes_are_the_sent_bytes() -> None:
    body = issue_updated("PROJ-1", "approved", now=1_700_000_000.5)
    assert json.loads(encode(body)) == body
    assert sign(encode(body), "s") == sign(encode(body), "s")


def test_an_approval_is_a_move_to_done_with_resolution_first() -> None:
    body = issue_updated("PROJ-1", "approved", now=1_700_000_000.5)
    assert body["timestamp"] == 1_700_000_000_500
    assert body["issue"]["key"] == "PROJ-1"
    assert body["issue"]["fields"]["status"]["statusCategory"]["key"] == "done"
    assert [item["field"] for item in body["changelog"]["items"]] == ["resolution", "status"]
    assert {"accountId", "displayName"} <= body["user"].keys()


def test_a_rejection_differs_by_its_resolution_alone() -> None:
    approval, rejection = (issue_updated("PROJ-1", decision, now=0) for decision in ("approved", "rejected"))
    assert rejection["issue"]["fields"]["status"] == approval["issue"]["fields"]["status"]
    assert rejection["issue"]["fields"]["resolution"]["name"] == "Won't Do"
    assert rejection["changelog"]["items"][0]["toString"] == "Won't Do"
