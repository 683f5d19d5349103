"""The board's page and what it reads and writes; how it looks and moves is tested in Chromium."""

import urllib3

from localcloud.jira.site_data import PEOPLE
from tests.localcloud.jira.conftest import Caller


def test_the_page_comes_with_its_parts_and_loads_nothing_from_elsewhere(jira: Caller) -> None:
    for path in ("/", "/browse/PROJ-1", "/board/board.js", "/board/board.css", "/board/icon.svg"):
        answer = urllib3.request("GET", jira.jira.url + path)
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert urllib3.request("GET", jira.jira.url + "/browse/nothing").status == 404
    assert urllib3.request("GET", jira.jira.url + "/board/..%2Fboard.py").status == 404


def test_it_shows_each_story_with_its_links_comments_and_changes(jira: Caller) -> None:
    text = {"type": "paragraph", "content": [{"type": "text", "text": "It is live."}, {"type": "hardBreak"}]}
    jira.jira.site.link(
        "PROJ-1", {"object": {"url": "https://x.example", "title": "Run", "status": {"resolved": True}}}
    )
    jira.jira.site.comment("PROJ-1", {"type": "doc", "version": 1, "content": [text, text]})
    moved = jira("PUT", "/local/stories/proj-1", {"status": "Done", "actor": "Noor Haddad"}, user=None)
    (story,) = jira("GET", "/local/board", user=None).json["stories"]
    assert story == moved.json
    assert (story["key"], story["status"], story["resolution"]) == ("PROJ-1", "Done", "Done")
    assert story["links"] == [{"url": "https://x.example", "title": "Run", "summary": "", "resolved": True}]
    assert story["comments"][0]["text"] == "It is live.\n\nIt is live.\n"
    assert story["history"][0]["actor"] == PEOPLE[1].name
    assert story["history"][0]["changes"] == ["Resolution: none → Done", "Status: To Do → Done"]


def test_a_story_is_made_moved_to_a_project_and_removed(jira: Caller) -> None:
    assert jira("PUT", "/local/stories/NEW-5", {}, user=None).json["status"] == "To Do"
    assert jira("PUT", "/local/stories/NEW-5", {"project": "ops", "status": "Done"}, user=None).json["key"] == "OPS-1"
    assert jira("PUT", "/local/stories/no key", {}, user=None).status == 404
    assert jira("PUT", "/local/stories/OPS-1", {"status": "Nowhere"}, user=None).status == 400
    assert jira("DELETE", "/local/stories/NEW-5", user=None).status == 204
    assert jira("PUT", "/local/stories/OPS-1", {}, user=None).status == 404


def test_another_web_page_of_this_machines_browser_cannot_move_a_story(jira: Caller) -> None:
    url, body = f"{jira.jira.url}/local/stories/PROJ-1", {"status": "Done"}
    foreign = urllib3.request("PUT", url, json=body, headers={"Origin": "https://evil.example"})
    rebound = urllib3.request("PUT", url, json=body, headers={"Host": "evil.example"})
    own = urllib3.request("PUT", url, json=body, headers={"Origin": jira.jira.url})
    assert [answer.status for answer in (foreign, rebound, own)] == [403, 403, 200]
