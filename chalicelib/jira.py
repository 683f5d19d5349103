"""Read the verdict in a delivery from Jira.

A verdict is an event, not a state: a comment on a story that is already Done decides nothing. The shapes are those of
Atlassian's documentation and of recorded deliveries (docs/set-up-jira.md). Whatever is missing or unknown in a body,
it never approves. What a change decides, by the stage's lists: rules.py.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import settings
from chalicelib.body import parsed
from chalicelib.refusals import BadBody
from chalicelib.rules import Judged, Rules, State, no_approver, unlisted
from chalicelib.verdicts import APPROVED, PENDING, REJECTED, Verdict

FLAT = {
    **dict.fromkeys(("success", "approved", "done"), APPROVED),
    **dict.fromkeys(("failure", "failed", "rejected", "error"), REJECTED),
}
AHEAD = timedelta(minutes=5)  # a webhook dated later than this after its arrival approves nothing
LONGEST_KEY = 255  # bytes
LONGEST_TEXT = 1000  # of a result's message; a Jira description may have 32,767 characters

Body = dict[str, Any]


@dataclass(frozen=True)
class Actor:
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
        known = {name: _text(_dict(user).get(name)) for name in ("displayName", "accountId", "key", "name")}
        ids = [known["accountId"]] if known["accountId"] else [known["key"], known["name"]]
        return cls(
            known["displayName"] or known["name"] or known["accountId"],
            next(filter(None, ids), None),
            frozenset(settings.fold(name) for name in ids if name),
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

    `signed`: the body has Jira's signature. A bearer proves neither a user nor a move: whoever knows it can write both.
    """
    found = _read(_object(raw), received, rules, signed)
    if found.story and not rules.gates(found.story):
        return Ignored(found.story, "its project is not in STORYGATE_PROJECTS")
    if found.former_key and not rules.gates(found.former_key):
        return Ignored(found.story, f"moved here from {found.former_key}, whose project is not in STORYGATE_PROJECTS")
    return found


def _read(body: Body, received: datetime, rules: Rules, signed: bool) -> Decided | Ignored:
    if "webhookEvent" in body:
        issue = _dict(body.get("issue"))
        story = _key(issue.get("key"))
        return _issue(story, issue, body, received, rules, signed) if story else Ignored(None, "not about an issue")
    if "jiraStoryId" in body or ("status" in body and "issue" not in body):
        return _flat(body, received, rules, signed)
    issue = body.get("issue", body)
    story = _key(issue.get("key")) if isinstance(issue, dict) else None
    if not story:
        raise BadBody(
            'not understood: send a Jira webhook, "Issue data" from Jira Automation, '
            'or {"jiraStoryId": "PROJ-1", "status": "approved", "message": "..."}'
        )
    return _issue(story, issue, body, received, rules, signed)


def _object(raw: bytes) -> Body:
    try:
        body = parsed(raw)
    except BadBody as error:
        raise BadBody(f"{error}; in an Automation rule, write {{{{issue.summary.jsonEncode}}}}") from error
    if not isinstance(body, dict):
        raise BadBody("the body must be a JSON object")
    return body


