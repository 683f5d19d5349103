"""Read single values of Jira's JSON: users, times, keys, names. Whatever has another form than expected is None."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from chalicelib import settings, story_key
from chalicelib.rules import State

LONGEST_KEY = 255  # bytes
LONGEST_TEXT = 1000  # of a result's message; a Jira description may have 32,767 characters


class Actor(NamedTuple):
    """The user who made a change, if that is proven: a name to show, an id that nobody can edit, and all ids, folded.

    The ids are those that STORYGATE_APPROVERS may list.
    """

    name: str | None = None
    id: str | None = None
    ids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, user: Any) -> "Actor":
        """Return the actor of Jira's user: a webhook's `user`, or the `author` of a change in an issue's history.

        Cloud's users have `accountId`, Data Center's `key` and `name`; all have `displayName`.
        """
        known = {name: text_of(object_of(user).get(name)) for name in ("displayName", "accountId", "key", "name")}
        ids = [known["accountId"]] if known["accountId"] else [known["key"], known["name"]]
        return cls(
            known["displayName"] or known["name"] or known["accountId"],
            next(filter(None, ids), None),
            frozenset(settings.fold(name) for name in ids if name),
        )


def message_of(now: State) -> str:
    """Return what a verdict says of the story's state."""
    return f"status {now.status or 'unknown'}" + (f", resolution {now.resolution}" if now.resolution else "")


def moment(value: Any) -> datetime | None:
    """Return a time given as epoch milliseconds (number or digits) or ISO 8601 (UTC unless it says otherwise)."""
    try:
        if isinstance(value, str) and not value.strip().isdigit():
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, bool):
            return None
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def iso(moment: datetime) -> str:
    """Return a time as the table holds it, `2026-01-31T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def items_of(changelog: Any) -> list[dict[str, Any]]:
    """Return the changes of a webhook's `changelog`, or of one history, but for those of custom fields."""
    items = object_of(changelog).get("items")
    if not isinstance(items, list):
        return []
    # A custom field may also be called "Status".
    return [item for item in items if isinstance(item, dict) and item.get("fieldtype") != "custom"]


def field_of(item: dict[str, Any]) -> str:
    """Return the changelog item's field: `fieldId` on Cloud, else `field`.

    The key's item has the `field` `Key`, and no `fieldId` in the deliveries that are known; Jira's id of that field is
    `issuekey` (Jira's Java API, `IssueFieldConstants.ISSUE_KEY`).
    """
    field = (text_of(item.get("fieldId") or item.get("field")) or "").lower()
    return "key" if field == "issuekey" else field


def object_of(value: Any) -> dict[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def name_of(value: Any) -> str | None:
    """Return a name that is given as text or as `{"name": ...}`."""
    return text_of(value.get("name") if isinstance(value, dict) else value)


def resolution_of(value: Any) -> str | None:
    """Return the name of a resolution, None if there is none. One that has no name gets a name that no list has."""
    return None if value in (None, "") else name_of(value) or "without a name"


def key_of(value: Any) -> str | None:
    """Return a story's key as the table holds it, trimmed and in Jira's capitals; None if it is not a key."""
    key = story_key.normal(text_of(value) or "") if isinstance(value, str) else ""
    return key if 0 < len(key.encode()) <= LONGEST_KEY else None


def text_of(value: Any) -> str | None:
    """Return text or a number as text to store: lone surrogates replaced, cut to LONGEST_TEXT; None if it is empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).encode(errors="replace").decode().strip()
    return text[:LONGEST_TEXT] or None
