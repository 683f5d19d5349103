"""The words for people in Jira: a link and a comment, valid by Atlassian's document, with nothing that acts."""

import json
from typing import Any

import pytest

from chalicelib import jira_texts
from localcloud.jira import documents
from tests.jira_openapi import Exchange, violations

RUN, URL = "approved-15e16e57d20ce9e2", "https://example.com/run"
REQUEST = {"packageIds": ["pkg-001", "pkg-002"], "metadata": {"environment": "production", "token": "s3cret"}}
HOSTILE = "[~accountid:5b10] @ada !http://evil/x.png! {code} *b* <script> h1. x\n\n----\u202egnp.exe\x07 \ud800 😀"


def told(document: Any) -> str:
    return documents.plain(document)


def test_a_waiting_run_is_a_link_that_says_what_waits() -> None:
    assert jira_texts.waiting_link(RUN, URL, REQUEST) == {
        "globalId": f"storygate={RUN}",
        "application": {"type": "storygate", "name": "storygate"},
        "relationship": "deployment",
        "object": {
            "url": URL,
            "title": "Deployment waits for this story",
            "summary": "pkg-001, pkg-002; production",
            "status": {"resolved": False},
        },
    }
    assert jira_texts.waiting_link(RUN, URL, None)["object"]["summary"] == RUN


@pytest.mark.parametrize("outcome", [*jira_texts.HEADLINES, "something new"])
def test_an_end_is_a_resolved_link_and_a_comment_a_person_would_write(outcome: str) -> None:
    link = jira_texts.ended_link(RUN, URL, outcome, REQUEST)
    assert link["object"]["status"] == {"resolved": True}
    comment = jira_texts.comment(RUN, URL, outcome, "PROJ-1 was approved by Ada.", REQUEST)
    assert told(comment).splitlines() == [
        link["object"]["title"],
        "PROJ-1 was approved by Ada.",
        "Packages: pkg-001, pkg-002",
        "Environment: production",
        f"Run: {RUN}",
    ]
    assert "s3cret" not in json.dumps([link, comment])


def test_hostile_text_stays_text_on_one_line() -> None:
    request = {"packageIds": [HOSTILE, 5], "metadata": {"environment": HOSTILE}}
    comment = jira_texts.comment(HOSTILE, URL, HOSTILE, HOSTILE, request)
    assert documents.is_valid(comment)
    types = {node["type"] for paragraph in comment["content"] for node in paragraph["content"]}
    assert types == {"text", "hardBreak"}
    assert "[~accountid:5b10] @ada !http://evil/x.png!" in told(comment)
    assert not set("\u202e\x07\ud800") & set(told(comment))
    json.dumps(comment, ensure_ascii=False).encode()


def test_what_is_long_is_cut_and_what_is_missing_is_left_out() -> None:
    many = {"packageIds": [f"package-{number}" for number in range(50)], "metadata": "none"}
    link = jira_texts.waiting_link("x" * 80, URL, many)
    assert len(link["object"]["summary"]) <= 250
    assert "and 30 more" in told(jira_texts.comment(RUN, URL, "error", "r" * 5000, many))
    assert len(told(jira_texts.comment(RUN, URL, "error", "r" * 5000, many))) < 2000
    nothing = jira_texts.comment(RUN, URL, "error", "", {"packageIds": None, "metadata": {"environment": 5}})
    assert told(nothing).splitlines() == ["Deployment ended by an error", "No reason was recorded.", f"Run: {RUN}"]


def test_both_are_valid_by_atlassians_document() -> None:
    path = "/rest/api/3/issue/A-1/"
    link, comment = jira_texts.waiting_link(RUN, URL, REQUEST), jira_texts.comment(RUN, URL, "approved", "", REQUEST)
    sent = [
        Exchange("POST", path + "remotelink", "", link, 201, {"id": 1}),
        Exchange("POST", path + "comment", "", {"body": comment}, 201, {"id": "1"}),
    ]
    assert violations(sent) == []
