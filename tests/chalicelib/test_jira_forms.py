"""Every body that Jira really sends, by the table in samples/jira/README.md, and what may be missing from it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira, jira_values
from chalicelib.refusals import BadBody
from tests.chalicelib.fakes import DEFAULT_RULES, SAMPLES, changed, sample, without

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ROWS = re.findall(r"^\| `(\S+)\.json` \| .+ \| (\w+) \|$", (SAMPLES / "README.md").read_text(encoding="utf-8"), re.M)
DONE = sample("cloud-done")


def read(body: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return jira.read(raw, NOW, DEFAULT_RULES, signed=b'"webhookEvent"' in raw)


def verdict_of(body: Any) -> Any:
    """Return the word of the samples' table: a decision, `ignored`, or the HTTP status of a refusal."""
    try:
        answer = read(body)
    except BadBody as error:
        return str(error.status)
    return answer.verdict.decision if isinstance(answer, jira.Decided) else "ignored"


@pytest.mark.parametrize(("name", "expected"), ROWS)
def test_a_sample_gives_the_verdict_that_its_table_promises(name: str, expected: Any) -> None:
    assert verdict_of((SAMPLES / f"{name}.json").read_bytes()) == expected


def test_the_table_lists_every_sample_once() -> None:
    assert sorted(name for name, _ in ROWS) == sorted(path.stem for path in SAMPLES.glob("*.json"))


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("key-with-blanks", "OPS-79"),
        ("project-key-differs", "AB_2-17"),
        ("automation-jira-format", "PROJ-12345"),
        ("automation-automation-format", "PROJ-12345"),
        ("flat-approved", "PROJ-12345"),
        ("comment-created-old", None),
        ("project-updated", None),
        ("two-keys-only", None),
    ],
)
def test_the_story_is_the_issues_key(name: str, story: str) -> None:
    assert read(sample(name)).story == story


@pytest.mark.parametrize(
    ("name", "former"), [("moved", "PROJ-12345"), ("moved-and-done", "PROJ-12345"), ("cloud-done", None)]
)
def test_a_move_names_the_key_the_story_had(name: str, former: Any) -> None:
    assert read(sample(name)).former_key == former


def test_a_move_to_the_same_key_is_none() -> None:
    assert read(changed(sample("moved"), "issue.key", " proj-12345")).former_key is None


@pytest.mark.parametrize("letter", ["K", "é", "価", "ΐ", "\ud800"])
def test_a_key_that_is_read_fits_the_tables_keys_whatever_its_letters(letter: Any) -> None:
    for length in range(1, 260, 7):
        items = [{"field": "Key", "fromString": letter * length}]
        former = read(changed(sample("moved"), "changelog.items", items)).former_key
        assert len(f"MOVED#{former}".encode()) <= 1024  # DynamoDB, naming rules and quotas: sort key


def test_a_story_in_small_letters_is_the_same_story() -> None:
    assert read(changed(DONE, "issue.key", "proj-12345")).story == "PROJ-12345"


def test_a_verdict_carries_what_a_result_shows() -> None:
    verdict = read(sample("rejected-by-resolution")).verdict
    assert (verdict.decision, verdict.status, verdict.actor) == ("rejected", "Done", "Ines Albrecht")
    assert verdict.message == "status Done, resolution Won't Do"
    assert (verdict.decided_at, verdict.received_at) == ("2026-01-01T10:00:00.000Z", "2026-03-01T12:00:00.000Z")


def test_a_deleted_issue_says_so() -> None:
    assert read(sample("deleted")).verdict.message == "the issue was deleted"


@pytest.mark.parametrize(
    ("user", "actor", "actor_id"),
    [
        ({"accountId": "712020:1"}, "712020:1", "712020:1"),
        ({"accountId": "712020:1", "displayName": "Ines Albrecht"}, "Ines Albrecht", "712020:1"),
        ({"name": "t.okafor", "key": "JIRAUSER10107"}, "t.okafor", "JIRAUSER10107"),
        ({"displayName": "Tobi Okafor", "name": "t.okafor"}, "Tobi Okafor", "t.okafor"),
        ({"displayName": "712020:1"}, "712020:1", None),
        ({}, None, None),
        ("t.okafor", None, None),
    ],
)
def test_the_actor_is_the_users_display_name_and_its_id_is_what_nobody_can_edit(
    user: Any, actor: Any, actor_id: Any
) -> None:
    verdict = read(changed(DONE, "user", user)).verdict
    assert (verdict.actor, verdict.actor_id) == (actor, actor_id)


