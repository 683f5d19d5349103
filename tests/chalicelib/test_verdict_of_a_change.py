"""The table of verdicts: what a change of status and resolution decides on a stage without lists of its own.

A line is `before | after | category | verdict`. A state is `status`, or `status / resolution`. Before, `created` is a
new issue and `sent` an issue from Automation, which has no before. `unlisted` is pending, with advice.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.rules import APPROVED_RESOLUTIONS, APPROVED_STATUSES, REJECTED_RESOLUTIONS, REJECTED_STATUSES, State
from chalicelib.settings import fold
from tests.chalicelib.fakes import DEFAULT_RULES

TABLE = """
In Progress          | Done                          | done          | approved
In Progress          | Done / Done                   | done          | approved
In Progress          | Closed / Fixed                | done          | approved
In Progress          | Resolved / Implemented        | done          | approved
In Progress          | Released                      | done          | approved
In Progress          | Complete / Complete           | done          | approved
In Progress          | DONE / doNE                   | done          | approved
In Progress          | Done                          | undefined     | approved
In Progress          | Done                          | new           | approved
In Progress          | Done                          | -             | approved
created              | Done / Done                   | done          | approved
sent                 | Done / Done                   | done          | approved
Won't Do             | Done / Done                   | done          | approved
Denied               | Done                          | done          | approved
-                    | Done                          | done          | approved
Done / Withdrawn     | Done / Done                   | done          | approved
Done / Withdrawn     | Done                          | done          | approved
Done / Won't Do      | Done / Fixed                  | done          | approved
Done / Won't Do      | Done                          | done          | approved
Archived             | Done                          | done          | approved

Done                 | Closed                        | done          | ignored
Done / Done          | Closed / Done                 | done          | ignored
Resolved / Fixed     | Closed / Fixed                | done          | ignored
Done                 | Done / Done                   | done          | ignored
Done / Done          | Done                          | done          | ignored
Done / Done          | Done / Fixed                  | done          | ignored
DONE                 | Released                      | done          | ignored
Done                 | Released                      | new           | ignored

To Do                | In Progress                   | indeterminate | pending
Done                 | In Progress                   | indeterminate | pending
Done / Done          | In Progress / Done            | indeterminate | pending
Done / Won't Do      | In Progress / Won't Do        | indeterminate | pending
To Do                | Approved soon                 | indeterminate | pending
created              | To Do                         | new           | pending
sent                 | In Progress                   | indeterminate | pending
To Do                | Denied                        | indeterminate | pending
To Do                | -                             | new           | pending

In Progress          | Denied                        | done          | unlisted
In Progress          | Denied / Done                 | done          | unlisted
In Progress          | Not approved                  | done          | unlisted
In Progress          | Not Done                      | done          | unlisted
In Progress          | Abgelehnt                     | done          | unlisted
In Progress          | Erledigt / Fertig             | done          | unlisted
In Progress          | Rolled back                   | done          | unlisted
In Progress          | Refusé                        | done          | unlisted
In Progress          | 却下                          | done          | unlisted
In Progress          | Отклонено                     | done          | unlisted
In Progress          | Done, not                     | done          | unlisted
In Progress          | Done.                         | done          | unlisted
In Progress          | Don                           | done          | unlisted
In Progress          | undone                        | done          | unlisted
In Progress          | D\N{CYRILLIC SMALL LETTER O}ne    | done      | unlisted
In Progress          | \N{FULLWIDTH LATIN CAPITAL LETTER D}one | done | unlisted
In Progress          | Done\N{ZERO WIDTH SPACE}      | done          | unlisted
In Progress          | D\N{LATIN SMALL LETTER O}\N{COMBINING DIAERESIS}ne | done | unlisted
In Progress          | enoD\N{RIGHT-TO-LEFT OVERRIDE}    | done      | unlisted
In Progress          | Approved?                     | done          | unlisted
In Progress          | Done; Closed                  | done          | unlisted
In Progress          | *                             | done          | unlisted
In Progress          | -                             | done          | unlisted
Done                 | Archived                      | done          | unlisted
created              | Imported                      | done          | unlisted
sent                 | Abgelehnt                     | done          | unlisted
In Progress          | Done / Withdrawn              | done          | unlisted
In Progress          | Done / Zurückgezogen          | done          | unlisted
In Progress          | Done / Not fixed              | done          | unlisted
In Progress          | Done / Unresolved             | done          | unlisted
In Progress          | Done / Withdrawn              | new           | unlisted
In Progress          | Done / Withdrawn              | -             | unlisted
Done / Done          | Done / Withdrawn              | done          | unlisted
created              | Closed / Obsolete             | done          | unlisted
sent                 | Done / Withdrawn              | done          | unlisted

