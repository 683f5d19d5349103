"""The board at `/`: the stories in columns, moved by mouse or keyboard; and the switches under `/local`.

The switches need no credentials, so they take JSON from this machine's own pages and programs only: a foreign web page
cannot send JSON here without asking first (CORS), and a name that resolves to 127.0.0.1 is refused.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request, send_from_directory

from localcloud.jira import documents, shapes
from localcloud.jira.answering import Answer, Outage, body
from localcloud.jira.deliveries import Deliveries
from localcloud.jira.site import Issue, JiraError, Site
from localcloud.jira.site_data import PEOPLE, User

PAGES = Path(__file__).with_name("pages")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SHOWN_DELIVERIES = 8


def board(site: Site, deliveries: Deliveries, outage: Outage) -> Blueprint:
    """Return the board's paths."""
    pages = Blueprint("board", __name__)

    @pages.before_request
    def check() -> None:
        if urlsplit(f"//{request.host}").hostname not in {"127.0.0.1", "localhost"}:
            abort(403, "This Jira answers only to 127.0.0.1 and localhost.")
        if request.headers.get("Origin") not in {None, f"http://{request.host}"}:
            abort(403, "This request did not come from a page of this Jira.")

    @pages.after_request
    def harden(response: Response) -> Response:
        response.headers.update({"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"})
        response.headers["Cache-Control"] = "no-store"
        return response

    @pages.get("/")
    @pages.get("/browse/<key>")
    def page(key: str = "") -> Response:
        if key:
            site.issue(key)
        return send_from_directory(PAGES, "board.html")

    @pages.get("/board/<name>")
    def asset(name: str) -> Response:
        return send_from_directory(PAGES, name)

    @pages.get("/local/board")
    def stories() -> Answer:
        with site.lock:
            return jsonify(
                {
                    "version": site.version,
                    "people": [who.name for who in PEOPLE],
                    "columns": [{"name": known.name, "category": known.category} for known in site.statuses],
                    "stories": [_story(issue) for issue in sorted(site.all_issues(), key=_latest)],
                    "webhooks": _switch(deliveries),
                    "deliveries": [vars(attempt) for attempt in deliveries.attempts[: -SHOWN_DELIVERIES - 1 : -1]],
                }
            )

    @pages.put("/local/stories/<key>")
    def put_story(key: str) -> Answer:
        """Create a story, or move it to `status` as `actor`, or to `project`; all three are optional."""
        wanted = body()
        who = _person(wanted.get("actor"))
        found = site.issue(key)
        if wanted.get("project"):
            found = site.move(key, str(wanted["project"]).strip().upper(), user=who)
        if wanted.get("status") and wanted["status"] != found.status.name:
            found = site.transition(found.key, wanted["status"], user=who, resolution=wanted.get("resolution"))
        return jsonify(_story(found))

    @pages.delete("/local/stories/<key>")
    def delete_story(key: str) -> Answer:
        site.delete(key, user=PEOPLE[0])
        return "", 204

    @pages.get("/local/webhooks")
    def webhooks() -> Answer:
        return jsonify(_switch(deliveries))

    @pages.put("/local/webhooks")
    def switch_webhooks() -> Answer:
        """Lose every delivery while `enabled` is false."""
        enabled = body().get("enabled")
        if not isinstance(enabled, bool):
            raise JiraError(400, errors={"enabled": "'enabled' must be true or false."})
        deliveries.enabled = enabled
        site.touch()
        return jsonify(_switch(deliveries))

    @pages.put("/local/outage")
    def switch_outage() -> Answer:
        """Answer the next `times` requests of the REST API with `status`, and `retryAfter` seconds if it is given."""
        wanted = body()
        numbers = (wanted.get("status", 503), wanted.get("times", 0), wanted.get("retryAfter"))
        if not all(isinstance(number, int) or number is None for number in numbers):
            raise JiraError(400, "'status', 'times' and 'retryAfter' must be whole numbers.")
        outage.begin(*numbers)
        return jsonify({"status": outage.status, "times": outage.times})

    def _switch(deliveries: Deliveries) -> dict[str, Any]:
        known = [{"name": hook.name, "url": hook.url} for hook in deliveries.webhooks.values()]
        return {"enabled": deliveries.enabled, "registered": known}

    return pages


def _latest(issue: Issue) -> tuple[float, int]:
    """The key that sorts stories by their last change, the latest first."""
    return -issue.updated, -issue.id


def _person(name: Any) -> User:
    return next((who for who in PEOPLE if who.name == name), PEOPLE[0])


def _story(issue: Issue) -> dict[str, Any]:
    return {
        "key": issue.key,
        "summary": issue.summary,
        "status": issue.status.name,
        "resolution": issue.resolution,
        "updated": shapes.moment(issue.updated),
        "links": [_link(link) for link in issue.links.values()],
        "comments": [
            {
                "author": comment.user.name,
                "at": shapes.moment(comment.at),
                "text": documents.plain(comment.body),
                "internal": comment.internal,
            }
            for comment in issue.comments
        ],
        "history": [
            {"actor": change.user.name, "at": shapes.moment(change.at), "changes": [_change(i) for i in change.items]}
            for change in reversed(issue.histories[-5:])
        ],
    }


def _link(link: dict[str, Any]) -> dict[str, Any]:
    about = link["object"]
    return {
        "url": about["url"],
        "title": about["title"],
        "summary": about.get("summary") or "",
        "resolved": bool((about.get("status") or {}).get("resolved")),
    }


def _change(item: dict[str, Any]) -> str:
    return f"{item['field'].capitalize()}: {item['fromString'] or 'none'} → {item['toString'] or 'none'}"