@pytest.mark.parametrize("name", ["cloud-done", "service-management-webhook"])
def test_an_actor_is_believed_if_the_body_is_signed_and_not_with_a_bearer(name: str) -> None:
    signed = jira.read(json.dumps(sample(name)).encode(), NOW, DEFAULT_RULES, signed=True)
    assert isinstance(signed, jira.Decided)
    assert signed.verdict.actor_id == sample(name)["user"]["accountId"]
    answer = jira.read(json.dumps(sample(name)).encode(), NOW, DEFAULT_RULES, signed=False)
    assert isinstance(answer, jira.Decided)
    assert (answer.verdict.actor, answer.verdict.actor_id) == (None, None)


@pytest.mark.parametrize("name", ["cloud-done", "data-center-done"])
@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("issue", "ignored"),
        ("issue.key", "ignored"),
        ("issue.fields", "approved"),
        ("issue.fields.status", "approved"),
        ("issue.fields.status.name", "pending"),
        ("issue.fields.status.statusCategory", "approved"),
        ("issue.fields.status.statusCategory.key", "approved"),
        ("issue.fields.resolution", "approved"),
        ("issue.fields.project", "approved"),
        ("changelog", "ignored"),
        ("changelog.items", "ignored"),
        ("user", "approved"),
        ("timestamp", "ignored"),
        ("issue_event_type_name", "approved"),
    ],
)
def test_a_part_that_is_missing_never_helps_an_approval(name: str, missing: str, expected: Any) -> None:
    assert verdict_of(without(sample(name), missing)) == expected
    assert verdict_of(changed(sample(name), missing, None)) == expected


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("issue", 7, "ignored"),
        ("issue.key", 12345, "ignored"),
        ("issue.key", "   ", "ignored"),
        ("issue.key", "K" * 256, "ignored"),
        ("issue.fields", ["status"], "pending"),
        ("issue.fields.status", "Done", "pending"),
        ("issue.fields.status.name", 10007, "pending"),
        ("issue.fields.status", ["Done"], "pending"),
        ("issue.fields.status", {}, "pending"),
        ("issue.fields.status.name", {"name": "Done"}, "pending"),
        ("issue.fields.status.statusCategory", 3, "approved"),
        ("issue.fields.status.statusCategory.key", {"name": "done"}, "approved"),
        ("issue.fields.resolution", "Won't Do", "rejected"),
        ("issue.fields.resolution", 10003, "pending"),
        ("changelog", [], "ignored"),
        ("changelog.items", {"field": "status"}, "ignored"),
        ("changelog.items", [None, 1, "status", ["status"]], "ignored"),
        ("changelog.items", [{"field": 1, "fieldId": ["status"]}], "ignored"),
        ("webhookEvent", 5, "approved"),
        ("webhookEvent", None, "approved"),
        ("user", 5, "approved"),
    ],
)
def test_a_part_of_another_type_never_helps_an_approval(path: Any, value: Any, expected: Any) -> None:
    assert verdict_of(changed(DONE, path, value)) == expected


def test_where_the_issue_has_no_status_the_changelog_names_it() -> None:
    verdict = read(without(DONE, "issue.fields.status")).verdict
    assert (verdict.decision, verdict.status) == ("approved", "Done")


def test_where_the_issue_has_no_status_a_rejecting_name_in_the_changelog_rejects() -> None:
    assert verdict_of(without(sample("rejected-by-status"), "issue.fields.status")) == "rejected"


def test_text_is_cut_to_what_a_result_may_hold() -> None:
    verdict = read(changed(sample("flat-approved"), "message", "x" * 50_000)).verdict
    assert verdict.message == "x" * jira_values.LONGEST_TEXT


def test_a_lone_surrogate_is_replaced_before_it_is_stored() -> None:
    body = b'{"jiraStoryId": "AB-\\ud800", "status": "done", "message": "\\udfff!"}'
    answer = read(body)
    assert (answer.story, answer.verdict.message) == ("AB-?", "?!")
