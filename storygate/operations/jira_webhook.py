"""A Jira Cloud webhook as Jira sends it, body and signature: for the demo, the console, `callback` and `smoke`."""

import json
import time
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.credentials import sign
from storygate.stage.config import Stage

__all__ = ["ClosedAs", "Decision", "closed_as", "encode", "issue_updated", "sign"]

Decision = Literal["approved", "rejected", "pending"]

UNRESOLVED: dict[str, Any] = {"id": None, "name": None}
IN_PROGRESS = {"id": "10001", "name": "In Progress"}
CLOSED = {"id": 3, "key": "done", "colorName": "green", "name": "Done"}
OPEN = {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"}


@dataclass(frozen=True)
class ClosedAs:
    """The status that a decided story moves to, and its resolution if it is approved or rejected.

    A rejected story has the same status: only its resolution differs. The defaults are those of Jira's own workflow.
    """

    status: str = "Done"
    approved: str = "Done"
    rejected: str = "Won't Do"


JIRAS_OWN = ClosedAs()


def closed_as(stage: Stage) -> ClosedAs:
    """Return the names that approve and reject on a stage: the first of each list in its configuration."""
    lists = {
        "status": "STORYGATE_APPROVED_STATUSES",
        "approved": "STORYGATE_APPROVED_RESOLUTIONS",
        "rejected": "STORYGATE_REJECTED_RESOLUTIONS",
    }
    return ClosedAs(**{field: names[0] for field, variable in lists.items() if (names := stage.listed(variable))})


def issue_updated(
    story: str,
    decision: Decision,
    closed: ClosedAs = JIRAS_OWN,
    *,
    now: float | None = None,
    actor: str = "Ada Marlow",
    actor_id: str = "712020:3f1c9d52-0b77-4e0e-9a51-6f0d2c8e4b10",
) -> dict[str, Any]:
    """Return the `jira:issue_updated` webhook of a story that `actor` has just closed, or reopened (`pending`).

    `story` is the issue's key, e.g. `PROJ-12345`; `now` is in epoch seconds (the body carries milliseconds, as Jira's
    does). The changelog has `resolution` first, then `status`, as recorded from Jira Cloud.
    """
    done = {"id": "10002", "name": closed.status}
    resolved = {"id": "10000", "name": closed.rejected if decision == "rejected" else closed.approved}
    before, after = (UNRESOLVED, IN_PROGRESS), (resolved, done)
    if decision == "pending":
        before, after = after, before
    resolution, status = after
    user = {
        "accountId": actor_id,
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
                "status": {**status, "statusCategory": OPEN if decision == "pending" else CLOSED},
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
