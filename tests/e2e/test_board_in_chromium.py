"""The board in a real browser: a waiting run's link, the story moved by keyboard and mouse, the run seen to go on.

Set STORYGATE_SCREENSHOTS to a directory to keep a picture of each step.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from storygate.console.serving import console, reserved
from tests.e2e.conftest import SECONDS, Local
from tests.e2e.test_jira import sweep, waiting
from tools.pictures import CHROMIUM, chromium

expect.set_options(timeout=SECONDS * 1000)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt-get install chromium)")
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
AA = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def tabs(browser: Any) -> Iterator[Any]:
    """Opens tabs; no script, style or request may have been refused."""
    troubles = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(SECONDS * 1000)

    def tab(url: str) -> Any:
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.goto(url)
        return page

    yield tab
    context.close()
    assert troubles == []


@pytest.fixture
def picture(tmp_path: Path) -> Any:
    directory = Path(os.environ.get("STORYGATE_SCREENSHOTS", tmp_path))
    directory.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=directory / f"board-{name}.png")


def test_a_story_is_moved_to_done_and_the_run_is_seen_to_go_on(local: Local, tabs: Any, picture: Any) -> None:
    run = waiting(local, "PROJ-710").arn.rpartition(":")[2]
    assert sweep(local)["errors"] == []
    board = tabs(f"{local.jira.url}/browse/PROJ-710")
    card = board.locator("#story-PROJ-710")
    expect(card.get_by_role("link", name="Deployment waits for this story")).to_be_visible()
    expect(card).to_contain_text("pkg-001; production")
    picture(board, "1-waiting")
    with reserved(0, "--port") as listener, console(local.context, listener, locked=False) as address:
        watched = tabs(f"{address}/runs/{run}")
        expect(watched.locator("#live > article")).to_have_attribute("data-outcome", "waiting")
        board.get_by_label("Acting as").select_option("Noor Haddad")
        status = card.get_by_label("Status of PROJ-710")
        status.focus()
        board.keyboard.type("Done")
        board.keyboard.press("Tab")
        expect(board.get_by_role("region", name="Done").locator("#story-PROJ-710")).to_be_visible()
        expect(watched.locator("#live > article")).to_have_attribute("data-outcome", "approved")
        expect(watched.locator("#live")).to_contain_text("Noor Haddad")
        picture(watched, "2-console")
    expect(card.get_by_role("link", name="Deployment approved")).to_be_visible()
    expect(card).to_contain_text("PROJ-710 was approved by Noor Haddad: status Done, resolution Done.")
    expect(board.locator("#deliveries li").first).to_contain_text("200")
    picture(board, "3-told")


@pytest.fixture
def webhooks(local: Local) -> Iterator[Any]:
    """The stage's webhooks, which a test may switch off."""
    yield local.jira.deliveries
    local.jira.deliveries.enabled = True


def test_a_card_is_dragged_and_webhooks_are_switched(local: Local, webhooks: Any, tabs: Any, picture: Any) -> None:
    board = tabs(local.jira.url)
    board.get_by_label("Story", exact=True).fill("proj-711")
    board.keyboard.press("Enter")
    card = board.locator("#story-PROJ-711.chosen")
    expect(card).to_be_visible()
    card.drag_to(board.get_by_role("region", name="In Review"))
    expect(board.get_by_role("region", name="In Review").locator("#story-PROJ-711")).to_be_visible()
    board.get_by_role("switch", name="Webhooks are sent").uncheck()
    expect(board.locator("#said")).to_have_text("Webhooks are lost.")
    assert webhooks.enabled is False
    board.get_by_role("switch", name="Webhooks are sent").check()
    expect(board.locator("#said")).to_have_text("Webhooks are sent.")
    picture(board, "4-moved")


def test_the_board_is_accessible_in_light_and_dark_and_fits_a_narrow_screen(local: Local, browser: Any) -> None:
    found = {}
    context = browser.new_context(bypass_csp=True)  # axe-core is put into the page
    page = context.new_page()
    page.goto(f"{local.jira.url}/browse/PROJ-710")
    expect(page.locator("#story-PROJ-710")).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme, options in (("light", AA), ("dark", CONTRAST)):  # nothing else depends on the scheme
        page.emulate_media(color_scheme=scheme)
        answer = Axe().run(page, options=options).response
        assert answer["passes"]
        found.update({(scheme, one["id"]): one["nodes"][0]["html"] for one in answer["violations"]})
    context.close()
    assert found == {}
