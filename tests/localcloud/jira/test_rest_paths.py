"""The local Jira's REST API: what Jira Cloud answers, its errors included.

The fixture checks every exchange against Atlassian's own document.
"""

from collections.abc import Callable
from typing import Any

import pytest

from localcloud.jira.site import JiraError
from tests.localcloud.jira.conftest import Caller

ISSUE = "/rest/api/3/issue"


def document(text: str) -> Any:
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def link(name: str, **more: Any) -> Any:
    return {"globalId": name, "object": {"url": "https://example.com/run", "title": "A deployment", **more}}


def fetched(jira: Caller, *keys: str, **more: Any) -> Any:
    return jira("POST", f"{ISSUE}/bulkfetch", {"issueIdsOrKeys": list(keys), **more}).json["issues"]


def move(jira: Caller, key: str, name: str, **more: Any) -> Any:
    found = jira("GET", f"{ISSUE}/{key}/transitions").json["transitions"]
    number = next(known["id"] for known in found if known["name"] == name)
    return jira("POST", f"{ISSUE}/{key}/transitions", {"transition": {"id": number}, **more})


def test_a_story_is_moved_and_its_changelog_says_resolution_first(jira: Caller) -> None:
    assert move(jira, "PROJ-1", "In Progress").status == 204
    jira.clock.now += 60
    assert move(jira, "PROJ-1", "Done").status == 204
    (issue,) = fetched(jira, "proj-1", fields=["status", "resolution"], expand=["changelog"])
    assert issue["key"] == "PROJ-1"
    assert set(issue["fields"]) == {"status", "resolution"}
    assert issue["fields"]["status"]["statusCategory"]["key"] == "done"
    newest, oldest = issue["changelog"]["histories"]
    assert [(item["field"], item.get("fromString"), item["toString"]) for item in newest["items"]] == [
        ("resolution", None, "Done"),
        ("status", "In Progress", "Done"),
    ]
    assert newest["created"] == "2026-01-01T10:01:00.000+00:00"
    assert oldest["items"][0]["toString"] == "In Progress"
    assert jira("GET", f"{ISSUE}/PROJ-1/changelog?startAt=1").json["values"] == [newest]


def test_a_refusal_has_its_resolution_and_reopening_clears_it(jira: Caller) -> None:
    move(jira, "PROJ-1", "Done", fields={"resolution": {"name": "Duplicate"}})
    assert fetched(jira, "PROJ-1")[0]["fields"]["resolution"]["name"] == "Duplicate"
    move(jira, "PROJ-1", "To Do")
    assert fetched(jira, "PROJ-1")[0]["fields"]["resolution"] is None
    move(jira, "PROJ-1", "Rejected")
    assert fetched(jira, "PROJ-1")[0]["fields"]["resolution"]["name"] == "Won't Do"


def test_any_well_formed_key_exists_in_to_do_and_others_are_absent_without_an_error(jira: Caller) -> None:
    jira.jira.site.hidden.add("SECRET")
    jira("DELETE", f"{ISSUE}/PROJ-1")
    answer = jira("POST", f"{ISSUE}/bulkfetch", {"issueIdsOrKeys": ["NEW_1-7", "SECRET-1", "12345", "A-0", "PROJ-1"]})
    assert [(issue["key"], issue["fields"]["status"]["name"]) for issue in answer.json["issues"]] == [
        ("NEW_1-7", "To Do")
    ]
    assert answer.json["issueErrors"] == []
    assert jira("GET", f"{ISSUE}/SECRET-1").status == jira("GET", f"{ISSUE}/PROJ-1").status == 404


def test_a_moved_story_answers_to_its_old_key_with_the_new_one_and_once(jira: Caller) -> None:
    fetched(jira, "OPS-4")
    assert jira.jira.site.move("PROJ-1", "OPS", status="Done").key == "OPS-5"
    (issue,) = fetched(jira, "PROJ-1", "OPS-5", expand=["changelog"])
    assert issue["key"] == "OPS-5"
    changes = issue["changelog"]["histories"][0]["items"]
    assert [item["field"] for item in changes] == ["project", "Key", "resolution", "status"]
    assert (changes[1]["fromString"], changes[1]["toString"]) == ("PROJ-1", "OPS-5")


