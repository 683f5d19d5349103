"""The JSON that Jira Cloud's REST API and its webhooks have for issues, people and changes."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from localcloud.jira.site import Comment, Event, History, Issue, Site, project_id
from localcloud.jira.site_data import CATEGORIES, Status, User, resolution_id

NEWEST = 40
"""So many histories an issue brings along (Atlassian, REST API v3, "Bulk fetch issues")."""


def moment(at: float) -> str:
    """Return epoch seconds as Jira writes times, `2026-01-31T12:00:00.000+0000`."""
    return date_time(at).replace("+00:00", "+0000")


def date_time(at: float) -> str:
    """Return epoch seconds where Atlassian's document declares `date-time`, with a colon: `…+00:00`.

    Jira itself leaves the colon out there as well, against its own document: whoever reads a time must take both.
    """
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def user(who: User, url: str) -> dict[str, Any]:
    """Return a user, or an app's account."""
    return {
        "self": f"{url}/rest/api/3/user?accountId={quote(who.account_id, safe='')}",
        "accountId": who.account_id,
        "accountType": who.kind,
        "displayName": who.name,
        "active": True,
        "timeZone": "Etc/UTC",
    }


def status(known: Status, url: str) -> dict[str, Any]:
    """Return a status with its category."""
    number, colour, name = CATEGORIES[known.category]
    category = {
        "self": f"{url}/rest/api/3/statuscategory/{number}",
        "id": number,
        "key": known.category,
        "colorName": colour,
        "name": name,
    }
    address = f"{url}/rest/api/3/status/{known.id}"
    return {"self": address, "description": "", "name": known.name, "id": known.id, "statusCategory": category}


def resolution(name: str | None, url: str) -> dict[str, Any] | None:
    """Return a resolution, or None for an unresolved issue."""
    if name is None:
        return None
    number = resolution_id(name)
    return {"self": f"{url}/rest/api/3/resolution/{number}", "id": number, "description": "", "name": name}


def project(key: str, site: Site, url: str) -> dict[str, Any]:
    """Return a project."""
    kind = "service_desk" if key in site.service_projects else "software"
    number = project_id(key)
    address = f"{url}/rest/api/3/project/{number}"
    return {"self": address, "id": number, "key": key, "name": key, "projectTypeKey": kind, "simplified": False}


def fields(issue: Issue, site: Site, url: str) -> dict[str, Any]:
    """Return an issue's fields."""
    closed = issue.histories[-1].at if issue.resolution and issue.histories else None
    return {
        "summary": issue.summary,
        "issuetype": {"id": "10001", "name": "Story", "subtask": False},
        "project": project(issue.project, site, url),
        "status": status(issue.status, url),
        "resolution": resolution(issue.resolution, url),
        "resolutiondate": moment(closed) if closed else None,
        "created": moment(issue.created),
        "updated": moment(issue.updated),
    }


def history(change: History, url: str) -> dict[str, Any]:
    """Return a change as the changelog has it."""
    items = [{name: value for name, value in item.items() if value is not None} for item in change.items]
    return {"id": str(change.id), "author": user(change.user, url), "created": date_time(change.at), "items": items}


def issue(found: Issue, site: Site, url: str, names: list[str], *, changelog: bool) -> dict[str, Any]:
    """Return an issue with the fields that are named (`*all` and `*navigable` are all), and its newest histories."""
    known = fields(found, site, url)
    wanted = known if not names or {"*all", "*navigable"} & set(names) else {n: known[n] for n in names if n in known}
    answer = {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": str(found.id),
        "self": f"{url}/rest/api/3/issue/{found.id}",
        "key": found.key,
        "fields": wanted,
    }
    if changelog:
        newest = found.histories[::-1][:NEWEST]
        answer["changelog"] = {
            "startAt": 0,
            "maxResults": len(newest),
            "total": len(found.histories),
            "histories": [history(change, url) for change in newest],
        }
    return answer


def comment(found: Comment, key: str, url: str) -> dict[str, Any]:
    """Return a comment. `jsdPublic` is false for one that customers of a service project do not see."""
    author = user(found.user, url)
    return {
        "self": f"{url}/rest/api/3/issue/{key}/comment/{found.id}",
        "id": str(found.id),
        "author": author,
        "updateAuthor": author,
        "body": found.body,
        "created": date_time(found.at),
        "updated": date_time(found.at),
        "jsdPublic": not found.internal,
    }


def webhook(event: Event, site: Site, url: str) -> dict[str, Any]:
    """Return the body of a webhook (Atlassian, "Webhooks"; `samples/jira` has recorded forms)."""
    about = issue(event.issue, site, url, [], changelog=False)
    body: dict[str, Any] = {
        "timestamp": int(event.at * 1000),
        "webhookEvent": event.kind,
        "issue_event_type_name": event.type,
        "user": user(event.user, url),
        "issue": {name: about[name] for name in ("id", "self", "key", "fields")},
    }
    if event.history:
        body["changelog"] = {"id": str(event.history.id), "items": list(event.history.items)}
    if event.kind.startswith("comment_"):  # reduced, without user and changelog, as recorded
        del body["user"], body["issue_event_type_name"]
        body["comment"] = comment(event.issue.comments[-1], event.issue.key, url)
    return body
