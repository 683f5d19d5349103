"""The paths of Jira Cloud's REST API v3 that a deployment gate uses.

Shapes and errors are those of Atlassian's OpenAPI document.
"""

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify, request

from localcloud.jira import documents, shapes
from localcloud.jira.answering import Answer, Json, body, caller
from localcloud.jira.site import Issue, JiraError, Site

SERVER_INFO = "/rest/api/3/serverInfo"
MOST_ISSUES, MOST_CHANGELOGS, MOST_FIELDS = 100, 1000, 10
LONGEST_LINK_TEXT = 255  # of globalId, title and relationship
PERMISSIONS = {  # id and name of those that a gate asks for
    "BROWSE_PROJECTS": (10, "Browse Projects", "PROJECT"),
    "ADD_COMMENTS": (15, "Add Comments", "PROJECT"),
    "LINK_ISSUES": (21, "Link Issues", "PROJECT"),
    "TRANSITION_ISSUES": (46, "Transition Issues", "PROJECT"),
    "ADMINISTER": (0, "Administer Jira", "GLOBAL"),
}


def rest_api(site: Site, url: Callable[[], str], admit: Callable[[], None]) -> Blueprint:
    """Return the API's paths; `admit` refuses a request before it is looked at."""
    api = Blueprint("rest", __name__)
    api.before_request(admit)

    @api.get(SERVER_INFO)
    def server_info() -> Answer:
        about = {"version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"}
        return jsonify({"baseUrl": url(), **about, "serverTime": shapes.date_time(site.clock()), "serverTitle": "Jira"})

    @api.get("/rest/api/3/myself")
    def myself() -> Answer:
        who = caller()
        return jsonify(shapes.user(who, url()) | {"emailAddress": who.email, "locale": "en_GB"})

    @api.get("/rest/api/3/mypermissions")
    def my_permissions() -> Answer:
        asked = [name for name in request.args.get("permissions", "").split(",") if name]
        if not asked or not set(asked) <= set(PERMISSIONS):
            raise JiraError(400, "The permissions query parameter is required, and must name known permissions.")
        if request.args.get("issueKey"):
            site.issue(request.args["issueKey"])
        return jsonify({"permissions": {name: _permission(name, name not in site.denied) for name in asked}})

    @api.get("/rest/api/3/status")
    def statuses() -> Answer:
        return jsonify([shapes.status(known, url()) for known in site.statuses])

    @api.get("/rest/api/3/resolution")
    def resolutions() -> Answer:
        return jsonify([shapes.resolution(name, url()) for name in site.resolutions])

    @api.get("/rest/api/3/project/<project>/statuses")
    def project_statuses(project: str) -> Answer:
        if project in site.hidden or not re.fullmatch(r"[A-Z][A-Z0-9_]*", project):
            raise JiraError(404, f"No project could be found with key '{project}'.")
        kind = {"self": f"{url()}/rest/api/3/issuetype/10001", "id": "10001", "name": "Story", "subtask": False}
        return jsonify([kind | {"statuses": [shapes.status(known, url()) for known in site.statuses]}])

    @api.post("/rest/api/3/issue/bulkfetch")
    def bulk_fetch() -> Answer:
        wanted = body()
        names = _names(wanted, MOST_ISSUES)
        changelog = "changelog" in (wanted.get("expand") or [])
        with site.lock:
            found = [
                shapes.issue(issue, site, url(), wanted.get("fields") or [], changelog=changelog)
                for issue in _known(site, names)
            ]
        return jsonify({"issues": found, "issueErrors": []})

    @api.post("/rest/api/3/changelog/bulkfetch")
    def bulk_changelogs() -> Answer:
        wanted = body()
        names, fields = _names(wanted, MOST_CHANGELOGS), wanted.get("fieldIds") or []
        if len(fields) > MOST_FIELDS:
            raise JiraError(400, f"fieldIds must hold at most {MOST_FIELDS} ids.")
        most, begin = int(wanted.get("maxResults", 1000)), int(wanted.get("nextPageToken") or 0)
        with site.lock:
            changes = sorted(
                ((change.at, change.id, issue) for issue in _known(site, names) for change in issue.histories),
                key=lambda change: change[:2],
            )
            return jsonify(_changelogs(changes, begin, most, fields, url()))

    @api.get("/rest/api/3/issue/<key>")
    def issue(key: str) -> Answer:
        names = [name for name in request.args.get("fields", "").split(",") if name]
        changelog = "changelog" in request.args.get("expand", "")
        with site.lock:
            return jsonify(shapes.issue(site.issue(key), site, url(), names, changelog=changelog))

    @api.get("/rest/api/3/issue/<key>/changelog")
    def changelog(key: str) -> Answer:
        begin, most = request.args.get("startAt", 0, type=int), request.args.get("maxResults", 100, type=int)
        with site.lock:
            histories = site.issue(key).histories
            page = [shapes.history(change, url()) for change in histories[begin : begin + most]]
            total = len(histories)
        about = {"startAt": begin, "maxResults": most, "total": total, "isLast": begin + most >= total}
        return jsonify({"self": request.url, **about, "values": page})

    @api.delete("/rest/api/3/issue/<key>")
    def delete_issue(key: str) -> Answer:
        site.delete(key, user=caller())
        return "", 204

    @api.get("/rest/api/3/issue/<key>/transitions")
    def transitions(key: str) -> Answer:
        issue = site.issue(key)
        found = [
            {
                "id": known.transition,
                "name": known.name,
                "to": shapes.status(known, url()),
                "hasScreen": known.category == "done",
                "isGlobal": True,
                "isInitial": False,
                "isAvailable": True,
                "isConditional": False,
            }
            for known in site.statuses
            if known != issue.status
        ]
        return jsonify({"expand": "transitions", "transitions": found})

    @api.post("/rest/api/3/issue/<key>/transitions")
    def transition(key: str) -> Answer:
        wanted = body()
        number = (wanted.get("transition") or {}).get("id")
        to = next((known for known in site.statuses if known.transition == str(number)), None)
        site.issue(key)
        if to is None:
            raise JiraError(400, f"Transition id {str(number)!r} is not valid for this issue.")
        chosen = ((wanted.get("fields") or {}).get("resolution") or {}).get("name")
        site.transition(key, to.name, user=caller(), resolution=chosen)
        return "", 204

    @api.get("/rest/api/3/issue/<key>/comment")
    def comments(key: str) -> Answer:
        with site.lock:
            issue = site.issue(key)
            found = [shapes.comment(comment, issue.key, url()) for comment in issue.comments]
        return jsonify({"startAt": 0, "maxResults": 5000, "total": len(found), "comments": found})

    @api.post("/rest/api/3/issue/<key>/comment")
    def add_comment(key: str) -> Answer:
        wanted = body()
        issue = site.issue(key)
        if "ADD_COMMENTS" in site.denied:
            raise JiraError(400, f"You do not have the permission to comment on this issue ({issue.key}).")
        if not documents.is_valid(wanted.get("body")):
            raise JiraError(400, errors={"comment": "Comment body is not valid!"})
        internal = any(
            known.get("key") == "sd.public.comment" and (known.get("value") or {}).get("internal") in (True, "true")
            for known in wanted.get("properties") or []
        )
        internal = internal and issue.project in site.service_projects
        added = site.comment(key, wanted["body"], user=caller(), internal=internal)
        return jsonify(shapes.comment(added, issue.key, url())), 201

    @api.get("/rest/api/3/issue/<key>/remotelink")
    def links(key: str) -> Answer:
        with site.lock:
            issue = site.issue(key)
            found = [_link(number, link, issue, url()) for number, link in issue.links.items()]
        wanted = request.args.get("globalId")
        if wanted is None:
            return jsonify(found)
        chosen = next((link for link in found if link.get("globalId") == wanted), None)
        if chosen is None:
            raise JiraError(404, "The remote link does not exist.")
        return jsonify(chosen)

    @api.post("/rest/api/3/issue/<key>/remotelink")
    def add_link(key: str) -> Answer:
        wanted = body()
        issue = site.issue(key)
        if "LINK_ISSUES" in site.denied:
            raise JiraError(403, "No Link Issue Permission for issue.")
        _check_link(wanted)
        number, new = site.link(
            key, {k: wanted[k] for k in ("globalId", "application", "relationship", "object") if k in wanted}
        )
        address = f"{url()}/rest/api/3/issue/{issue.key}/remotelink/{number}"
        return jsonify({"id": number, "self": address}), 201 if new else 200

    @api.delete("/rest/api/3/issue/<key>/remotelink")
    def delete_link(key: str) -> Answer:
        wanted = request.args.get("globalId")
        if not wanted:
            raise JiraError(400, "globalId is required.")
        with site.lock:
            issue = site.issue(key)
            number = next((i for i, link in issue.links.items() if link.get("globalId") == wanted), None)
            if number is None:
                raise JiraError(404, "The remote link does not exist.")
            del issue.links[number]
        return "", 204

    return api