def test_an_issue_brings_its_40_newest_changes_and_the_bulk_changelog_brings_all_oldest_first(jira: Caller) -> None:
    for number in range(45):
        jira.clock.now += 1
        jira.jira.site.edit("PROJ-1", f"Release {number}")
    (issue,) = fetched(jira, "PROJ-1", expand=["changelog"])
    assert issue["changelog"]["total"] == 45
    assert len(issue["changelog"]["histories"]) == 40
    page: Any = {}
    found: list[str] = []
    while not found or "nextPageToken" in page:
        wanted = {"issueIdsOrKeys": ["PROJ-1"], "maxResults": 20, "nextPageToken": page.get("nextPageToken", "")}
        page = jira("POST", "/rest/api/3/changelog/bulkfetch", wanted).json
        found += [
            change["items"][0]["toString"] for log in page["issueChangeLogs"] for change in log["changeHistories"]
        ]
    assert found == [f"Release {number}" for number in range(45)]


def test_links_are_kept_by_global_id_as_a_whole(jira: Caller) -> None:
    first = jira("POST", f"{ISSUE}/PROJ-1/remotelink", link("run=1", summary="waits", status={"resolved": False}))
    second = jira("POST", f"{ISSUE}/PROJ-1/remotelink", link("run=1", status={"resolved": True}))
    assert (first.status, second.status, first.json["id"]) == (201, 200, second.json["id"])
    (kept,) = jira("GET", f"{ISSUE}/PROJ-1/remotelink").json
    assert "summary" not in kept["object"]
    assert jira("GET", f"{ISSUE}/PROJ-1/remotelink?globalId=run%3D1").json == kept
    assert jira("DELETE", f"{ISSUE}/PROJ-1/remotelink?globalId=run%3D1").status == 204
    assert jira("GET", f"{ISSUE}/PROJ-1/remotelink?globalId=run%3D1").status == 404


def test_each_call_adds_a_comment_and_one_on_a_service_project_can_be_internal(jira: Caller) -> None:
    internal = [{"key": "sd.public.comment", "value": {"internal": True}}]
    for key in ("PROJ-1", "HELP-1"):
        for _ in range(2):
            assert (
                jira("POST", f"{ISSUE}/{key}/comment", {"body": document("It is live."), "properties": internal}).status
                == 201
            )
    shown = {
        key: [c["jsdPublic"] for c in jira("GET", f"{ISSUE}/{key}/comment").json["comments"]]
        for key in ("PROJ-1", "HELP-1")
    }
    assert shown == {"PROJ-1": [True, True], "HELP-1": [False, False]}


