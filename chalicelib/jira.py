"""Read the verdict in a delivery from Jira.

A verdict is an event, not a state: a comment on a story that is already Done decides nothing. The shapes are those of
Atlassian's documentation and of recorded deliveries (docs/set-up-jira.md). Whatever is missing or unknown in a body,
it never approves. What a change decides, by the stage's lists: rules.py.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from chalicelib.body import parsed
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
from chalicelib.refusals import BadBody
from chalicelib.rules import Judged, Rules, State, no_approver, unlisted
from chalicelib.verdicts import APPROVED, PENDING, REJECTED, Verdict

FLAT = {
    **dict.fromkeys(("success", "approved", "done"), APPROVED),
    **dict.fromkeys(("failure", "failed", "rejected", "error"), REJECTED),
}
AHEAD = timedelta(minutes=5)  # a webhook dated later than this after its arrival approves nothing

Body = dict[str, Any]


class Decided(NamedTuple):
    """A delivery with a verdict. `former_key` is the key that the story had until this delivery moved it.

    `unlisted` says why a story that looks approved is pending, and which setting to change; the answer carries it.
    """

    story: str
    verdict: Verdict
    former_key: str | None = None
    unlisted: str | None = None


class Ignored(NamedTuple):
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
        issue = object_of(body.get("issue"))
        story = key_of(issue.get("key"))
        return _issue(story, issue, body, received, rules, signed) if story else Ignored(None, "not about an issue")
    if "jiraStoryId" in body or ("status" in body and "issue" not in body):
        return _flat(body, received, rules, signed)
    issue = body.get("issue", body)
    story = key_of(issue.get("key")) if isinstance(issue, dict) else None
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
    webhook, event = "webhookEvent" in body, text_of(body.get("webhookEvent")) or ""
    moved, former_key = _move(body, story)
    former_key = former_key if signed else None
    created, deleted = event.endswith("issue_created"), event.endswith("issue_deleted")
    changed = {field_of(item) for item in items_of(body.get("changelog"))}
    if webhook and not (created or deleted or changed & {"status", "resolution"}):
        return Ignored(story, "neither status nor resolution changed", former_key)
    now, actor = _state(issue, body), Actor.of(body.get("user")) if signed else Actor()
    before = _before(now, body) if webhook and not created else None
    judged = Judged(REJECTED) if deleted else rules.judge(now, before, actor.ids, moved=moved)
    if judged.decision is None:
        return Ignored(story, judged.nothing or "", former_key, names_waiting=not moved)
    dated = moment(body.get("timestamp"))
    if webhook and judged.decision == APPROVED and (dated is None or dated > received + AHEAD):
        return Ignored(story, _wrong_time(dated), refused=True)
    dated = dated or (None if webhook else moment(object_of(issue.get("fields")).get("updated")))
    verdict = Verdict(
        decision=judged.decision,
        decided_at=iso(min(dated or received, received)),
        received_at=iso(received),
        status=now.status,
        actor=actor.name,
        message="the issue was deleted" if deleted else message_of(now),
        actor_id=actor.id,
    )
    return Decided(story, verdict, former_key, judged.unlisted)


def _state(issue: Body, body: Body) -> State:
    """Return status and resolution of the issue, or of the changelog where the issue does not have the field."""
    became = {field_of(item): item.get("toString") for item in items_of(body.get("changelog"))}
    fields = issue.get("fields") or {}
    if not isinstance(fields, dict):
        return State(None, None)
    resolution = resolution_of(fields["resolution"] if "resolution" in fields else became.get("resolution"))
    if fields.get("status") is None:
        return State(text_of(became.get("status")), resolution)
    status = object_of(fields["status"])
    return State(text_of(status.get("name")), resolution, text_of(object_of(status.get("statusCategory")).get("key")))


def _before(now: State, body: Body) -> State:
    """Return status and resolution before the change; of several changes of a field the changelog's first counts."""
    was = {field_of(item): text_of(item.get("fromString")) for item in reversed(items_of(body.get("changelog")))}
    return State(was.get("status", now.status), was.get("resolution", now.resolution))


def _wrong_time(dated: datetime | None) -> str:
    if dated is None:
        return 'it approves nothing without a "timestamp" (epoch milliseconds)'
    return (
        f"it approves nothing, because it is dated {iso(dated)}, more than five minutes ahead: set the sender's clock"
    )


def _flat(body: Body, received: datetime, rules: Rules, signed: bool) -> Decided:
    story, status = key_of(body.get("jiraStoryId")), body.get("status")
    if not story:
        raise BadBody('"jiraStoryId" must be the story\'s key, e.g. "PROJ-123"')
    decision = FLAT.get(status.strip().lower()) if isinstance(status, str) else None
    if not decision:
        raise BadBody(f'"status" must be one of {", ".join(FLAT)}')
    lacks = None
    if decision == APPROVED and not rules.let_approve(frozenset()):
        decision, lacks = PENDING, unlisted([no_approver(frozenset())])
    decided = iso(_flat_time(body.get("timestamp"), received, signed))
    verdict = Verdict(decision, decided, iso(received), text_of(status), None, text_of(body.get("message")))
    return Decided(story, verdict, unlisted=lacks)


def _flat_time(value: Any, received: datetime, signed: bool) -> datetime:
    example = 'epoch milliseconds or ISO 8601, e.g. "2026-01-31T12:00:00Z"'
    if value is None and signed:
        raise BadBody(f'"timestamp" is missing: a signed body can be sent again later, so it must say when: {example}')
    decided = received if value is None else moment(value)
    if decided is None:
        raise BadBody(f'"timestamp" must be {example}')
    return min(decided, received)


def _move(body: Body, story: str) -> tuple[bool, str | None]:
    """Return whether the story was moved, and the key that it had: changelog item `Key`, `fromString` old."""
    former = [key_of(item.get("fromString")) for item in items_of(body.get("changelog")) if field_of(item) == "key"]
    return (True, former[-1]) if former and former[-1] != story else (False, None)
