"""The state of a local Jira: issues with their histories, comments and links. In memory; safe to use in threads.

Any well-formed key exists, in the first status, from the moment somebody asks for it.
"""

import itertools
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.jira.site_data import ACCOUNT, RESOLUTIONS, STATUSES, Status, User, resolution_id

KEY = re.compile(r"[A-Z][A-Z0-9_]*-[1-9][0-9]*")
LONGEST_KEY = 255
WRITE_LIMITS = ((20, 2.0), (100, 30.0))
"""Jira's writes to one issue: at most so many in so many seconds (Atlassian, "Rate limiting", per-issue writes)."""


class JiraError(Exception):
    """An error answer of Jira: HTTP status, messages for the reader, and messages by field."""

    def __init__(
        self, status: int, *messages: str, errors: dict[str, str] | None = None, retry_after: int | None = None
    ) -> None:
        self.status, self.messages, self.errors, self.retry_after = status, list(messages), errors or {}, retry_after
        super().__init__(", ".join((*messages, *self.errors.values())))


@dataclass(frozen=True)
class History:
    """One change of an issue, as the changelog has it. `at` is in epoch seconds."""

    id: int
    at: float
    user: User
    items: tuple[dict[str, Any], ...]


@dataclass
class Comment:
    """A comment: `body` is a document of the Atlassian Document Format."""

    id: int
    at: float
    user: User
    body: dict[str, Any]
    internal: bool


@dataclass
class Issue:
    """An issue; `links` are its remote links by number, `keys` all keys it ever had, the current one last."""

    id: int
    keys: list[str]
    summary: str
    status: Status
    created: float
    updated: float
    resolution: str | None = None
    histories: list[History] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    links: dict[int, dict[str, Any]] = field(default_factory=dict)
    writes: deque[float] = field(default_factory=deque)

    @property
    def key(self) -> str:
        """The current key."""
        return self.keys[-1]

    @property
    def project(self) -> str:
        """The project's key."""
        return self.key.rpartition("-")[0]


@dataclass(frozen=True)
class Event:
    """Something that webhooks report. `kind` is the webhook's name; `type` is `issue_event_type_name`."""

    kind: str
    type: str
    issue: Issue
    user: User
    at: float
    history: History | None = None