def test_what_a_program_asks_first_is_there(jira: Caller) -> None:
    assert jira("GET", "/rest/api/3/serverInfo", user=None).json["baseUrl"] == jira.jira.url
    assert jira("GET", "/rest/api/3/myself").json["emailAddress"] == jira.jira.credentials["user"]
    assert jira("GET", "/rest/api/3/status").json[0]["name"] == "To Do"
    assert "Won't Do" in [known["name"] for known in jira("GET", "/rest/api/3/resolution").json]
    (story,) = jira("GET", "/rest/api/3/project/PROJ/statuses").json
    assert story["statuses"] == jira("GET", "/rest/api/3/status").json
    jira.jira.site.denied.add("LINK_ISSUES")
    asked = jira("GET", "/rest/api/3/mypermissions?permissions=BROWSE_PROJECTS,LINK_ISSUES&issueKey=PROJ-1").json
    assert {name: known["havePermission"] for name, known in asked["permissions"].items()} == {
        "BROWSE_PROJECTS": True,
        "LINK_ISSUES": False,
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{ISSUE}/bulkfetch", {"issueIdsOrKeys": [f"A-{n}" for n in range(1, 102)]}, 400),
        ("POST", f"{ISSUE}/bulkfetch", {"issueIdsOrKeys": []}, 400),
        ("POST", f"{ISSUE}/bulkfetch", ["A-1"], 400),
        ("POST", "/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["A-1"], "fieldIds": list("abcdefghijk")}, 400),
        ("GET", f"{ISSUE}/12345x", None, 404),
        ("POST", f"{ISSUE}/PROJ-1/transitions", {"transition": {"id": "999"}}, 400),
        ("POST", f"{ISSUE}/PROJ-1/transitions", {"transition": {"id": "11"}}, 400),  # it is in To Do already
        ("POST", f"{ISSUE}/PROJ-1/comment", {"body": "plain text"}, 400),
        ("POST", f"{ISSUE}/PROJ-1/comment", {"body": document("")}, 400),
        ("POST", f"{ISSUE}/PROJ-1/remotelink", {"object": {"title": "no URL"}}, 400),
        ("POST", f"{ISSUE}/PROJ-1/remotelink", link("x" * 256), 400),
        ("GET", "/rest/api/3/mypermissions", None, 400),
    ],
)  # fmt: skip
def test_a_request_that_jira_refuses(jira: Caller, method: str, path: str, body: Any, status: int) -> None:
    answer = jira(method, path, body)
    assert answer.status == status
    assert answer.json["errorMessages"] or answer.json["errors"]


def test_whoever_is_not_known_gets_401_and_who_may_not_gets_403(jira: Caller) -> None:
    for user, token in ((None, ""), ("nobody@example.com", "local"), ("ada@example.com", "wrong")):
        refused = jira("POST", f"{ISSUE}/bulkfetch", {"issueIdsOrKeys": ["A-1"]}, user=user, token=token)
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="Jira"')
    assert jira("GET", "/rest/api/3/myself", user="ada@example.com").json["displayName"] == "Ada Marlow"
    jira.jira.site.denied.update(("LINK_ISSUES", "ADD_COMMENTS"))
    assert jira("POST", f"{ISSUE}/PROJ-1/remotelink", link("run=1")).status == 403
    assert jira("POST", f"{ISSUE}/PROJ-1/comment", {"body": document("no")}).status == 400


def test_too_many_writes_to_one_issue_get_429_with_retry_after(jira: Caller) -> None:
    answers = [jira("POST", f"{ISSUE}/PROJ-1/remotelink", link(f"run={n}")) for n in range(21)]
    assert [answer.status for answer in answers] == [201] * 20 + [429]
    assert answers[-1].headers["Retry-After"] == "2"
    assert jira("POST", f"{ISSUE}/PROJ-2/remotelink", link("run=1")).status == 201
    jira.clock.now += 2
    assert jira("POST", f"{ISSUE}/PROJ-1/remotelink", link("run=21")).status == 201


def test_an_outage_answers_as_often_as_it_was_asked_to(jira: Caller) -> None:
    assert jira("PUT", "/local/outage", {"status": 429, "times": 2, "retryAfter": 7}, user=None).status == 200
    answers = [jira("GET", "/rest/api/3/myself") for _ in range(3)]
    assert [(answer.status, answer.headers.get("Retry-After")) for answer in answers] == [
        (429, "7"),
        (429, "7"),
        (200, None),
    ]


def test_a_site_refuses_a_move_or_a_resolution_that_cannot_be(jira: Caller) -> None:
    site = jira.jira.site
    refusals: tuple[Callable[[], Any], ...] = (
        lambda: site.move("PROJ-1", "PROJ"),
        lambda: site.move("PROJ-1", "no project"),
        lambda: site.transition("PROJ-1", "Nowhere"),
        lambda: site.transition("PROJ-1", "Done", resolution="Perhaps"),
    )
    for refused in refusals:
        with pytest.raises(JiraError):
            refused()
    assert site.issue("PROJ-1").histories == []