def _names(wanted: Json, most: int) -> list[str]:
    names = wanted.get("issueIdsOrKeys")
    if not isinstance(names, list) or not 1 <= len(names) <= most or not all(isinstance(name, str) for name in names):
        raise JiraError(400, f"issueIdsOrKeys must hold 1 to {most} ids or keys.")
    return names


def _known(site: Site, names: list[str]) -> list[Issue]:
    """The issues that exist, each once, by id; the others are absent from Jira's answer, without an error."""
    found: dict[int, Issue] = {}
    for name in names:
        try:
            issue = site.issue(name)
        except JiraError:
            continue
        found[issue.id] = issue
    return [found[number] for number in sorted(found)]


def _changelogs(changes: list[Any], begin: int, most: int, fields: list[str], url: str) -> Json:
    page = changes[begin : begin + most]
    histories: dict[str, list[Json]] = {}
    for _, number, issue in page:
        change = next(known for known in issue.histories if known.id == number)
        shown = shapes.history(change, url)
        if fields:
            shown["items"] = [item for item in shown["items"] if item.get("fieldId", item["field"]) in fields]
        if shown["items"]:
            histories.setdefault(str(issue.id), []).append(shown)
    answer: Json = {"issueChangeLogs": [{"issueId": i, "changeHistories": known} for i, known in histories.items()]}
    return answer | ({"nextPageToken": str(begin + most)} if begin + most < len(changes) else {})


def _check_link(link: Json) -> None:
    about = link.get("object")
    if not isinstance(about, dict):
        raise JiraError(400, errors={"object": "'object' is required."})
    for name in ("url", "title"):
        if not (isinstance(about.get(name), str) and about[name].strip()):
            raise JiraError(400, errors={name: f"'{name}' is required."})
    if not re.match(r"https?://[^\s]+$", about["url"]):
        raise JiraError(400, errors={"url": "'url' is not a valid URL."})
    texts = {"globalId": link.get("globalId"), "relationship": link.get("relationship"), "title": about["title"]}
    for name, text in texts.items():
        if isinstance(text, str) and len(text) > LONGEST_LINK_TEXT:
            raise JiraError(400, errors={name: f"'{name}' must be at most {LONGEST_LINK_TEXT} characters."})


def _link(number: int, link: Json, issue: Issue, url: str) -> Json:
    return {"id": number, "self": f"{url}/rest/api/3/issue/{issue.key}/remotelink/{number}", **link}


def _permission(name: str, have: bool) -> Json:
    number, text, kind = PERMISSIONS[name]
    return {"id": str(number), "key": name, "name": text, "type": kind, "description": "", "havePermission": have}
