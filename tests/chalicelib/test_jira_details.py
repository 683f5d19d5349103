"""Where a verdict's parts come from if a delivery holds them twice, in another place, or not at all."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira, jira_values
from chalicelib.refusals import BadBody
from tests.chalicelib.fakes import DEFAULT_RULES, changed, sample, without

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE = sample("cloud-done")


def read(body: Any) -> Any:
    return jira.read(json.dumps(body).encode(), NOW, DEFAULT_RULES, signed="webhookEvent" in body)


def with_items(body: Any, *items: Any) -> Any:
    return changed(body, "changelog.items", list(items))


def item(field: str, to: Any, **more: Any) -> Any:
    return {"field": field, "fieldId": field, "fieldtype": "jira", "toString": to, **more}


def test_where_the_issue_has_no_resolution_the_changelog_names_it() -> None:
    body = with_items(without(DONE, "issue.fields.resolution"), item("resolution", "Won't Do"))
    assert (read(body).verdict.decision, read(body).verdict.message) == ("rejected", "status Done, resolution Won't Do")


def test_an_issue_that_says_it_has_no_resolution_is_believed() -> None:
    items = [item("resolution", "Won't Do"), item("status", "Done")]
    body = with_items(changed(DONE, "issue.fields.resolution", None), *items)
    assert (read(body).verdict.decision, read(body).verdict.message) == ("approved", "status Done")


def test_a_resolution_in_no_list_is_seen_where_only_the_changelog_names_the_status() -> None:
    body = with_items(without(DONE, "issue.fields.status"), item("status", "Done"))
    answer = read(changed(body, "issue.fields.resolution", {"name": "Withdrawn"}))
    assert (answer.verdict.decision, answer.verdict.message) == ("pending", "status Done, resolution Withdrawn")


def test_a_status_alone_is_enough() -> None:
    body = with_items(without(DONE, "issue.fields.resolution"), item("status", "Done"))
    assert (read(body).verdict.decision, read(body).verdict.message) == ("approved", "status Done")


def test_an_issue_that_is_created_without_a_status_is_pending() -> None:
    body = with_items({**without(DONE, "issue.fields.status"), "webhookEvent": "jira:issue_created"})
    verdict = read(changed(body, "issue.fields.resolution", None)).verdict
    assert (verdict.decision, verdict.status, verdict.message) == ("pending", None, "status unknown")


@pytest.mark.parametrize(
    ("named", "counts"),
    [
        ({"field": "status"}, True),
        ({"field": "Estado", "fieldId": "status"}, True),
        ({"field": "STATUS"}, True),
        ({"field": "status", "fieldId": "customfield_10010"}, False),
        ({"fieldId": None, "field": None}, False),
        ({}, False),
    ],
)
def test_a_field_is_known_by_its_id_else_by_its_name(named: Any, counts: Any) -> None:
    answer = read(with_items(DONE, {"fieldtype": "jira", "toString": "Done", **named}))
    assert isinstance(answer, jira.Decided) is counts


def test_an_event_without_a_name_decides_nothing_unless_its_changelog_does() -> None:
    assert read(with_items({**DONE, "webhookEvent": 5})).why == "neither status nor resolution changed"
    assert read({"webhookEvent": None}).why == "not about an issue"
    assert read({**DONE, "webhookEvent": 5}).verdict.decision == "approved"


def test_a_verdict_whose_story_was_moved_to_its_own_key_names_no_former_one() -> None:
    body = with_items(DONE, item("status", "Done"), item("Key", "PROJ-12345", fromString="PROJ-12345"))
    assert read(body).former_key is None


@pytest.mark.parametrize(
    ("key", "story"),
    [
        ("x", "X"),
        ("x" * jira_values.LONGEST_KEY, "X" * jira_values.LONGEST_KEY),
        ("x" * (jira_values.LONGEST_KEY + 1), None),
        ("", None),
        ("\N{LATIN SMALL LETTER LONG S}-1", "\N{LATIN SMALL LETTER LONG S}-1"),
    ],
)
def test_a_key_is_one_to_so_many_bytes_and_only_ascii_is_put_in_capitals(key: str, story: str) -> None:
    assert read(changed(DONE, "issue.key", key)).story == story


NOT_UNDERSTOOD = (
    'not understood: send a Jira webhook, "Issue data" from Jira Automation, '
    'or {"jiraStoryId": "PROJ-1", "status": "approved", "message": "..."}'
)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"{", "the body is not JSON; in an Automation rule, write {{issue.summary.jsonEncode}}"),
        (b"[]", "the body must be a JSON object"),
        (b"{}", NOT_UNDERSTOOD),
        (b'{"status": "approved"}', '"jiraStoryId" must be the story\'s key, e.g. "PROJ-123"'),
        (b'{"jiraStoryId": "A-1"}', f'"status" must be one of {", ".join(jira.FLAT)}'),
        (
            b'{"jiraStoryId": "A-1", "status": "done", "timestamp": "noon"}',
            '"timestamp" must be epoch milliseconds or ISO 8601, e.g. "2026-01-31T12:00:00Z"',
        ),
    ],
)
def test_a_body_of_no_use_is_told_how_to_mend_it(raw: bytes, told: Any) -> None:
    with pytest.raises(BadBody) as refusal:
        jira.read(raw, NOW, DEFAULT_RULES, signed=False)
    assert str(refusal.value) == told


def test_the_flat_forms_status_is_kept_as_it_was_sent() -> None:
    answer = read({"jiraStoryId": "AB-1", "status": "Approved"})
    assert (answer.verdict.status, answer.verdict.received_at) == ("Approved", "2026-03-01T12:00:00.000Z")
    assert answer.unlisted is None


@pytest.mark.parametrize("timestamp", ["2026-01-31T12:00:00", "2026-01-31T13:00:00+01:00", 1769860800000])
def test_times_are_utc_wherever_the_code_runs(timestamp: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        verdict = read({"jiraStoryId": "AB-1", "status": "approved", "timestamp": timestamp}).verdict
    time.tzset()
    assert verdict.decided_at == "2026-01-31T12:00:00.000Z"
