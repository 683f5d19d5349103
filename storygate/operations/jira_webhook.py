"""A Jira Cloud webhook as Jira sends it, body and signature: for the demo, `callback` and `smoke`."""

import json
import time
from typing import Any, Literal

from chalicelib.jira import sign

__all__ = ["Decision", "encode", "issue_updated", "sign"]

Decision = Literal["approved", "rejected", "pending"]

UNRESOLVED: dict[str, Any] = {"id": None, "name": None}
RESOLVED = {"id": "10000", "name": "Done"}
# A rejected story is in category `done` too; only its resolution differs from that of an approved one.
REFUSED = {"id": "10001", "name": "Won't Do"}
DONE = {"id": "10002", "name": "Done"}
IN_PROGRESS = {"id": "10001", "name": "In Progress"}
CATEGORIES = {
    "Done": {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
    "In Progress": {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
}


def issue_updated(
    story: str, decision: Decision, *, now: float | None = None, actor: str = "Ada Marlow"
) -> dict[str, Any]:
    """Return the `jira:issue_updated` webhook of a story that `actor` has just moved: to Done, or back (`pending`).

    `story` is the issue's key, e.g. `PROJ-12345`; `now` is in epoch seconds (the body carries milliseconds, as Jira's
    does). The changelog has `resolution` first, then `status`, as recorded from Jira Cloud.
    """
    before, after = (UNRESOLVED, IN_PROGRESS), (REFUSED if decision == "rejected" else RESOLVED, DONE)
    if decision == "pending":
        before, after = after, before
    resolution, status = after
    user = {
        "accountId": "712020:3f1c9d52-0b77-4e0e-9a51-6f0d2c8e4b10",
        "accountType": "atlassian",
        "displayName": actor,
        "active": True,
        "timeZone": "Europe/Lisbon",
    }
    return {
        "timestamp": int((time.time() if now is None else now) * 1000),
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": "issue_generic",
        "user": user,
        "issue": {
            "id": "10042",
            "key": story,
            "fields": {
                "summary": "Release the packages",
                "issuetype": {"id": "10001", "name": "Story", "subtask": False},
                "project": {"id": "10000", "key": story.rpartition("-")[0], "name": "Packages"},
                "assignee": user,
                "resolution": resolution if resolution["id"] else None,
                "status": {**status, "statusCategory": CATEGORIES[status["name"]]},
            },
        },
        "changelog": {
            "id": "10124",
            "items": [
                _change("resolution", before[0], after[0]),
                _change("status", before[1], after[1]),
            ],
        },
    }


def encode(body: dict[str, Any]) -> bytes:
    """Return the bytes to send, which are also the bytes to sign."""
    return json.dumps(body).encode()


def _change(field: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        "field": field,
        "fieldtype": "jira",
        "fieldId": field,
        "from": before["id"],
        "fromString": before["name"],
        "to": after["id"],
        "toString": after["name"],
    }
