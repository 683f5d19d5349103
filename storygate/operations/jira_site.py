"""What the operator's commands ask of a Jira site: whose token it is, what it may do, webhooks, closing statuses.

Shapes: Atlassian, "The Jira Cloud platform REST API", version 3, and "Webhooks", "Registering a webhook".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.jira_api import JiraApi

PERMISSIONS = {
    "BROWSE_PROJECTS": "without it storygate cannot ask about stories",
    "LINK_ISSUES": "without it the story shows no link to a waiting run",
    "ADD_COMMENTS": "without it the story shows no comment when a run is over",
}
"""What the user needs, and why."""
EVENTS = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted")
WEBHOOKS = "/rest/webhooks/1.0/webhook"
JQL = "issue-related-events-section"  # Jira's name of the filter
DECIDING = {"STATUS", "STATUSCATEGORY", "RESOLUTION"}


@dataclass(frozen=True)
class Webhook:
    """A webhook as the stage needs it. `secret` is never shown by Jira, so it is written each time."""

    name: str
    url: str
    projects: Sequence[str]

    @property
    def jql(self) -> str:
        """The filter: the stage's projects, quoted since a key may be a word of JQL, or every issue."""
        keys = ", ".join(f'"{key}"' for key in self.projects)
        return f"project in ({keys})" if keys else ""

    def wrong_jql(self, jql: str) -> bool:
        """Return whether a filter hides changes that decide: it leaves a project out, or asks for a status.

        A narrower filter of an administrator's own, such as one for stories, is right.
        """
        words = set(re.findall(r"\w+", jql.upper()))
        return bool(jql.strip()) and not (set(self.projects) <= words and words.isdisjoint(DECIDING))

    def wrong_in(self, found: dict[str, Any]) -> list[str]:
        """Return what is wrong with a webhook that Jira shows, in words."""
        jql = jql_of(found)
        wrong = {
            "it is switched off": found.get("enabled") is False,
            "it excludes the body": bool(found.get("excludeBody")),
            "it has no secret, so Jira does not sign": found.get("isSigned") is False,
            f"it lacks {', '.join(sorted(set(EVENTS) - set(found.get('events') or [])))}": not set(EVENTS)
            <= set(found.get("events") or []),
            f"its JQL is {jql!r}, not {self.jql!r}": self.wrong_jql(jql),
        }
        return [text for text, is_so in wrong.items() if is_so]


def jql_of(found: dict[str, Any]) -> str:
    """Return the filter of a webhook that Jira shows."""
    return str((found.get("filters") or {}).get(JQL) or "")


def whose_token(api: JiraApi) -> str:
    """Return the display name of the user whose token it is."""
    return str(api.call("GET", "/rest/api/3/myself").get("displayName") or "a user without a name")


def missing_permissions(api: JiraApi, story: str) -> list[str]:
    """Return which of PERMISSIONS the user lacks on a story. Raises JiraFailed (404) if it may not even see it."""
    asked = urlencode({"issueKey": story, "permissions": ",".join(PERMISSIONS)})
    granted = api.call("GET", f"/rest/api/3/mypermissions?{asked}").get("permissions") or {}
    return [name for name in PERMISSIONS if not (granted.get(name) or {}).get("havePermission")]


def webhooks_to(api: JiraApi, url: str) -> list[dict[str, Any]]:
    """Return the site's webhooks that send to this URL. Raises JiraFailed (403) if the user is no administrator."""
    return [found for found in api.call("GET", WEBHOOKS) or [] if found.get("url") == url]


def put_webhook(api: JiraApi, wanted: Webhook, secret: str) -> list[str] | None:
    """Make the webhook, or mend the one that sends to the same URL; return what was wrong with it, None if it is new.

    Raises JiraFailed (403) if the user is no administrator.
    """
    body = {
        "name": wanted.name,
        "url": wanted.url,
        "events": list(EVENTS),
        "filters": {JQL: wanted.jql},
        "excludeBody": False,
        "secret": secret,
    }
    known = webhooks_to(api, wanted.url)
    if not known:
        api.call("POST", WEBHOOKS, body)
        return None
    if not wanted.wrong_jql(jql_of(known[0])):
        body["filters"] = {JQL: jql_of(known[0])}
    number = str(known[0].get("self", "")).rpartition("/")[2]
    api.call("PUT", f"{WEBHOOKS}/{quote(number, safe='')}", body | {"enabled": True})
    return wanted.wrong_in(known[0])


def closing_statuses(api: JiraApi, project: str) -> list[str]:
    """Return the names of a project's statuses of category `done`. Raises JiraFailed (404) if it cannot be seen."""
    types = api.call("GET", f"/rest/api/3/project/{quote(project, safe='')}/statuses")
    names = {
        str(status.get("name"))
        for kind in types
        for status in kind.get("statuses") or []
        if (status.get("statusCategory") or {}).get("key") == "done"
    }
    return sorted(names)