In Progress          | Rejected                      | done          | rejected
In Progress          | Rejected / Done               | indeterminate | rejected
In Progress          | rejected                      | -             | rejected
In Progress          | Won\N{RIGHT SINGLE QUOTATION MARK}t  do | done | rejected
In Progress          | Done / Won't Do               | done          | rejected
In Progress          | Done / WON'T DO               | -             | rejected
In Progress          | Closed / Cancelled            | new           | rejected
In Progress          | Erledigt / Duplicate          | done          | rejected
Done                 | Done / Duplicate              | done          | rejected
Done                 | Rejected                      | done          | rejected
Rejected             | Declined                      | done          | rejected
Done / Won't Do      | Closed / Won't Do             | done          | rejected
created              | Canceled                      | done          | rejected
sent                 | Done / Declined               | done          | rejected
"""
ROWS = [[part.strip() for part in row.split("|")] for row in TABLE.splitlines() if row]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def state(text: str) -> State:
    status, _, resolution = text.partition(" / ")
    return State(None if status == "-" else status, resolution or None)


def change(before: str, after: str, category: str, *, cloud: bool) -> Any:
    """Return the webhook of a change, with the changelog's items of what differs; or Automation's issue."""
    now, was = state(after), state(before)
    status = {"name": now.status} | ({} if category == "-" else {"statusCategory": {"key": category}})
    fields = {"status": status, "resolution": now.resolution and {"name": now.resolution}}
    issue = {"key": "PROJ-1", "fields": fields}
    if before == "sent":
        return {"issue": issue}
    pairs = {"resolution": (was.resolution, now.resolution), "status": (was.status, now.status)}
    items = [
        {"field": name, "fieldtype": "jira", "fromString": old, "toString": new} | ({"fieldId": name} if cloud else {})
        for name, (old, new) in pairs.items()
        if old != new
    ]
    created = before == "created"
    return {
        "timestamp": 1767261600000,
        "webhookEvent": f"jira:issue_{'created' if created else 'updated'}",
        "issue": issue,
        "changelog": {"items": [] if created else items},
    }


@pytest.mark.parametrize(("before", "after", "category", "verdict"), ROWS)
def test_a_change_gives_the_verdict_of_its_line(before: str, after: str, category: str, verdict: str) -> None:
    for cloud in (True, False):
        raw = json.dumps(change(before, after, category, cloud=cloud)).encode()
        read = jira.read(raw, NOW, DEFAULT_RULES, signed=before != "sent")
        if isinstance(read, jira.Ignored):
            assert verdict == "ignored"
            assert read.names_waiting
        else:
            assert read.verdict.decision == {"unlisted": "pending"}.get(verdict, verdict)
            assert (read.unlisted is not None) == (verdict == "unlisted")


@pytest.mark.parametrize("status", sorted(APPROVED_STATUSES))
@pytest.mark.parametrize("resolution", [None, *sorted(APPROVED_RESOLUTIONS)])
def test_each_approving_status_approves_with_each_approving_resolution(status: str, resolution: str | None) -> None:
    assert DEFAULT_RULES.decision(State(status, resolution)) == "approved"


def test_each_rejecting_name_rejects() -> None:
    assert {DEFAULT_RULES.decision(State(status, "Done", "new")) for status in REJECTED_STATUSES} == {"rejected"}
    for resolution in REJECTED_RESOLUTIONS:
        assert DEFAULT_RULES.decision(State("Done", resolution, "new")) == "rejected"
        assert DEFAULT_RULES.decision(State("Whatever", resolution, "done")) == "rejected"
        assert DEFAULT_RULES.decision(State("Reopened", resolution, "new")) == "pending"


def test_no_default_list_contradicts_another() -> None:
    approved, rejected = (
        set(map(fold, names)) for names in (APPROVED_STATUSES | APPROVED_RESOLUTIONS, REJECTED_STATUSES)
    )
    assert not approved & (rejected | set(map(fold, REJECTED_RESOLUTIONS)))


def test_the_table_has_at_least_sixty_lines() -> None:
    assert len(ROWS) == len({tuple(row) for row in ROWS}) >= 60
