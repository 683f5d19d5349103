"""The stage's lists: which names of statuses and resolutions approve and reject, and what is told of all others."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.refusals import Misconfigured
from chalicelib.rules import Rules
from tests.chalicelib.fakes import sample, without

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LISTS = (
    "STORYGATE_APPROVED_STATUSES",
    "STORYGATE_APPROVED_RESOLUTIONS",
    "STORYGATE_REJECTED_STATUSES",
    "STORYGATE_REJECTED_RESOLUTIONS",
    "STORYGATE_PROJECTS",
    "STORYGATE_APPROVERS",
)
DONE = sample("cloud-done")
THEN = "; then move the story out of this status and in again"


@pytest.fixture(autouse=True)
def _no_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LISTS:
        monkeypatch.delenv(name, raising=False)


def issue(status: Any, category: Any = "done", resolution: Any = None) -> Any:
    """Return an issue as Automation sends it."""
    return {
        "key": "PROJ-1",
        "fields": {
            "status": {"name": status, "statusCategory": {"key": category}},
            "resolution": {"name": resolution} if resolution else None,
        },
    }


def read(body: Any, *, signed: bool = True) -> Any:
    return jira.read(json.dumps(body).encode(), NOW, Rules.from_environment(), signed=signed)


def decide(body: Any) -> Any:
    return read(body).verdict.decision


@pytest.mark.parametrize(
    "name", ["won't do", "WON'T DO", "  Won't \t Do ", "Won\N{RIGHT SINGLE QUOTATION MARK}t Do", "\u00a0Won't Do\n"]
)
def test_names_are_compared_whatever_their_capitals_blanks_and_apostrophe(name: str) -> None:
    assert decide(issue(name)) == "rejected"
    assert decide(issue("Done", resolution=name)) == "rejected"


@pytest.mark.parametrize(
    ("variable", "value", "body", "decision"),
    [
        ("APPROVED_STATUSES", "Released, Signed  off", issue("signed OFF"), "approved"),
        ("APPROVED_STATUSES", "Released, Signed  off", issue("Done"), "pending"),
        ("APPROVED_STATUSES", "Released", issue("Released", resolution="Fixed"), "approved"),
        ("APPROVED_STATUSES", "Rejected", issue("Rejected"), "rejected"),
        ("APPROVED_STATUSES", "Released", issue("Done", resolution="Won't Do"), "rejected"),
        ("APPROVED_STATUSES", "Released", issue("Released", "new", "Won't Do"), "rejected"),
        ("APPROVED_RESOLUTIONS", "Fertig", issue("Done", resolution="fertig"), "approved"),
        ("APPROVED_RESOLUTIONS", "Fertig", issue("Done", resolution="Done"), "pending"),
        ("APPROVED_RESOLUTIONS", "Fertig", issue("Done"), "approved"),
        ("APPROVED_RESOLUTIONS", "Won't Do", issue("Done", resolution="Won't Do"), "rejected"),
        ("REJECTED_STATUSES", "Abgelehnt", issue("Abgelehnt", "indeterminate"), "rejected"),
        ("REJECTED_STATUSES", "Abgelehnt", issue("Rejected"), "pending"),
        ("REJECTED_STATUSES", "Done", issue("Done"), "rejected"),
        ("REJECTED_RESOLUTIONS", "Not this time,Withdrawn", issue("Done", resolution="not this time"), "rejected"),
        ("REJECTED_RESOLUTIONS", "Not this time,Withdrawn", issue("Done", resolution="Duplicate"), "pending"),
        ("REJECTED_RESOLUTIONS", "Done", issue("Done", resolution="Done"), "rejected"),
        ("APPROVED_STATUSES", "Released", sample("flat-approved"), "approved"),
        ("REJECTED_STATUSES", "approved", sample("flat-approved"), "approved"),
    ],
)
def test_a_list_replaces_the_usual_names_and_a_rejecting_name_wins(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, body: Any, decision: str
) -> None:
    monkeypatch.setenv(f"STORYGATE_{variable}", value)
    assert read(body, signed=False).verdict.decision == decision


def test_an_approved_status_approves_where_only_the_changelog_names_it() -> None:
    assert decide(without(DONE, "issue.fields.status")) == "approved"


@pytest.mark.parametrize("variable", LISTS)
@pytest.mark.parametrize("value", ["", "  ", ",", " , ,"])
def test_a_list_that_names_nothing_fails_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: Any
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=variable):
        Rules.from_environment()


@pytest.mark.parametrize("event", ["jira:issue_deleted", "issue_deleted"])
def test_a_deleted_issue_rejects_whatever_its_status(event: Any) -> None:
    for body in (sample("deleted"), sample("reopened"), sample("created-to-do")):
        assert decide({**body, "webhookEvent": event}) == "rejected"


@pytest.mark.parametrize("event", ["comment_created", "jira:worklog_updated", "jira:issue_updated"])
def test_an_issue_event_without_a_status_or_resolution_item_decides_nothing(event: Any) -> None:
    for name in ("cloud-done", "resolution-changed-later"):
        body = {**sample(name), "webhookEvent": event, "changelog": {"items": [{"field": "summary"}]}}
        assert read(body) == jira.Ignored(body["issue"]["key"], "neither status nor resolution changed")


STATUS = 'status "{}" is in no list: add it to STORYGATE_APPROVED_STATUSES or STORYGATE_REJECTED_STATUSES'
RESOLUTION = 'resolution "{}" is in no list: add it to STORYGATE_APPROVED_RESOLUTIONS or STORYGATE_REJECTED_RESOLUTIONS'


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (issue("Abgelehnt"), STATUS.format("Abgelehnt") + THEN),
        (issue(None), STATUS.format("without a name") + THEN),
        (issue("Done", "new", "Withdrawn"), RESOLUTION.format("Withdrawn") + THEN),
        (issue("Denied", "done", "No"), f"{STATUS.format('Denied')}; {RESOLUTION.format('No')}{THEN}"),
        (issue("Denied", "done", "Done"), STATUS.format("Denied") + THEN),
        (issue("Denied", "new", "No"), None),
        (issue("Done"), None),
        (issue("Won't Do"), None),
    ],
)
def test_a_closed_story_that_is_pending_is_told_which_list_lacks_it(body: Any, told: str | None) -> None:
    assert read(body).unlisted == told
