"""Read the verdict in a delivery from Jira.

A verdict is an event, not a state: a comment on a story that is already Done decides nothing. The shapes are those of
Atlassian's documentation and of recorded deliveries (docs/set-up-jira.md). Whatever is missing or unknown in a body,
it never approves.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib import settings
from chalicelib.body import parsed
from chalicelib.refusals import BadBody
from chalicelib.verdicts import APPROVED, PENDING, REJECTED, Verdict

FLAT = {
    **dict.fromkeys(("success", "approved", "done"), APPROVED),
    **dict.fromkeys(("failure", "failed", "rejected", "error"), REJECTED),
}
REJECTED_STATUSES = frozenset(("Rejected", "Declined", "Cancelled", "Canceled", "Won't Do", "Abandoned"))
REJECTED_RESOLUTIONS = frozenset(
    ("Won't Do", "Won't Fix", "Declined", "Rejected", "Duplicate", "Cannot Reproduce", "Cancelled", "Canceled",
     "Incomplete", "Invalid", "Abandoned")
)  # fmt: skip
LONGEST_KEY = 255  # bytes
LONGEST_TEXT = 1000  # of a result's message; a Jira description may have 32,767 characters

Body = dict[str, Any]


@dataclass(frozen=True)
class Rules:
    """What approves and rejects a story, whose approvals count, and of which projects.

    Names of statuses and resolutions, and approvers, are compared folded (settings.fold); project keys in capitals.
    If `projects` is empty the stage gates every project; if `approvers` is empty everybody may approve.
    """

    approved: frozenset[str]
    approved_resolutions: frozenset[str]
    rejected: frozenset[str]
    rejected_resolutions: frozenset[str]
    projects: frozenset[str] = frozenset()
    approvers: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls) -> "Rules":
        """Return the stage's rules. Raises Misconfigured, which names the variable."""
        return cls(
            settings.names("STORYGATE_APPROVED_STATUSES"),
            settings.names("STORYGATE_APPROVED_RESOLUTIONS"),
            settings.names("STORYGATE_REJECTED_STATUSES", REJECTED_STATUSES),
            settings.names("STORYGATE_REJECTED_RESOLUTIONS", REJECTED_RESOLUTIONS),
        )


@dataclass(frozen=True)
class Decided:
    """A delivery with a verdict. `former_key` is the key that the story had until this delivery moved it.

    `unlisted` says why a story that looks approved is pending, and which setting to change; the answer carries it.
    """

    story: str
    verdict: Verdict
    former_key: str | None = None
    unlisted: str | None = None


@dataclass(frozen=True)
class Ignored:
    """An authentic delivery that decides nothing, with the reason.

    `names_waiting`: the story was approved before this change, so the answer names the runs that still wait for it.
    `refused`: its time is missing or wrong, so it is counted with the refused deliveries.
    """

    story: str | None
    why: str
    former_key: str | None = None
    names_waiting: bool = False
    refused: bool = False


def read(raw: bytes, received: datetime, rules: Rules, signed: bool) -> Decided | Ignored:
    """Return the verdict in a body of any of the four forms; raises BadBody for a body that cannot be used.

    `signed`: the body came with Jira's signature, not with a bearer.
    """
    body = _object(raw)
    if "webhookEvent" in body:
        return _webhook(body, received, rules, signed)
    if "jiraStoryId" in body or ("status" in body and "issue" not in body):
        return _flat(body, received)
    issue = body.get("issue", body)
    story = _key(issue.get("key")) if isinstance(issue, dict) else None
    if not story:
        raise BadBody(
            'not understood: send a Jira webhook, "Issue data" from Jira Automation, '
            'or {"jiraStoryId": "PROJ-1", "status": "approved", "message": "..."}'
        )
    return _decided(story, body, issue, _jira_time(body.get("timestamp"), received), received, rules, signed)


def _object(raw: bytes) -> Body:
    try:
        body = parsed(raw)
    except BadBody as error:
        raise BadBody(f"{error}; in an Automation rule, write {{{{issue.summary.jsonEncode}}}}") from error
    if not isinstance(body, dict):
        raise BadBody("the body must be a JSON object")
    return body


def _webhook(body: Body, received: datetime, rules: Rules, signed: bool) -> Decided | Ignored:
    event = body["webhookEvent"] if isinstance(body["webhookEvent"], str) else ""
    issue = _dict(body.get("issue"))
    story = _key(issue.get("key"))
    if not story:
        return Ignored(None, "not about an issue")
    became = {_field(item) for item in _items(body)} & {"status", "resolution"}
    if not (became or event.endswith(("issue_created", "issue_deleted"))):
        return Ignored(story, "neither status nor resolution changed", _former_key(body, story))
    return _decided(story, body, issue, _jira_time(body.get("timestamp"), received), received, rules, signed)


