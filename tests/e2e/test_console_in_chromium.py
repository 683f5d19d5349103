"""The console in a real browser: a run is seen to wait, approved by keyboard alone, and seen to end, live.

Set STORYGATE_SCREENSHOTS to a directory to keep a picture of each step.
"""

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from storygate.console.serving import console, reserved
from storygate.runs.executions import Runs
from storygate.runs.history import History, follow
from storygate.runs.inputs import drop
from storygate.stage.context import Context
from storygate.support.patience import Patience
from tests.e2e.conftest import SECONDS, Local
from tools.pictures import CHROMIUM, chromium

expect.set_options(timeout=SECONDS * 1000)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt-get install chromium)")

CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
AA = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}


@pytest.fixture(scope="module")
def context(local: Local) -> Any:
    return local.context


@pytest.fixture(scope="module")
def address(context: Context) -> Iterator[Any]:
    with reserved(0, "--port") as listener, console(context, listener, locked=True) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def tabs(browser: Any, address: Any) -> Iterator[Any]:
    """Opens tabs of one browser that has entered with the key; no script, style or request may have been refused."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(SECONDS * 1000)
    troubles = []

    def tab(path: str = "/") -> Any:
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.goto(address if path == "/" else address.partition("/?")[0] + path)
        return page

    yield tab
    context.close()
    assert troubles == []


@pytest.fixture
def picture(tmp_path: Path) -> Any:
    directory = Path(os.environ.get("STORYGATE_SCREENSHOTS", tmp_path))
    directory.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=directory / f"{name}.png")


def waiting_run(context: Context, story: str) -> Any:
    """A run that waits for its story."""
    request = {"jiraStoryId": story, "packageIds": ["pkg-001"], "metadata": {"environment": "production"}}
    name = drop(
        context.client("s3"), context.stage.bucket, f"{story.lower()}.json", json.dumps(request).encode()
    ).execution
    history = History(context.client("stepfunctions"), Runs(context).arn(name))
    assert follow(history, Patience(SECONDS), lambda _: None, until=lambda: history.waiting_since is not None)
    return name


def test_a_run_is_seen_to_wait_approved_by_keyboard_and_seen_to_end(context: Context, tabs: Any, picture: Any) -> None:
    name = waiting_run(context, "PROJ-900")
    page = tabs()
    assert "key=" not in page.url
    row = page.get_by_role("row", name=re.compile(name))
    expect(row).to_contain_text("Waiting")
    picture(page, "1-runs")

    row.get_by_role("link", name=name).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("PROJ-900")
    watching = tabs(f"/runs/{name}")
    watching.locator("summary", has_text="Request as JSON").click()
    folded = watching.locator("details").evaluate_all("all => all.map(one => one.open)")
    watched = watching.locator("#live > article")
    expect(watched).to_have_attribute("data-outcome", "waiting")
    picture(page, "2-waiting")

    approve, dialog = page.get_by_role("button", name="Approve…"), page.get_by_role("dialog", name="Approve PROJ-900?")
    approve.focus()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text(name)
    expect(dialog.get_by_role("button", name="Back")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(approve).to_be_focused()
    page.keyboard.press("Enter")
    picture(page, "3-confirm")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Approve PROJ-900")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="PROJ-900 is approved.")).to_be_focused()
    expect(page.locator("#live > article")).to_have_attribute("data-outcome", "approved")
    expect(page.get_by_role("button", name="Retry…")).to_be_visible()
    picture(page, "4-ended")
    # The other tab was not touched: it has heard of the end by itself, and left the reader where they were.
    expect(watched).to_have_attribute("data-outcome", "approved")
    expect(watching.locator("#said")).to_contain_text("Approved")
    expect(watching).to_have_title(re.compile("^Approved"))
    assert watching.locator("details").evaluate_all("all => all.map(one => one.open)")[: len(folded)] == folded
    assert watching.evaluate("document.activeElement.tagName") == "SUMMARY"
    picture(watching, "5-live")


def test_another_port_gets_neither_cookie_nor_key_and_the_back_button_does_not_bring_the_key_back(
    browser: Any, address: Any
) -> None:
    received: list[Any] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    context = browser.new_context()
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        page.goto(address)
        home = page.url
        assert page.evaluate("history.length") == 2, "the blank page and this one"
        other = f"http://127.0.0.1:{server.server_address[1]}/"
        page.evaluate("url => location.assign(url)", other)
        page.wait_for_url(other)
        page.go_back()
        page.wait_for_url(home)
        server.shutdown()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    context.close()
    key = parse_qs(urlsplit(address).query)["key"][0]
    assert key not in home
    assert received
    for path, headers in received:
        assert "Cookie" not in headers
        assert key not in f"{path} {headers}"
        assert urlsplit(home).path not in str(headers)


@pytest.fixture
def audited(browser: Any, address: Any) -> Iterator[Any]:
    """A page that axe-core may be put into, which the console's own policy rightly forbids."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def test_every_page_is_accessible_in_light_and_dark_and_fits_a_narrow_screen(
    context: Context, address: Any, audited: Any, picture: Any
) -> None:
    home, name = address.partition("/?")[0], waiting_run(context, "PROJ-901")
    found = {}

    def audit(what: Any) -> None:
        for scheme, options in (("light", AA), ("dark", CONTRAST)):  # nothing else depends on the scheme
            audited.emulate_media(color_scheme=scheme)
            answer = Axe().run(audited, options=options).response
            assert answer["passes"], what
            found.update({(what, scheme, one["id"]): one["nodes"][0]["html"] for one in answer["violations"]})
        for width in (390, 320):
            audited.set_viewport_size({"width": width, "height": 640})
            assert audited.evaluate("document.documentElement.scrollWidth") <= width, what
        picture(audited, f"narrow-{what}")
        if what in ("run", "dialog"):  # other pages are the same at any width, but for their line breaks
            answer = Axe().run(audited, options=AA).response
            found.update({(what, "narrow", one["id"]): one["nodes"][0]["html"] for one in answer["violations"]})
        audited.set_viewport_size({"width": 1280, "height": 800})

    audit("runs")
    audited.goto(f"{home}/runs/{name}")
    audit("run")
    audited.get_by_role("button", name="Approve…").click()
    audit("dialog")
    Runs(context).stop(name, "the test has seen it wait")
    audited.goto(f"{home}/runs/{name}")
    expect(audited.locator("#live > article")).to_have_attribute("data-outcome", "cancelled")
    audit("ended")
    audited.goto(f"{home}/runs/none")
    audit("unknown")
    assert found == {}


def test_on_a_phone_the_decision_is_in_reach_and_the_graph_opens_at_the_current_state(
    context: Context, address: Any, audited: Any, picture: Any
) -> None:
    audited.set_viewport_size({"width": 390, "height": 844})
    audited.goto(f"{address.partition('/?')[0]}/runs/{waiting_run(context, 'PROJ-902')}")
    for action in ("Reject…", "Approve…"):
        expect(audited.get_by_role("button", name=action)).to_be_in_viewport(ratio=1)
    current = audited.locator(".graph [data-phase=waiting]")
    audited.locator("#way").scroll_into_view_if_needed()
    frame, box = audited.locator(".graph").bounding_box(), current.bounding_box()
    assert frame["x"] <= box["x"]
    assert box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert frame["y"] <= box["y"]
    assert box["y"] + box["height"] <= frame["y"] + frame["height"]
    picture(audited, "phone-graph")
