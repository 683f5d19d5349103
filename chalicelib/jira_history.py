"""Read the verdict in an issue as Jira itself answers it, with its whole history: for deliveries that were lost.

The changes are replayed oldest first, by the names in them, and judged by the rules for webhooks (rules.py). So a
verdict is an event here as well: that a story is Done says nothing; that it became Done does.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import settings
from chalicelib.jira import AHEAD
from chalicelib.jira_values import (
    Actor,
    field_of,
    iso,
    items_of,
    key_of,
    message_of,
    moment,
    object_of,
    resolution_of,
    text_of,
)
from chalicelib.rules import Rules, State
from chalicelib.verdicts import APPROVED, PENDING, Verdict

FIELDS = frozenset(("status", "resolution", "key"))


class Unusable(Exception):
    """Jira's answer about an issue cannot be used. The text says why."""


@dataclass(frozen=True)
class Change:
    """One history: when, by whom, and each field's text before and after (`status`, `resolution`, `key`).

    `ids` holds what the field became by its id.
    """

    at: datetime
    actor: Actor
    was: dict[str, str | None]
    became: dict[str, str | None]
    ids: dict[str, Any]


def last_verdict(issue: dict[str, Any], histories: list[Any], rules: Rules, received: datetime) -> Verdict | None:
    """Return the last verdict that an issue's history results in, dated by Jira; None if it results in none.

    `histories` are all of them, oldest first. A move approves nothing. A change made under a key that the stage does
    not gate neither approves nor rejects, but it takes an earlier approval back. Raises Unusable if the history cannot
    be read, or does not lead to the issue's present status and resolution: it may have changed between two answers.
    """
    changes = sorted(map(_change, histories), key=lambda change: change.at)
    now = _present(issue)
    status, resolution = _first(changes, "status", now.status), _first(changes, "resolution", now.resolution)
    key, verdict = _first(changes, "key", key_of(issue.get("key"))), None
    for change in changes:
        before, former_key = _state(status, resolution, now), key
        status = change.became.get("status", status)
        resolution = change.became.get("resolution", resolution)
        key = change.became.get("key", key)
        if not ("status" in change.became or "resolution" in change.became):
            continue
        after = _state(status, resolution, now)
        foreign = not all(known and rules.gates(known) for known in (former_key, key))
        judged = rules.judge(after, before, change.actor.ids, moved=foreign or "key" in change.became)
        if judged.decision is None or (judged.decision == APPROVED and change.at > received + AHEAD):
            continue
        verdict = Verdict(
            decision=PENDING if foreign else judged.decision,
            decided_at=iso(min(change.at, received)),
            received_at=iso(received),
            status=after.status,
            actor=change.actor.name,
            message=message_of(after),
            actor_id=change.actor.id,
        )
    for field, present in (("status", now.status), ("resolution", now.resolution)):
        _check_end(field, present, object_of(issue.get("fields")).get(field), changes)
    return verdict


def former_keys(histories: list[Any]) -> set[str]:
    """Return the keys that an issue had before it was moved, as far as these histories know."""
    changed = (item for history in histories for item in items_of(history) if field_of(item) == "key")
    return {key for item in changed if (key := key_of(item.get("fromString")))}


def _change(history: Any) -> Change:
    at = moment(object_of(history).get("created"))
    if at is None:
        raise Unusable("one of its changes has no time")
    change = Change(at, Actor.of(history.get("author")), {}, {}, {})
    for item in items_of(history):
        field = field_of(item)
        if field in FIELDS:
            text = key_of if field == "key" else text_of
            change.was.setdefault(field, text(item.get("fromString")))  # of several changes of a field the first one's
            change.became[field], change.ids[field] = text(item.get("toString")), item.get("to")
    return change


def _first(changes: list[Change], field: str, present: str | None) -> str | None:
    """Return what a field was before the first change of it."""
    return next((change.was[field] for change in changes if field in change.became), present)


def _present(issue: dict[str, Any]) -> State:
    fields = object_of(issue.get("fields"))
    status = object_of(fields.get("status"))
    name = text_of(status.get("name"))
    if name is None or "resolution" not in fields:
        raise Unusable("it has no status or no resolution")
    return State(name, resolution_of(fields["resolution"]), text_of(object_of(status.get("statusCategory")).get("key")))


def _state(status: str | None, resolution: str | None, now: State) -> State:
    """Return a state of the past. Only the present status has a category."""
    same = settings.fold(status or "") == settings.fold(now.status or "")
    return State(status, resolution, now.category if same else None)


def _check_end(field: str, name: str | None, present: Any, changes: list[Change]) -> None:
    """Raise Unusable unless the last change of the field led to what the issue has.

    Compared by id, since an administrator can rename a status or a resolution, and by name where there is no id.
    """
    last = next((change for change in reversed(changes) if field in change.became), None)
    if last is None:
        return
    has, became = object_of(present).get("id"), last.ids[field]
    same_id = has is not None and became is not None and str(has) == str(became)
    if not same_id and settings.fold(last.became[field] or "") != settings.fold(name or ""):
        raise Unusable(f"its history does not lead to its present {field}")
