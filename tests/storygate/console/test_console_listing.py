"""However many runs there are, a page costs a bounded number of calls, and says how far it has looked."""

import html
import re
from typing import Any

import pytest

from storygate.console.listing import ROWS, SEARCHED, Listing
from storygate.stage.context import Context
from storygate.support.own_command import command_line
from tests.storygate.console.conftest import Browser, World


def rows(page: Any) -> Any:
    return re.findall(r'id="row-([^"]+)"', page.text)


def link(page: Any, words: Any) -> Any:
    """Where a link with these words leads; None if there is none."""
    found = re.search(rf'<a href="([^"]+)"[^>]*>{words}</a>', page.text)
    return found and html.unescape(found.group(1))


@pytest.fixture
def thousands(world: World) -> Any:
    """5,000 runs, each tenth of them refused; two hundred of one story far back."""
    for number in range(5000):
        story = "FAR-1" if 1000 <= number < 1200 else f"PROJ-{number}"
        world.run(f"run-{number}", story, "rejected" if number % 10 == 9 else "approved")
    return world


def test_a_page_of_thousands_of_runs_costs_one_listing_and_a_look_at_each_row_shown(
    browser: Browser, thousands: Any
) -> None:
    page = browser.get("/")
    assert rows(page) == [f"run-{number}" for number in range(ROWS)]
    assert thousands.calls == {"list_executions": 1, "get_object": ROWS}
    browser.get("/live")
    assert thousands.calls == {"list_executions": 2, "get_object": ROWS}, "what ended is remembered"


def test_the_next_page_goes_on_where_this_one_ended(browser: Browser, thousands: Any) -> None:
    page = browser.get("/")
    seen = rows(page)
    for _ in range(3):
        page = browser.get(link(page, "Older runs"))
        seen += rows(page)
    assert seen == [f"run-{number}" for number in range(4 * ROWS)]
    assert rows(browser.get(link(page, "Newest"))) == seen[:ROWS]
    assert thousands.calls["list_executions"] == 5


def test_a_search_stops_at_its_bound_says_so_and_can_be_gone_on_with(browser: Browser, thousands: Any) -> None:
    page = browser.get("/?story=far-1")
    assert rows(page) == []
    assert f"Searched the newest {SEARCHED} runs; there are older ones." in page.text
    assert thousands.calls["list_executions"] == SEARCHED // ROWS
    assert sum(thousands.calls.values()) <= SEARCHED + SEARCHED // ROWS + 1
    for _ in range(4):
        page = browser.get(link(page, "Search older runs"))
    assert rows(page) == []
    page = browser.get(link(page, "Search older runs"))
    assert rows(page) == [f"run-{number}" for number in range(1000, 1025)]
    assert "Searched the next 25 runs; there are older ones." in page.text


def test_an_outcome_that_step_functions_knows_is_not_searched_for(browser: Browser, thousands: Any) -> None:
    thousands.run("stopped", outcome="cancelled")
    assert rows(browser.get("/?outcome=cancelled")) == ["stopped"]
    assert thousands.calls["list_executions"] == 1


def test_an_outcome_that_it_does_not_know_is_found_among_the_failed(browser: Browser, thousands: Any) -> None:
    thousands.run("broken", outcome="States.Runtime")
    assert rows(browser.get("/?outcome=rejected")) == [f"run-{number}" for number in range(9, 259, 10)]
    page = browser.get("/?outcome=error")
    assert "Search older runs" in page.text


def test_those_that_wait_for_a_story_are_found_at_once_however_far_back(browser: Browser, thousands: Any) -> None:
    thousands.run("patient", "FAR-1")
    thousands.run("other", "FAR-2")
    assert rows(browser.get("/?story=FAR-1")) == ["patient"]
    thousands.calls.clear()
    assert rows(browser.get("/?story=%20far-1%20&outcome=waiting")) == ["patient"]
    assert thousands.calls == {"query": 1, "describe_execution": 1, "batch_get_item": 1}


def test_a_story_for_which_many_wait_is_cut_off_and_says_so(browser: Browser, world: World) -> None:
    for number in range(ROWS + 5):
        world.run(f"run-{number}")
    page = browser.get("/?story=PROJ-1&outcome=waiting")
    assert len(rows(page)) == ROWS
    assert "More runs wait for PROJ-1 than are shown here." in page.text


def test_each_outcome_has_its_filter_and_each_run_matches_its_own(context: Context, world: World) -> None:
    world.run("waits")
    world.run("goes")
    world.waiting.discard(("PROJ-1", "goes"))
    ends = ("approved", "rejected", "timed_out", "api_failed", "invalid_input", "cancelled", "error")
    for outcome in ends:
        world.run(outcome, outcome=outcome)
    listing = Listing(context)

    def found(outcome: str) -> Any:
        return [row["execution"] for row in listing.page(outcome).rows]

    assert (found("waiting"), found("running"), found("ended")) == (["waits"], ["goes"], list(ends))
    assert {outcome: found(outcome) for outcome in ends} == {outcome: [outcome] for outcome in ends}
    assert found("") == ["waits", "goes", *ends]


def test_an_entry_that_outlived_its_run_is_not_shown(browser: Browser, world: World) -> None:
    world.waiting.add(("PROJ-1", "forgotten"))
    world.run("over", outcome="cancelled")
    world.waiting.add(("PROJ-1", "over"))
    assert rows(browser.get("/?story=PROJ-1&outcome=waiting")) == []


def test_a_spoilt_result_hides_no_other_run(browser: Browser, world: World) -> None:
    world.run("a", outcome="rejected", result=b"[]")
    world.run("b", outcome="approved")
    assert rows(browser.get("/")) == ["a", "b"]


def test_a_page_that_has_expired_says_how_to_begin_again(browser: Browser, world: World) -> None:
    world.run("a")
    page = browser.get("/?next=expired")
    assert page.status_code == 404
    assert "Begin again with the newest runs." in page.text


def test_a_stage_without_runs_shows_the_command_that_starts_one(browser: Browser) -> None:
    assert html.escape(command_line("start FILE --stage dev")) in browser.get("/").text
