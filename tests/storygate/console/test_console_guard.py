"""Only this machine's browser, on the console's own pages, with the key, is let in; and no page holds a secret."""

import re
from typing import Any

import pytest

from storygate.stage.context import Context
from tests.storygate.console.conftest import CALLBACK_SECRET, HOME, TASK_TOKEN, Browser, World

OWN = {"Origin": HOME["base_url"], "Sec-Fetch-Site": "same-origin"}


def post(browser: Browser, headers: Any = OWN, **fields: Any) -> Any:
    return browser.client.post("/runs/a/cancel", data=fields, headers=headers, **HOME)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8010", "127.0.0.1", "127.0.0.1:9", "127.0.0.2:8010"])
def test_a_request_for_another_host_is_refused_so_that_no_name_can_be_rebound_to_us(
    browser: Browser, world: World, host: Any
) -> None:
    world.run("a")
    for path in ("/", "/runs/a", "/runs/a/live", "/static/console.js"):
        assert browser.get(path, base_url=f"http://{host}").status_code == 403
    assert not world.calls


def test_localhost_is_this_machine_too(browser: Browser) -> None:
    assert browser.get("/", base_url="http://localhost:8010").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:9000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        OWN | {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_an_action_from_another_page_is_refused_even_with_the_right_token(
    browser: Browser, world: World, headers: Any
) -> None:
    world.run("a")
    assert post(browser, headers, csrf=browser.token("a")).status_code == 403
    assert not world.calls["stop_execution"]


@pytest.mark.parametrize("fields", [{}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": "\N{SNOWMAN}"}])
def test_an_action_without_the_token_is_refused(browser: Browser, world: World, fields: Any) -> None:
    world.run("a")
    assert post(browser, **fields).status_code == 403
    assert not world.calls["stop_execution"]


def test_the_token_of_another_start_is_refused(browser: Browser, context: Context, world: World) -> None:
    world.run("a")
    assert post(browser, csrf=Browser(context).token("a")).status_code == 403


@pytest.mark.parametrize("headers", [OWN, {"Origin": HOME["base_url"]}, {"Sec-Fetch-Site": "same-origin"}])
def test_an_action_from_our_own_page_is_taken(browser: Browser, world: World, headers: Any) -> None:
    world.run("a")
    assert post(browser, headers, csrf=browser.token("a")).status_code == 303
    assert world.runs["a"]["status"] == "ABORTED"


def test_nothing_is_done_by_a_get(browser: Browser, world: World) -> None:
    world.run("a")
    for action in ("approve", "reject", "retry", "cancel"):
        assert browser.get(f"/runs/a/{action}").status_code == 405


def test_without_the_key_every_request_is_refused_and_a_browser_needs_it_only_once(
    context: Context, world: World
) -> None:
    world.run("a")
    browser = Browser(context, key="the-key")
    for path in ("/", "/?key=wrong", "/live", "/runs/a", "/runs/a/report.html"):
        assert browser.get(path).status_code == 403
    assert not world.calls
    entered = browser.get("/?key=the-key")
    assert entered.status_code == 200
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "the-key" not in cookie + entered.text
    assert browser.get("/runs/a").status_code == 200


def test_the_cookie_is_for_the_consoles_own_path_alone_so_that_no_other_port_receives_it(context: Context) -> None:
    browser = Browser(context, key="the-key", root="/Xk3f")
    inside = f"{HOME['base_url']}/Xk3f"
    entered = browser.client.get("/?key=the-key&story=A-1", base_url=inside, headers={"Sec-Fetch-Site": "none"})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/Xk3f/?story=A-1")
    assert "Path=/Xk3f/;" in entered.headers["Set-Cookie"]
    assert browser.client.get("/", base_url=inside).status_code == 200
    links = re.findall(r'(?:href|src|action|data-live)="([^"]+)"', browser.client.get("/", base_url=inside).text)
    assert links
    assert all(link.startswith(("/Xk3f/", "#")) for link in links)


def test_without_a_key_the_cookie_is_for_the_pages_of_runs_alone(browser: Browser, world: World) -> None:
    world.run("a")
    answer = post(browser, csrf=browser.token("a"))
    assert "Path=/runs/;" in answer.headers["Set-Cookie"] + ";"
    assert "a is cancelled" in browser.get(answer.headers["Location"]).text


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_client_whose_cookie_would_not_come_back_gets_its_page_at_once(context: Context, headers: Any) -> None:
    assert Browser(context, key="the-key").get("/?key=the-key", headers=headers).status_code == 200


def test_every_answer_forbids_foreign_scripts_frames_and_caches(browser: Browser, world: World) -> None:
    world.run("a")
    for path in ("/", "/runs/a", "/runs/a/live", "/runs/a/report.html", "/runs/none", "/static/console.js"):
        headers = browser.get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["form-action"] == "'self'"
        assert "unsafe" not in policy["style-src"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_no_page_holds_a_task_token_or_the_callbacks_secret(browser: Browser, world: World) -> None:
    world.run("a")
    world.run("b", outcome="rejected")
    pages = [browser.get(path).text for path in ("/", "/live", "/?story=PROJ-1")]
    pages += [browser.get(f"/runs/{name}{rest}").text for name in "ab" for rest in ("", "/live", "/report.html")]
    assert all("PROJ-1" in page for page in pages)
    assert not any(TASK_TOKEN in page or CALLBACK_SECRET in page for page in pages)
