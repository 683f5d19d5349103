"""An issue's history, replayed: which verdict it results in, and when none may result."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.jira_history import Unusable, former_keys, last_verdict
from tests.chalicelib.fakes import DEFAULT_RULES

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA = {"accountId": "712020:ada", "displayName": "Ada Marlow"}
IDS = {"To Do": "1", "In Progress": "2", "Done": "3", "Closed": "4", "Rejected": "5", "Erledigt": "6", "Won't Do": "7"}
GATED = DEFAULT_RULES._replace(projects=frozenset(("PROJ", "PAY")))


def history(hour: int, *items: tuple[str, str | None, str | None], author: Any = ADA) -> dict[str, Any]:
    """A change as Jira's changelog has it: fields without a value are left out, and `Key` has no `fieldId`."""
    made = []
    for field, before, after in items:
        ids = {} if field == "Key" else {"fieldId": field, "from": IDS.get(before or ""), "to": IDS.get(after or "")}
        item = {"field": field, "fieldtype": "jira", **ids, "fromString": before, "toString": after}
        made.append({name: value for name, value in item.items() if value is not None})
    return {"id": str(hour), "created": f"2026-01-01T{hour:02}:00:00.000+0000", "author": author, "items": made}


def to(status: str, before: str, resolution: str | None = None, unresolved: str | None = None) -> Any:
    """The items of a transition; a resolution comes first, as Jira sends it."""
    changed = [("resolution", unresolved, resolution)] if resolution != unresolved else []
    return [*changed, ("status", before, status)]


def issue(status: str, resolution: Any = None, key: str = "PROJ-1", category: str = "done") -> dict[str, Any]:
    resolved = {"id": IDS.get(resolution, "9"), "name": resolution} if isinstance(resolution, str) else resolution
    named = {"id": IDS.get(status), "name": status, "statusCategory": {"key": category}}
    return {"id": "10", "key": key, "fields": {"status": named, "resolution": resolved}}


PRESENT = "its history does not lead to its present "
MISSING = "it has no status or no resolution"
DONE = to("Done", "To Do", "Done")
REOPENED = to("To Do", "Done", None, "Done")
OUT, BACK = ("Key", "PROJ-1", "OPS-4"), ("Key", "OPS-4", "PROJ-1")

