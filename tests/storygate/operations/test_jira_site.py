"""Which filter of a webhook hides from the stage what decides."""

from typing import Any

import pytest

from storygate.operations.jira_site import EVENTS, Webhook

WANTED = Webhook("storygate dev", "https://example.com/jira/callback", ("PROJ", "OPS"))


@pytest.mark.parametrize(
    ("jql", "wrong"),
    [
        ("", False),
        ('project in ("PROJ", "OPS")', False),
        ("project in (ops, proj, OTHER) AND issuetype = Story", False),
        ("project = PROJ", True),
        ("project in (PROJ, OPS) AND status = Done", True),
        ("project in (PROJ, OPS) AND statusCategory = Done", True),
        ("project in (PROJ, OPS) AND resolution IS NOT EMPTY", True),
    ],
)
def test_a_filter_is_wrong_if_it_leaves_a_project_out_or_asks_for_a_status(jql: str, wrong: bool) -> None:
    assert WANTED.wrong_jql(jql) is wrong


def test_a_stage_that_gates_every_project_cannot_judge_a_filter_by_projects() -> None:
    assert not Webhook("storygate dev", WANTED.url, ()).wrong_jql("project = PROJ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"isSigned": None}, None),
        ({"isSigned": False}, "has no secret"),
        ({"enabled": False}, "switched off"),
        ({"excludeBody": True}, "excludes the body"),
        ({"events": ["jira:issue_updated"]}, "lacks jira:issue_created, jira:issue_deleted"),
        ({"events": None, "filters": None}, "lacks"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_said_in_words(change: dict[str, Any], said: str | None) -> None:
    right = {"events": [*EVENTS, "comment_created"], "enabled": True, "excludeBody": False, "isSigned": True}
    wrong = WANTED.wrong_in(right | change)
    assert [said in text for text in wrong] == [True] if said else wrong == []