def _issue(story: str, issue: Body, body: Body, received: datetime, rules: Rules, signed: bool) -> Decided | Ignored:
    """Return what a webhook decides, or an issue from Automation, which counts whatever changed: a rule sent it."""
    webhook, event = "webhookEvent" in body, _text(body.get("webhookEvent")) or ""
    moved, former_key = _move(body, story)
    former_key = former_key if signed else None
    created, deleted = event.endswith("issue_created"), event.endswith("issue_deleted")
    if webhook and not (created or deleted or {"status", "resolution"} & {_field(item) for item in _items(body)}):
        return Ignored(story, "neither status nor resolution changed", former_key)
    now, actor = _state(issue, body), Actor.of(body.get("user")) if signed else Actor()
    before = _before(now, body) if webhook and not created else None
    judged = Judged(REJECTED) if deleted else rules.judge(now, before, actor.ids, moved=moved)
    if judged.decision is None:
        return Ignored(story, judged.nothing or "", former_key, names_waiting=not moved)
    dated = _moment(body.get("timestamp"))
    if webhook and judged.decision == APPROVED and (dated is None or dated > received + AHEAD):
        return Ignored(story, _wrong_time(dated), refused=True)
    dated = dated or (None if webhook else _moment(_dict(issue.get("fields")).get("updated")))
    verdict = Verdict(
        decision=judged.decision,
        decided_at=_iso(min(dated or received, received)),
        received_at=_iso(received),
        status=now.status,
        actor=actor.name,
        message="the issue was deleted" if deleted else _message(now),
        actor_id=actor.id,
    )
    return Decided(story, verdict, former_key, judged.unlisted)


def _state(issue: Body, body: Body) -> State:
    """Return status and resolution of the issue, or of the changelog where the issue does not have the field."""
    became = {_field(item): item.get("toString") for item in _items(body)}
    fields = issue.get("fields") or {}
    if not isinstance(fields, dict):
        return State(None, None)
    resolution = fields["resolution"] if "resolution" in fields else became.get("resolution")
    if resolution is not None and resolution != "":
        resolution = _name(resolution) or "without a name"  # which no list names
    if fields.get("status") is None:
        return State(_text(became.get("status")), resolution)
    status = _dict(fields["status"])
    return State(_text(status.get("name")), resolution, _text(_dict(status.get("statusCategory")).get("key")))


def _before(now: State, body: Body) -> State:
    """Return status and resolution before the change; of several changes of a field the changelog's first counts."""
    was = {_field(item): _text(item.get("fromString")) for item in reversed(_items(body))}
    return State(was.get("status", now.status), was.get("resolution", now.resolution))


def _wrong_time(dated: datetime | None) -> str:
    if dated is None:
        return 'it approves nothing without a "timestamp" (epoch milliseconds)'
    return (
        f"it approves nothing, because it is dated {_iso(dated)}, more than five minutes ahead: set the sender's clock"
    )


def _message(now: State) -> str:
    return f"status {now.status or 'unknown'}" + (f", resolution {now.resolution}" if now.resolution else "")


def _flat(body: Body, received: datetime, rules: Rules, signed: bool) -> Decided:
    story, status = _key(body.get("jiraStoryId")), body.get("status")
    if not story:
        raise BadBody('"jiraStoryId" must be the story\'s key, e.g. "PROJ-123"')
    decision = FLAT.get(status.strip().lower()) if isinstance(status, str) else None
    if not decision:
        raise BadBody(f'"status" must be one of {", ".join(FLAT)}')
    lacks = None
    if decision == APPROVED and not rules.let_approve(frozenset()):
        decision, lacks = PENDING, unlisted([no_approver(frozenset())])
    decided = _iso(_flat_time(body.get("timestamp"), received, signed))
    verdict = Verdict(decision, decided, _iso(received), _text(status), None, _text(body.get("message")))
    return Decided(story, verdict, unlisted=lacks)


def _flat_time(value: Any, received: datetime, signed: bool) -> datetime:
    example = 'epoch milliseconds or ISO 8601, e.g. "2026-01-31T12:00:00Z"'
    if value is None and signed:
        raise BadBody(f'"timestamp" is missing: a signed body can be sent again later, so it must say when: {example}')
    decided = received if value is None else _moment(value)
    if decided is None:
        raise BadBody(f'"timestamp" must be {example}')
    return min(decided, received)


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


def _move(body: Body, story: str) -> tuple[bool, str | None]:
    """Return whether the story was moved, and the key that it had: changelog item `Key`, `fromString` old."""
    former = [_key(item.get("fromString")) for item in _items(body) if _field(item) == "key"]
    return (True, former[-1]) if former and former[-1] != story else (False, None)


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
