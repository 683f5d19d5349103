"""Which statuses and resolutions approve and reject, by the stage's settings."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.refusals import Misconfigured
from tests.chalicelib.fakes import changed, sample, without

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LISTS = ("STORYGATE_APPROVED_STATUSES", "STORYGATE_REJECTED_STATUSES", "STORYGATE_REJECTED_RESOLUTIONS")


@pytest.fixture(autouse=True)
def _no_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LISTS:
        monkeypatch.delenv(name, raising=False)


def issue(status: Any, category: Any = "done", resolution: Any = None) -> Any:
    return {
        "key": "PROJ-1",
        "fields": {
            "status": {"name": status, "statusCategory": {"key": category}},
            "resolution": {"name": resolution} if resolution else None,
        },
    }


def decide(body: Any) -> Any:
    read = jira.read(json.dumps(body).encode(), NOW, jira.Rules.from_environment(), signed=True)
    assert isinstance(read, jira.Decided)
    return read.verdict.decision


@pytest.mark.parametrize("category", ["new", "indeterminate", "undefined", "complete", "", None])
@pytest.mark.parametrize("status", ["Done", "Closed", "Approved", ""])
def test_a_category_that_is_not_done_is_pending_whatever_the_status_is_called(status: Any, category: Any) -> None:
    assert decide(issue(status, category)) == "pending"


@pytest.mark.parametrize("status", ["Done", "Erledigt", "完了", "Released to production", "", None])
def test_category_done_approves_whatever_the_status_is_called(status: Any) -> None:
    assert decide(issue(status)) == "approved"


@pytest.mark.parametrize("status", sorted(jira.REJECTED_STATUSES))
@pytest.mark.parametrize("category", ["done", "indeterminate", None])
def test_a_rejecting_status_rejects_in_every_category(status: Any, category: Any) -> None:
    assert decide(issue(status, category, "Done")) == "rejected"


@pytest.mark.parametrize("resolution", sorted(jira.REJECTED_RESOLUTIONS))
def test_a_rejecting_resolution_rejects_in_category_done_alone(resolution: Any) -> None:
    assert decide(issue("Done", "done", resolution)) == "rejected"
    assert decide(issue("Reopened", "new", resolution)) == "pending"


@pytest.mark.parametrize("name", ["won't do", "WON'T DO", "  Won't \t Do ", "Won\N{RIGHT SINGLE QUOTATION MARK}t Do"])
def test_names_are_compared_whatever_their_capitals_blanks_and_apostrophe(name: str) -> None:
    assert decide(issue(name)) == "rejected"
    assert decide(issue("Done", resolution=name)) == "rejected"


def test_with_a_list_of_approved_statuses_only_those_names_approve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Released, Signed  off")
    assert decide(issue("released")) == "approved"
    assert decide(issue("Signed off")) == "approved"
    assert decide(issue("Done")) == "pending"
    assert decide(issue("")) == "pending"


def test_an_approved_status_approves_an_old_servers_issue_that_has_no_category(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decide(sample("old-server-done")) == "pending"
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Closed")
    assert decide(sample("old-server-done")) == "approved"


def test_an_approved_status_approves_where_only_the_changelog_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Done")
    assert decide(without(sample("cloud-done"), "issue.fields.status")) == "approved"


def test_an_approved_status_does_not_outweigh_a_rejecting_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Done")
    assert decide(sample("rejected-by-resolution")) == "rejected"


@pytest.mark.parametrize("name", ["old-server-done", "closed-in-category-new"])
def test_nor_does_it_where_the_status_has_no_category_or_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Closed")
    assert decide(changed(sample(name), "issue.fields.resolution", {"name": "Won't Fix"})) == "rejected"


def test_a_rejecting_resolution_rejects_in_category_done_whatever_the_list_of_approved_statuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Released")
    assert decide(sample("rejected-by-resolution")) == "rejected"


def test_a_status_on_both_lists_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Rejected")
    assert decide(issue("Rejected")) == "rejected"


def test_a_list_of_rejecting_statuses_replaces_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_REJECTED_STATUSES", "Abgelehnt")
    assert decide(issue("Abgelehnt", "indeterminate")) == "rejected"
    assert decide(issue("Rejected")) == "approved"


def test_a_list_of_rejecting_resolutions_replaces_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_REJECTED_RESOLUTIONS", "Not this time,Won't Do")
    assert decide(issue("Done", resolution="not this time")) == "rejected"
    assert decide(issue("Done", resolution="Duplicate")) == "approved"


def test_the_lists_do_not_change_the_flat_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", "Released")
    monkeypatch.setenv("STORYGATE_REJECTED_STATUSES", "approved")
    assert decide(sample("flat-approved")) == "approved"


@pytest.mark.parametrize("variable", LISTS)
@pytest.mark.parametrize("value", ["", "  ", ",", " , ,"])
def test_a_list_that_names_nothing_fails_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: Any
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=variable):
        jira.Rules.from_environment()


def test_a_reopened_story_is_pending_even_while_its_resolution_stays() -> None:
    body = changed(sample("reopened"), "issue.fields.resolution", {"name": "Won't Do"})
    assert decide(body) == "pending"


@pytest.mark.parametrize("event", ["jira:issue_deleted", "issue_deleted"])
def test_a_deleted_issue_rejects_whatever_its_status(event: Any) -> None:
    for body in (sample("deleted"), sample("reopened"), sample("created-to-do")):
        assert decide({**body, "webhookEvent": event}) == "rejected"


@pytest.mark.parametrize("name", ["cloud-done", "resolution-changed-later"])
@pytest.mark.parametrize("event", ["comment_created", "jira:worklog_updated", "jira:issue_updated"])
def test_an_issue_event_without_a_status_or_resolution_item_decides_nothing(name: str, event: Any) -> None:
    body = {**sample(name), "webhookEvent": event, "changelog": {"items": [{"field": "summary"}]}}
    answer = jira.read(json.dumps(body).encode(), NOW, jira.Rules.from_environment(), signed=True)
    assert isinstance(answer, jira.Ignored)
    assert answer.why == "neither status nor resolution changed"
