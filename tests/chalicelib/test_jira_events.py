"""A verdict is an event: an approval counts only if this change brought it about, in time, without a move."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import jira
from tests.chalicelib.fakes import DEFAULT_RULES, changed, sample, without

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE = sample("cloud-done")
MOVED = sample("moved-and-done")
APPROVED_BEFORE = "the story was approved before this change already"
NO_MOVE = "a move to another key approves nothing: then move the story out and in again"


def read(body: Any, *, signed: bool = True) -> Any:
    return jira.read(json.dumps(body).encode(), NOW, DEFAULT_RULES, signed=signed)


def item(field: str, before: Any, after: Any, **more: Any) -> Any:
    return {"field": field, "fieldId": field, "fieldtype": "jira", "fromString": before, "toString": after, **more}


def with_items(*items: Any, status: str = "Done", resolution: Any = None) -> Any:
    """Return the webhook of a story that has this state after these changes."""
    fields = {"status": {"name": status, "statusCategory": {"key": "done"}}, "resolution": resolution}
    return DONE | {"issue": {"key": "PROJ-1", "fields": fields}, "changelog": {"items": list(items)}}


CUSTOM = {"field": "Status", "fieldId": "customfield_10010", "fieldtype": "custom"}


@pytest.mark.parametrize(
    ("items", "counts"),
    [
        ([item("status", "In Progress", "Closed"), item("status", "Closed", "Done")], True),
        ([item("status", "Done", "In Progress"), item("status", "In Progress", "Done")], False),
        ([item("resolution", "Done", None), item("status", "In Progress", "Done")], True),
        ([item("resolution", None, "Done"), item("status", "Closed", "Done")], False),
        ([item("resolution", "Won't Do", None), item("status", "Closed", "Done")], True),
        ([item("resolution", "Withdrawn", None), item("resolution", None, "Done")], True),
        ([item("status", "In Progress", "Done") | CUSTOM, item("status", "Closed", "Done")], False),
        ([item("status", "Closed", "Done") | CUSTOM, item("status", "In Progress", "Done")], True),
        ([item("status", "In Progress", "Done") | CUSTOM, item("resolution", None, "Done")], False),
        ([item("status", "In Progress", "Done") | {"fieldtype": "custom"}, item("resolution", None, "Done")], False),
        ([item("status", "Closed", "Done") | {"field": "Estado"}], False),
        ([without(item("status", "Closed", "Done"), "fieldId")], False),
        ([item("status", " closed ", "Done")], False),
        ([item("status", None, "Done")], True),
        ([item("status", 5, "Done")], True),
        ([item("status", ["Closed"], "Done")], True),
        ([without(item("status", "Closed", "Done"), "fromString")], True),
        ([item("assignee", "Done", "Done"), item("resolution", "Fixed", "Done")], False),
    ],
)
def test_an_approval_counts_only_if_the_story_was_not_approved_before_that_very_change(
    items: Any, counts: bool
) -> None:
    answer = read(with_items(*items))
    assert (answer == jira.Ignored("PROJ-1", APPROVED_BEFORE, names_waiting=True)) != counts
    assert counts == (isinstance(answer, jira.Decided) and answer.verdict.decision == "approved")


def test_a_created_issue_has_no_before_whatever_its_changelog_says() -> None:
    body = with_items(item("status", "Done", "Done")) | {"webhookEvent": "jira:issue_created"}
    assert read(body).verdict.decision == "approved"


@pytest.mark.parametrize("resolution", [{}, {"id": "10003"}, {"name": None}, {"name": " "}, [], True, " ", ["Done"]])
def test_a_resolution_without_a_name_is_in_no_list(resolution: Any) -> None:
    answer = read(with_items(item("status", "In Progress", "Done"), resolution=resolution))
    assert answer.verdict.decision == "pending"
    assert answer.unlisted.startswith('resolution "without a name" is in no list')


@pytest.mark.parametrize("resolution", [None, "", "Done", {"name": "Done"}])
def test_a_resolution_is_none_or_a_name_bare_or_as_an_object(resolution: Any) -> None:
    body = with_items(item("status", "In Progress", "Done"), resolution=resolution)
    assert read(body).verdict.decision == "approved"


class TestAMove:
    """A webhook that gives the story another key."""

    def test_records_the_move_and_no_approval(self) -> None:
        assert read(MOVED) == jira.Ignored("PAY-9", NO_MOVE, former_key="PROJ-12345")

    def test_is_known_by_the_id_of_the_keys_field_too(self) -> None:
        moved = item("Key", "PROJ-12345", "PAY-9", fieldId="issuekey")
        body = changed(MOVED, "changelog.items", [moved, item("status", "To Do", "Done")])
        assert read(body) == jira.Ignored("PAY-9", NO_MOVE, former_key="PROJ-12345")

    def test_of_a_story_that_was_approved_before_records_the_move_alone(self) -> None:
        body = changed(sample("moved"), "changelog.items", [*sample("moved")["changelog"]["items"],
                                                            item("status", "Closed", "Done")])  # fmt: skip
        assert read(body) == jira.Ignored("PAY-9", NO_MOVE, former_key="PROJ-12345")

    @pytest.mark.parametrize("former", [None, "", 7])
    def test_whose_former_key_is_missing_approves_nothing_either(self, former: Any) -> None:
        body = changed(MOVED, "changelog.items", [item("Key", former, "PAY-9"), item("status", "To Do", "Done")])
        assert read(body) == jira.Ignored("PAY-9", NO_MOVE)

    @pytest.mark.parametrize(("status", "decision"), [("Rejected", "rejected"), ("To Do", "pending")])
    def test_with_a_rejection_or_a_pending_status_counts(self, status: str, decision: str) -> None:
        answer = read(changed(MOVED, "issue.fields.status.name", status))
        assert (answer.verdict.decision, answer.former_key) == (decision, "PROJ-12345")

    def test_that_a_bearer_reports_is_not_recorded_and_approves_nothing(self) -> None:
        assert read(MOVED, signed=False) == jira.Ignored("PAY-9", NO_MOVE)
        assert read(sample("moved"), signed=False).former_key is None
        answer = read(changed(MOVED, "issue.fields.status.name", "Rejected"), signed=False)
        assert (answer.verdict.decision, answer.former_key) == ("rejected", None)


class TestAWebhooksTime:
    """An approval needs a time that is not more than five minutes ahead; whatever stops a run does not."""

    MINUTES = timedelta(minutes=5)

    @pytest.mark.parametrize("timestamp", [None, "", "yesterday", True, [], 10**17])
    def test_must_be_there(self, timestamp: Any) -> None:
        told = 'it approves nothing without a "timestamp" (epoch milliseconds)'
        assert read(DONE | {"timestamp": timestamp}) == jira.Ignored("PROJ-12345", told, refused=True)
        assert read(without(DONE, "timestamp")) == jira.Ignored("PROJ-12345", told, refused=True)

    def test_may_be_five_minutes_ahead_but_then_the_arrival_counts(self) -> None:
        at = int((NOW + self.MINUTES).timestamp() * 1000)
        assert read(DONE | {"timestamp": at}).verdict.decided_at == "2026-03-01T12:00:00.000Z"
        told = (
            "it approves nothing, because it is dated 2026-03-01T12:05:00.001Z, more than five minutes ahead: "
            "set the sender's clock"
        )
        assert read(DONE | {"timestamp": at + 1}) == jira.Ignored("PROJ-12345", told, refused=True)

    @pytest.mark.parametrize("timestamp", [None, 4102444800000, "nonsense"])
    @pytest.mark.parametrize("name", ["reopened", "rejected-by-status", "deleted", "localised-done"])
    def test_does_not_matter_to_what_approves_nothing(self, name: str, timestamp: Any) -> None:
        assert read(sample(name) | {"timestamp": timestamp}).verdict.decided_at == "2026-03-01T12:00:00.000Z"