def _decided(
    story: str, body: Body, issue: Body, decided: datetime, received: datetime, rules: Rules, signed: bool
) -> Decided:
    """Return the verdict of an issue, in a webhook or from Automation."""
    user = _dict(body.get("user")) if signed else {}  # whoever has the bearer could write any name there
    changes = {_field(item): item for item in _items(body)}
    fields = _dict(issue.get("fields"))
    status = _dict(fields.get("status"))
    # If the issue has no status, the changelog's item has it, but only its name.
    name = _text(status.get("name") if status else changes.get("status", {}).get("toString"))
    resolution = _name(
        fields.get("resolution") if "resolution" in fields else changes.get("resolution", {}).get("toString")
    )
    category = _text(_dict(status.get("statusCategory")).get("key"))
    event = body.get("webhookEvent")
    deleted = isinstance(event, str) and event.endswith("issue_deleted")
    verdict = Verdict(
        decision=REJECTED if deleted else _decision(name, category, resolution, rules),
        decided_at=_iso(decided),
        received_at=_iso(received),
        status=name,
        actor=_text(user.get("displayName") or user.get("name") or user.get("accountId")),
        message=_message(deleted, name, resolution),
        actor_id=_text(user.get("accountId") or user.get("key") or user.get("name")),
    )
    return Decided(story, verdict, _former_key(body, story))


def _decision(status: str | None, category: str | None, resolution: str | None, rules: Rules) -> str:
    name = settings.fold(status or "")
    approves = name in rules.approved if rules.approved else category == "done"
    # A resolution also rejects if the status approves by its name: the status of an old server has no category.
    refused = settings.fold(resolution or "") in rules.rejected_resolutions and (approves or category == "done")
    if name in rules.rejected or refused:
        return REJECTED
    return APPROVED if approves else PENDING


def _message(deleted: bool, status: str | None, resolution: str | None) -> str:
    if deleted:
        return "the issue was deleted"
    return f"status {status or 'unknown'}" + (f", resolution {resolution}" if resolution else "")


def _flat(body: Body, received: datetime) -> Decided:
    story, status = _key(body.get("jiraStoryId")), body.get("status")
    if not story:
        raise BadBody('"jiraStoryId" must be the story\'s key, e.g. "PROJ-123"')
    decision = FLAT.get(status.strip().lower()) if isinstance(status, str) else None
    if not decision:
        raise BadBody(f'"status" must be one of {", ".join(FLAT)}')
    decided = _flat_time(body["timestamp"], received) if body.get("timestamp") is not None else received
    verdict = Verdict(decision, _iso(decided), _iso(received), _text(status), None, _text(body.get("message")))
    return Decided(story, verdict)


def _flat_time(value: Any, received: datetime) -> datetime:
    decided = _moment(value)
    if decided is None:
        raise BadBody('"timestamp" must be epoch milliseconds or ISO 8601, e.g. "2026-01-31T12:00:00Z"')
    return min(decided, received)


def _jira_time(value: Any, received: datetime) -> datetime:
    """Return Jira's timestamp (epoch ms), but never a moment after `received`; `received` if there is none."""
    return min(_moment(value) or received, received)


def _moment(value: Any) -> datetime | None:
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


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _items(body: Body) -> list[Body]:
    items = _dict(body.get("changelog")).get("items")
    if not isinstance(items, list):
        return []
    # A custom field may also be called "Status".
    return [item for item in items if isinstance(item, dict) and item.get("fieldtype") != "custom"]


def _former_key(body: Body, story: str) -> str | None:
    """Return the key that a move took from the story: changelog item `Key`, `fromString` old, `toString` new."""
    former = [_key(item.get("fromString")) for item in _items(body) if _field(item) == "key"]
    return former[-1] if former and former[-1] != story else None


def _field(item: Body) -> str:
    """Return the changelog item's field: `fieldId` on Cloud, else `field`, which spells `Key` with a capital."""
    return (_text(item.get("fieldId") or item.get("field")) or "").lower()


def _dict(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _name(value: Any) -> str | None:
    """Return a name that is given as text or as `{"name": ...}`."""
    return _text(value.get("name") if isinstance(value, dict) else value)


def _key(value: Any) -> str | None:
    """Return a story's key as the table holds it, trimmed and in Jira's capitals; None if it is not a key."""
    key = (_text(value) or "") if isinstance(value, str) else ""
    # Beyond ASCII a capital may be another letter (\N{LATIN SMALL LETTER LONG S} becomes S) and name another story.
    key = key.upper() if key.isascii() else key
    return key if 0 < len(key.encode()) <= LONGEST_KEY else None


def _text(value: Any) -> str | None:
    """Return text or a number as text to store: lone surrogates replaced, cut to LONGEST_TEXT; None if it is empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).encode(errors="replace").decode().strip()
    return text[:LONGEST_TEXT] or None