class Site:
    """A Jira site. `clock` returns epoch seconds; `summaries` are the stories that it starts with, by key.

    Every change is told to `listeners` under the site's lock, so a listener must only take note of it.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        summaries: Mapping[str, str] | None = None,
        statuses: tuple[Status, ...] = STATUSES,
        service_projects: Iterable[str] = (),
    ) -> None:
        self.clock, self.statuses, self.service_projects = clock, statuses, frozenset(service_projects)
        self.resolutions = list(dict.fromkeys([*RESOLUTIONS, *(s.resolution for s in statuses if s.resolution)]))
        self.lock = threading.RLock()
        self.listeners: list[Callable[[Event], None]] = []
        self.hidden: set[str] = set()
        """Projects that the API's callers may not see: their issues are absent, as if they did not exist."""
        self.denied: set[str] = set()
        """Permissions that the API's callers lack, for example LINK_ISSUES."""
        self.version = 0
        """Grows with each change, so that a page knows when to draw itself again."""
        self._ids = itertools.count(10001)
        self._issues: dict[str, Issue] = {}
        self._deleted: set[str] = set()
        for key, summary in (summaries or {}).items():
            self.issue(key).summary = summary

    def issue(self, key: str) -> Issue:
        """Return the issue that has or had this key, or this id; a new one for a well-formed key that is unknown.

        Raises JiraError 404 for a key that is not well-formed, deleted, or of a hidden project.
        """
        key = key.strip().upper()
        with self.lock:
            found = self._issues.get(key) or next((i for i in self._issues.values() if str(i.id) == key), None)
            if found is None and KEY.fullmatch(key) and len(key) <= LONGEST_KEY and key not in self._deleted:
                found = self._created(key)
            if found is None or found.project in self.hidden:
                raise JiraError(404, "Issue does not exist or you do not have permission to see it.")
            return found

    def all_issues(self) -> list[Issue]:
        """Return the issues that exist so far, oldest first."""
        with self.lock:
            return sorted({id(issue): issue for issue in self._issues.values()}.values(), key=lambda issue: issue.id)

    def transition(self, key: str, status: str, *, user: User = ACCOUNT, resolution: str | None = None) -> Issue:
        """Move an issue to a status, given by its name, and set the status's resolution, or the one that is given."""
        with self.lock:
            issue = self.issue(key)
            after = next((known for known in self.statuses if known.name == status), None)
            if after is None or after == issue.status:
                raise JiraError(400, f"No transition leads from {issue.status.name} to {status}.")
            if resolution is not None and resolution not in self.resolutions:
                raise JiraError(400, errors={"resolution": f"Resolution {resolution!r} is not valid."})
            self.count_write(issue)
            resolved = (resolution or after.resolution) if after.category == "done" else None
            # As recorded from Jira Cloud: the resolution's change comes before that of the status.
            items = [*_resolution_change(issue.resolution, resolved), _change("status", issue.status, after)]
            issue.status, issue.resolution = after, resolved
            self._changed(issue, user, items, "issue_generic")
            return issue

    def move(self, key: str, project: str, *, user: User = ACCOUNT, status: str | None = None) -> Issue:
        """Move an issue to another project, where it gets that project's next key; the old keys still find it.

        A status, given by its name, changes in the same step.
        """
        with self.lock:
            issue = self.issue(key)
            if not KEY.fullmatch(f"{project}-1") or project == issue.project:
                raise JiraError(400, f"{issue.key} cannot be moved to the project {project!r}.")
            former, numbers = issue.key, [int(k.rpartition("-")[2]) for k in self._known(project)]
            issue.keys.append(f"{project}-{max(numbers, default=0) + 1}")
            self._issues[issue.key] = issue
            items = [
                _item("project", _project_id(former), former.rpartition("-")[0], _project_id(issue.key), project),
                _item("Key", None, former, None, issue.key),
            ]
            after = next((known for known in self.statuses if known.name == status), None)
            if after and after != issue.status:
                resolved = after.resolution if after.category == "done" else None
                items += [*_resolution_change(issue.resolution, resolved), _change("status", issue.status, after)]
                issue.status, issue.resolution = after, resolved
            self._changed(issue, user, items, "issue_moved")
            return issue

    def edit(self, key: str, summary: str, *, user: User = ACCOUNT) -> Issue:
        """Change an issue's summary."""
        with self.lock:
            issue = self.issue(key)
            items = [_item("summary", None, issue.summary, None, summary)]
            issue.summary = summary
            self._changed(issue, user, items, "issue_updated")
            return issue

    def delete(self, key: str, *, user: User = ACCOUNT) -> None:
        """Delete an issue. None of its keys exists any more."""
        with self.lock:
            issue = self.issue(key)
            for known in issue.keys:
                del self._issues[known]
                self._deleted.add(known)
            self._tell(Event("jira:issue_deleted", "issue_deleted", issue, user, self.clock()))

    def comment(self, key: str, body: dict[str, Any], *, user: User = ACCOUNT, internal: bool = False) -> Comment:
        """Add a comment; `internal` hides it from the customers of a service project."""
        with self.lock:
            issue = self.issue(key)
            self.count_write(issue)
            comment = Comment(next(self._ids), self.clock(), user, body, internal)
            issue.comments.append(comment)
            self._tell(Event("comment_created", "issue_commented", issue, user, comment.at))
            return comment

    def link(self, key: str, link: dict[str, Any]) -> tuple[int, bool]:
        """Keep a remote link, by its `globalId` if it has one; return its id, and whether it is new."""
        with self.lock:
            issue = self.issue(key)
            self.count_write(issue)
            name = link.get("globalId")
            known = next((i for i, old in issue.links.items() if name and old.get("globalId") == name), None)
            number = next(self._ids) if known is None else known
            issue.links[number] = link  # as a whole: fields that are left out are gone
            self.version += 1
            return number, known is None

    def touch(self) -> None:
        """Let the board draw itself again."""
        with self.lock:
            self.version += 1

    def count_write(self, issue: Issue) -> None:
        """Raise JiraError 429 if the issue was written too often of late."""
        now = self.clock()
        while issue.writes and issue.writes[0] <= now - WRITE_LIMITS[-1][1]:
            issue.writes.popleft()
        for most, seconds in WRITE_LIMITS:
            late = [at for at in issue.writes if at > now - seconds]
            if len(late) >= most:
                raise JiraError(429, "Rate limit exceeded.", retry_after=max(1, round(late[0] + seconds - now)))
        issue.writes.append(now)

    def _created(self, key: str) -> Issue:
        now = self.clock()
        issue = Issue(next(self._ids), [key], f"Story {key}", self.statuses[0], now, now)
        self._issues[key] = issue
        self.version += 1
        return issue

    def _known(self, project: str) -> list[str]:
        return [key for key in (*self._issues, *self._deleted) if key.rpartition("-")[0] == project]

    def _changed(self, issue: Issue, user: User, items: list[dict[str, Any]], kind: str) -> None:
        history = History(next(self._ids), self.clock(), user, tuple(items))
        issue.updated = history.at
        issue.histories.append(history)
        self._tell(Event("jira:issue_updated", kind, issue, user, history.at, history))

    def _tell(self, event: Event) -> None:
        self.version += 1
        for listener in self.listeners:
            listener(event)


def _resolution_change(before: str | None, after: str | None) -> list[dict[str, Any]]:
    if before == after:
        return []
    return [_item("resolution", resolution_id(before), before, resolution_id(after), after)]


def _change(name: str, before: Status, after: Status) -> dict[str, Any]:
    return _item(name, before.id, before.name, after.id, after.name)


def _item(name: str, was: str | None, was_text: str | None, now: str | None, now_text: str | None) -> dict[str, Any]:
    item = (
        {"field": name, "fieldtype": "jira", "fieldId": name} if name != "Key" else {"field": name, "fieldtype": "jira"}
    )
    return item | {"from": was, "fromString": was_text, "to": now, "toString": now_text}


def _project_id(key: str) -> str:
    return project_id(key.rpartition("-")[0])


def project_id(project: str) -> str:
    """Return a project's id, which its key alone decides."""
    return str(10000 + sum(map(ord, project)))