CASES: dict[str, tuple[Any, list[Any], str | None]] = {
    "nothing ever changed, not even where it is Done": (issue("Done"), [], None),
    "approved": (issue("Done", "Done"), [history(9, *DONE)], "approved 09"),
    "approved and reopened": (issue("To Do"), [history(8, *DONE), history(9, *REOPENED)], "pending 09"),
    "reopened and approved again": (
        issue("Done", "Done"),
        [history(7, *DONE), history(8, *REOPENED), history(9, *DONE)],
        "approved 09",
    ),
    "rejected, then approved": (
        issue("Done", "Done"),
        [history(8, *to("Rejected", "To Do", "Won't Do")), history(9, *to("Done", "Rejected", "Done", "Won't Do"))],
        "approved 09",
    ),
    "approved, then rejected by its resolution": (
        issue("Done", "Won't Do"),
        [history(8, *DONE), history(9, ("resolution", "Done", "Won't Do"))],
        "rejected 09",
    ),
    "Done, then Closed: the first approved": (
        issue("Closed", "Done"),
        [history(8, *DONE), history(9, *to("Closed", "Done", "Done", "Done"))],
        "approved 08",
    ),
    "edited after it was done": (
        issue("Done", "Done"),
        [history(8, *DONE), history(9, ("summary", "a", "b"))],
        "approved 08",
    ),
    "a status in no list, whatever its category": (
        issue("Erledigt"),
        [history(9, *to("Erledigt", "To Do"))],
        "pending 09",
    ),
    "a rejecting resolution in a closed status of no list": (
        issue("Erledigt", "Won't Do"),
        [history(9, *to("Erledigt", "To Do", "Won't Do"))],
        "rejected 09",
    ),
    "moved to another key, and done in the same step": (
        issue("Done", "Done", key="PAY-3"),
        [history(9, ("Key", "PROJ-1", "PAY-3"), *DONE)],
        None,
    ),
    "moved, then done under a gated key": (
        issue("Done", "Done", key="PAY-3"),
        [history(8, ("Key", "PROJ-1", "PAY-3")), history(9, *DONE)],
        "approved 09",
    ),
    "moved out, done there, moved back": (
        issue("Done", "Done"),
        [history(7, OUT), history(8, *DONE), history(9, BACK)],
        None,
    ),
    "approved, then moved out, reopened and done there, moved back": (
        issue("Done", "Done"),
        [history(5, *DONE), history(6, OUT), history(7, *REOPENED), history(8, *DONE), history(9, BACK)],
        "pending 07",
    ),
    "rejected where it was moved to": (
        issue("Rejected", "Won't Do", key="OPS-4"),
        [history(8, OUT), history(9, *to("Rejected", "To Do", "Won't Do"))],
        "pending 09",
    ),
    "approved, then moved out": (
        issue("Done", "Done", key="OPS-4"),
        [history(8, *DONE), history(9, OUT)],
        "approved 08",
    ),
    "moved to another gated key, and rejected in the same step": (
        issue("Rejected", "Won't Do", key="PAY-3"),
        [history(9, ("Key", "PROJ-1", "PAY-3"), *to("Rejected", "To Do", "Won't Do"))],
        "rejected 09",
    ),
    "moved from a key that cannot be read, and done": (
        issue("Done", "Done"),
        [history(8, ("Key", None, "PROJ-1")), history(9, *DONE)],
        "approved 09",
    ),
    "done before a move from a key that cannot be read": (
        issue("Done", "Done"),
        [history(8, *DONE), history(9, ("Key", None, "PROJ-1"))],
        None,
    ),
    "a resolution that never changed counts with each status": (
        issue("Done", "Won't Do"),
        [history(9, *to("Done", "To Do"))],
        "rejected 09",
    ),
    "a resolution corrected while the status stayed": (
        issue("Done", "Done"),
        [history(9, ("resolution", "Won't Do", "Done"))],
        "approved 09",
    ),
    "a resolution in no list stays with the next status": (
        issue("Closed", "Withdrawn"),
        [history(8, *to("Done", "To Do", "Withdrawn")), history(9, *to("Closed", "Done"))],
        "pending 09",
    ),
    "approved, closed, and reopened after that": (
        issue("To Do"),
        [
            history(8, *DONE),
            history(9, *to("Closed", "Done", "Done", "Done")),
            history(10, *to("To Do", "Closed", None, "Done")),
        ],
        "pending 10",
    ),
    "the category of a past status is not known": (
        issue("Done", "Done"),
        [
            history(8, *to("Erledigt", "To Do", "Won't Do")),
            history(9, ("Key", "PAY-3", "PROJ-1"), *to("Done", "Erledigt", "Done", "Won't Do")),
        ],
        "pending 08",
    ),
    "a key in other letters": (
        issue("Done", "Done", key="PAY-3"),
        [history(8, *DONE), history(9, ("Key", " proj-1", "PAY-3"))],
        "approved 08",
    ),
    "a status that was renamed since": (
        issue("Done", "Done") | {"fields": issue("Done", "Done")["fields"] | {"status": {"id": "3", "name": "Fertig"}}},
        [history(9, *DONE)],
        "approved 09",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_last_verdict_of_a_history(case: str) -> None:
    found, histories, expected = CASES[case]
    verdict = last_verdict(found, histories, GATED, NOW)
    assert (verdict and f"{verdict.decision} {verdict.decided_at[11:13]}") == expected


def test_it_says_what_jira_says_and_is_dated_by_jira() -> None:
    verdict = last_verdict(issue("Done", "Done"), [history(9, *DONE)], DEFAULT_RULES, NOW)
    assert verdict
    assert verdict.as_decision() == {
        "decision": "approved",
        "status": "Done",
        "actor": "Ada Marlow",
        "actorId": "712020:ada",
        "message": "status Done, resolution Done",
        "decidedAt": "2026-01-01T09:00:00.000Z",
        "receivedAt": "2026-01-01T12:00:00.000Z",
    }


def test_a_time_as_epoch_milliseconds_which_the_bulk_changelog_has_is_read_as_well() -> None:
    change = history(9, *DONE) | {"created": 1_767_258_000_000}
    verdict = last_verdict(issue("Done", "Done"), [change], DEFAULT_RULES, NOW)
    assert verdict
    assert verdict.decided_at == "2026-01-01T09:00:00.000Z"


def test_only_an_approver_approves() -> None:
    rules = DEFAULT_RULES._replace(approvers=frozenset(("712020:eve",)))
    verdict = last_verdict(issue("Done", "Done"), [history(9, *DONE)], rules, NOW)
    assert verdict
    assert verdict.decision == "pending"
    eve = {"accountId": "712020:EVE", "displayName": "Eve"}
    verdict = last_verdict(issue("Done", "Done"), [history(9, *DONE, author=eve)], rules, NOW)
    assert verdict
    assert verdict.decision == "approved"


def test_an_approval_dated_far_ahead_is_none_and_a_little_ahead_it_counts_from_now() -> None:
    late = history(12, *DONE) | {"created": "2026-01-01T12:05:00.001+0000"}
    assert last_verdict(issue("Done", "Done"), [late], DEFAULT_RULES, NOW) is None
    soon = history(12, *DONE) | {"created": "2026-01-01T12:05:00.000+0000"}
    verdict = last_verdict(issue("Done", "Done"), [soon], DEFAULT_RULES, NOW)
    assert verdict
    assert verdict.decided_at == "2026-01-01T12:00:00.000Z"


def test_a_custom_field_called_status_decides_nothing() -> None:
    custom = {"field": "Status", "fieldtype": "custom", "fieldId": "customfield_1", "toString": "Done"}
    change = history(9) | {"items": [custom]}
    assert last_verdict(issue("Done"), [change], DEFAULT_RULES, NOW) is None


@pytest.mark.parametrize(
    ("found", "histories", "why"),
    [
        (issue("To Do", "Done"), [history(9, *DONE)], PRESENT + "status"),  # it was reopened between two answers
        (issue("Done", "Duplicate"), [history(9, *DONE)], PRESENT + "resolution"),
        (issue("Done", {"id": "8"}), [history(9, *DONE)], PRESENT + "resolution"),  # one without a name
        (issue("Done", "Done"), [history(9, *DONE) | {"created": "yesterday"}], "one of its changes has no time"),
        (issue("Done", "Done"), [history(9, *DONE), "nonsense"], "one of its changes has no time"),
        ({"key": "PROJ-1", "fields": {}}, [history(9, *DONE)], MISSING),
        ({"key": "PROJ-1", "fields": {"status": {"name": "Done"}}}, [history(9, *DONE)], MISSING),
        ({"key": "PROJ-1"}, [history(9, *DONE)], MISSING),
    ],
)
def test_a_history_that_cannot_be_believed_decides_nothing(found: Any, histories: Any, why: str) -> None:
    with pytest.raises(Unusable, match=f"^{why}$"):
        last_verdict(found, histories, DEFAULT_RULES, NOW)


def test_former_keys_are_those_of_moves() -> None:
    assert former_keys([history(8, OUT), history(9, BACK), history(10, *DONE), "nonsense"]) == {"PROJ-1", "OPS-4"}
