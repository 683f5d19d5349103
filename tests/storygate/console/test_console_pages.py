"""A run's page: what it offers, what it warns of, what it says when AWS does not answer; and text stays text."""

import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.storygate.console.conftest import Browser, World, make_context

SCRIPT = "<script>alert(1)</script>"


def dialog(page: Any, action: str) -> Any:
    """The words of a dialog."""
    found = re.search(rf'<dialog id="{action}".*?</dialog>', page.text, re.DOTALL)
    return found and words(found.group())


def words(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def test_a_waiting_run_can_be_decided_and_cancelled_and_not_retried(browser: Browser, world: World) -> None:
    world.run("a")
    page = browser.get("/runs/a")
    assert {action for action in ("approve", "reject", "cancel", "retry") if dialog(page, action)} == {
        "approve",
        "reject",
        "cancel",
    }
    assert "Every run that waits for PROJ-1 ends approved : this one; no other waits now." in dialog(page, "approve")
    assert "Stops a of stage dev at once." in dialog(page, "cancel")


def test_a_decision_says_what_the_release_api_is_called_with(browser: Browser, world: World) -> None:
    release = {"Type": "Task", "Arguments": {"ApiEndpoint": "https://packages.example.com/release"}}
    world.definition = {"StartAt": "CallRelease", "States": {"CallRelease": release}}
    world.run("a")
    page = browser.get("/runs/a")
    assert "each calls the release API, with the action release ." in dialog(page, "approve")
    assert "each calls the release API, with the action rollback ." in dialog(page, "reject")


def test_a_decision_names_every_other_run_that_it_reaches(browser: Browser, world: World) -> None:
    for name in ("a", "b", "c"):
        world.run(name)
    world.run("d", "PROJ-2")
    told = dialog(browser.get("/runs/a"), "reject")
    assert "this one, and 2 others: b c" in told
    assert "done by user/ann" in told
    world.moved |= {("PROJ-1", "OLD-7"), ("OLD-7", "OLDER-3"), ("OLDER-3", "PROJ-1")}  # there and back again
    world.run("early", "OLD-7")
    world.run("first", "OLDER-3")
    told = dialog(browser.get("/runs/a"), "reject")
    assert "4 others: b c early , which waits for OLD-7, a former key of this story first , which waits" in told
    for number in range(30):
        world.run(f"run-{number}")
    assert "and 20 and more others:" in dialog(browser.get("/runs/a"), "reject")


def test_a_run_that_is_over_can_only_be_retried_and_an_approved_one_with_a_warning(
    browser: Browser, world: World
) -> None:
    world.run("a", outcome="rejected")
    world.run("b", outcome="approved")
    page = browser.get("/runs/a")
    assert dialog(page, "approve") is dialog(page, "cancel") is None
    assert 'data-dialog="approve"' not in page.text
    assert "was approved" not in dialog(page, "retry")
    assert "This run was approved: its request is carried out once more." in dialog(browser.get("/runs/b"), "retry")


def test_the_live_part_says_what_to_announce_and_whether_the_run_has_ended(browser: Browser, world: World) -> None:
    world.run("a")
    live = browser.get("/runs/a/live").json
    assert (live["title"], live["said"], live["over"]) == ("Waiting · PROJ-1", "Waiting, PROJ-1", False)
    assert 'id="approve"' in live["html"]
    assert "<html" not in live["html"]
    world.runs["a"] |= {"status": "FAILED", "outcome": "rejected", "reason": "PROJ-1 was rejected by Ann."}
    live = browser.get("/runs/a/live").json
    assert (live["title"], live["said"], live["over"]) == (
        "Rejected · PROJ-1",
        "Rejected: PROJ-1 was rejected by Ann.",
        True,
    )


def test_head_and_dialog_say_first_what_is_decided_and_where_the_story_is(world: World, tmp_path: Path) -> None:
    request = {"jiraStoryId": "PROJ-1", "packageIds": ["api", "web"], "metadata": {"environment": "production"}}
    world.run("a", request=request, startedBy="AWS:AROAEXAMPLE:ann")
    site = {"STORYGATE_JIRA_SITE": "https://example.atlassian.net/"}
    page = Browser(make_context(world, tmp_path, "http://127.0.0.1:1", **site)).get("/runs/a")
    asked = "2 packages api web Environment production Started by ann AWS:AROAEXAMPLE:ann"
    head = words(page.text[page.text.index("<article") : page.text.index("</header>", page.text.index("<article"))])
    assert head.startswith(f"PROJ-1 Waiting Waiting for PROJ-1 to be approved or rejected. {asked} Started 31 Jan")
    assert page.text.count('href="https://example.atlassian.net/browse/PROJ-1"') == 3, "head and both decisions"
    for action in ("approve", "reject", "cancel"):
        assert dialog(page, action).partition("? ")[2].startswith(asked)
    assert re.findall(r'<h2 id="(\w+)"', page.text) == ["request", "apis", "decision", "way", "times", "log"]


def test_an_open_page_asks_once_for_what_does_not_change(browser: Browser, world: World) -> None:
    world.run("a")
    for path in ("/runs/a", *["/runs/a/live"] * 5, "/runs/a/report.html"):
        assert browser.get(path).status_code == 200
    once = {"describe_execution": 1, "describe_state_machine_for_execution": 1}
    assert world.calls == {**once, "get_execution_history": 7, "query": 6}


def test_outcomes_that_differ_look_different(browser: Browser, world: World) -> None:
    outcomes = ("approved", "rejected", "timed_out", "api_failed", "release_failed", "invalid_input", "cancelled")
    for outcome in outcomes:
        world.run(outcome, outcome=outcome)
    badges = re.findall(r'<span class="badge ([\w-]+)">', browser.get("/").text)
    looks = dict(zip(outcomes, badges, strict=True))
    assert looks["api_failed"] == looks["release_failed"] == "failed"
    assert len(set(looks.values())) == 6


def test_an_ended_run_is_not_looked_at_again(browser: Browser, world: World) -> None:
    world.run("a")
    world.run("b", outcome="approved")
    assert "data-live" in browser.get("/runs/a").text
    assert "data-live" not in browser.get("/runs/b").text


def test_the_report_is_a_file_to_keep(browser: Browser, world: World) -> None:
    world.run("a", outcome="approved")
    answer = browser.get("/runs/a/report.html")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.html"'
    assert answer.text.startswith("<!doctype html>")


def test_an_unknown_run_is_a_page_that_says_so(browser: Browser) -> None:
    page = browser.get("/runs/none")
    assert page.status_code == 404
    assert "Stage dev has no run none." in page.text
    assert browser.get("/runs/none/live").json["error"] == "Stage dev has no run none."


@pytest.mark.parametrize(
    ("code", "status", "fix"),
    [
        ("AccessDeniedException", 403, "to the role you deploy with"),
        ("ThrottlingException", 503, "AWS limits the rate of calls"),
        ("InternalServerException", 502, "AWS refused"),
        ("ExpiredTokenException", 502, "Renew them"),
    ],
)
def test_what_aws_refuses_is_a_page_that_says_what_to_do(
    browser: Browser, world: World, code: Any, status: Any, fix: str
) -> None:
    world.run("a")
    for operation in ("list_executions", "get_execution_history"):
        world.denied(operation, code, "no")
    for path in ("/", "/runs/a"):
        page = browser.get(path)
        assert page.status_code == status
        assert fix in page.text
    live = browser.get("/runs/a/live")
    assert live.status_code == status
    assert fix in live.json["error"] + live.json["hint"]


def test_a_stage_that_is_not_deployed_is_no_page_that_does_not_exist(browser: Browser, world: World) -> None:
    world.exceptions.StateMachineDoesNotExist = ClientError  # type: ignore[attr-defined]
    world.denied("list_executions", "StateMachineDoesNotExist")
    page = browser.get("/")
    assert page.status_code == 502
    assert "Stage dev is not deployed here" in page.text


def test_what_others_wrote_is_text_and_never_markup(browser: Browser, world: World) -> None:
    world.run("a", SCRIPT, reason=f"{SCRIPT} said no", outcome="rejected")
    world.run("b", SCRIPT)
    paths = ("/", "/live", "/runs/a", "/runs/a/live", "/runs/a/report.html", "/runs/b")
    pages = [browser.get(path) for path in paths]
    pages.append(browser.get("/", query_string={"story": SCRIPT, "outcome": SCRIPT}))
    world.denied("list_executions", message=SCRIPT)
    pages += [browser.get("/"), browser.get(f"/runs/{SCRIPT.replace('/', '')}")]
    for page in pages:
        text = (page.json["html"] if page.is_json else page.text).lower()
        assert "alert(1)" in text
        assert "<script>alert" not in text
