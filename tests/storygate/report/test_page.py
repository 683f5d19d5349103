"""The page of a run: complete without a network, safe with foreign text, and accessible."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from storygate.report.page import CSS, body, page, words
from tests.storygate.report.histories import BEARER, DRAWING, RUNS, TOKEN, Run, seen
from tests.storygate.report.markup import Element, parse

MARKUP = '<script>alert(1)</script><img src=x onerror="a">&amp;'
each_run = pytest.mark.parametrize("outcome", RUNS)


def document(events: list[dict[str, Any]]) -> Element:
    return parse(page(seen(events), DRAWING))


@pytest.fixture(scope="module")
def pages() -> dict[str, Element]:
    return {outcome: document(events) for outcome, events in RUNS.items()}


@each_run
def test_nothing_is_loaded_from_anywhere_and_nothing_runs(pages: dict[str, Element], outcome: str) -> None:
    root = pages[outcome]
    assert list(root.all("script", "iframe", "object", "embed", "base", "form")) == []
    for element in root.all():
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                assert value.startswith(("data:", "#")), value
    links = re.findall(r"url\(([^)]*)\)|@import", page(seen(RUNS[outcome]), DRAWING))
    assert all(link.strip("\"'").startswith(("#", "data:")) for link in links)
    policy = root.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


@each_run
def test_the_outcome_is_in_words_in_title_and_header(pages: dict[str, Element], outcome: str) -> None:
    root = pages[outcome]
    called = {"api_failed": "API failed"}.get(outcome, outcome.replace("_", " ").capitalize())
    assert root.one("head").one("title").text.startswith(f"{called}: ")
    header = next(root.one("article").all("header"))
    assert called in header.text
    assert root.one("h1").text == ("No story" if outcome == "invalid_input" else "PROJ-1")


@each_run
def test_the_page_is_sound_for_a_screen_reader(pages: dict[str, Element], outcome: str) -> None:
    root = pages[outcome]
    assert root.one("html").attributes["lang"] == "en"
    assert len(list(root.all("main"))) == 1
    levels = [int(heading.tag[1]) for heading in root.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    ids = [element.attributes["id"] for element in root.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in root.all():
        assert set(element.attributes.get("aria-labelledby", "").split()) <= set(ids)
        if element.attributes.get("tabindex") == "0":
            assert {"aria-label", "aria-labelledby"} & element.attributes.keys(), "what is focused has a name"
    for table in root.all("table"):
        assert all(header.attributes.get("scope") in ("col", "row") for header in table.all("th"))
        columns = len(list(next(table.all("tr")).all("th")))
        assert all(len(list(row.all("th", "td"))) == columns for row in table.all("tr"))
    for drawing in root.one("article").all("svg"):
        assert drawing.attributes.get("aria-hidden") == "true" or drawing.attributes.get("role") == "img"


def test_the_graph_of_the_machine_that_ran_marks_each_state_with_its_phase() -> None:
    root = parse(body(seen(RUNS["api_failed"]), DRAWING))
    marked = {
        group.attributes["data-state"]: group.attributes["data-phase"]
        for group in root.all("g")
        if "data-state" in group.attributes
    }
    assert marked["CallValidation"] == "failed"
    assert marked["CallDeployment"] == "done"
    assert marked["WaitForStory"] == "not reached"


@each_run
def test_neither_the_token_nor_a_header_is_in_the_page(outcome: str) -> None:
    text = page(seen(RUNS[outcome]), DRAWING)
    assert TOKEN not in text
    assert BEARER not in text
    assert "Bearer" not in text


def test_text_of_others_is_text_and_never_markup() -> None:
    request = {"jiraStoryId": MARKUP, "packageIds": [MARKUP], "metadata": {MARKUP: MARKUP}, MARKUP: 1}
    verdict = {"decision": "rejected", "actor": MARKUP, "message": MARKUP, "status": MARKUP}
    run = Run(request).apis(response={"status": MARKUP, MARKUP: MARKUP}).wait().resume(1, verdict)
    root = document(run.end("rejected", MARKUP).events)
    assert list(root.all("script", "img")) == []
    assert root.text.count("alert(1)") > 8, "all of it can be read"


def test_times_are_absolute_and_spans_are_in_words(pages: dict[str, Element]) -> None:
    header = next(pages["approved"].one("article").all("header"))
    absolute = {time.attributes["datetime"]: time.text for time in header.all("time")}
    assert absolute["2026-01-31T12:00:00.010Z"] == "31 Jan 2026, 12:00:00 UTC"
    assert "30 minutes" in header.text
    assert [words(seconds) for seconds in (0, 0.24, 1, 4.21, 61, 3600, 90_000, 86_405, 604_800)] == [
        "0 milliseconds",
        "240 milliseconds",
        "1.0 seconds",
        "4.2 seconds",
        "1 minute 1 second",
        "1 hour",
        "1 day 1 hour",
        "1 day",
        "7 days",
    ]


def test_the_decision_says_who_what_and_when_or_why_there_is_none(pages: dict[str, Element]) -> None:
    decision = section(pages["approved"], "decision").text
    for words_ in ("Ada Marlow", "status Done", "31 Jan 2026, 12:30:00 UTC", "1.5 seconds later"):
        assert words_ in decision
    assert "None yet. The run has waited since" in section(pages["waiting"], "decision").text
    assert "PROJ-1 was neither approved nor rejected" in section(pages["timed_out"], "decision").text
    assert "before it waited" in section(pages["api_failed"], "decision").text


def test_each_api_shows_its_answer_and_a_run_without_calls_says_so(pages: dict[str, Element]) -> None:
    failed = section(pages["api_failed"], "api-validation")
    assert "Failed HTTP 200 Attempts 1" in failed.text
    assert "the answer does not say so" in failed.text
    assert json.loads(failed.one("pre").text) == {"status": "failed"}
    assert section(pages["invalid_input"], "apis").text.endswith("No API was called.")


def test_large_contents_are_folded_away_and_small_ones_are_open() -> None:
    request = {"jiraStoryId": "P-1", "packageIds": [f"pkg-{n}" for n in range(100)], "metadata": {"note": "x" * 30_000}}
    root = document(Run(request).apis(response={"status": "success", "more": "y" * 16_000}).events)
    folded = {details.attributes["id"]: "open" not in details.attributes for details in root.all("details")}
    assert folded == {
        "response-validation": True,
        "response-deployment": True,
        "response-notification": True,
        "more-packages": True,
        "request-json": True,
    }
    assert len(list(section(root, "request").all("li"))) == 100
    assert not any(details.attributes.get("open") is None for details in document(RUNS["approved"]).all("details"))


def test_the_body_of_the_page_is_one_article_for_the_console() -> None:
    root = parse(body(seen(RUNS["waiting"]), DRAWING))
    (article,) = (element for element in root.inside if isinstance(element, Element))
    assert article.tag == "article"
    assert article.attributes["data-outcome"] == "waiting"
    assert not [element for element in article.all() if "style" in element.attributes], "a strict CSP refuses them"


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_texts_have_the_contrast_of_wcag_aa(scheme: str) -> None:
    start = {"light": ":root", "dark": "(prefers-color-scheme: dark)", "print": "@media print"}[scheme]
    colours = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})", CSS[CSS.index(start) :].partition("}")[0]))
    assert len(colours) == 14
    grounds = [colours.pop(name) for name in ("ground", "card", "code")]
    del colours["line"]
    for name, colour in colours.items():
        for ground in grounds:
            assert contrast(colour, ground) >= 4.5, (name, colour, ground)


def section(root: Element, name: str) -> Element:
    return root.one("section", **{"aria-labelledby": name})


def contrast(one: str, other: str) -> float:
    """WCAG 2.1's contrast ratio of two colours."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
