"""The drawing of the workflow: its words, its contrast in both themes, other versions, and foreign markup in it."""

import json
import re
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from storygate.report.coordinates import DRAWING as DRAWING_FILE
from storygate.report.coordinates import read_drawing, states
from storygate.report.graph import NOT_DRAWN, PALETTE, PHASES, SIGNS, Mark, describe, svg
from storygate.support.errors import OperatorError
from tests.storygate.report.histories import DEFINITION, DRAWING

SVG = "{http://www.w3.org/2000/svg}"


def small(*names: str) -> dict[str, Any]:
    """A workflow of other states than ours."""
    last = {names[-1]: {"Type": "Succeed"}}
    ways = {name: {"Type": "Pass", "Next": target} for name, target in pairwise(names)}
    return {"StartAt": names[0], "States": ways | last}


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)  # noqa: S314 our own


def states_of(drawing: str) -> dict[str, ElementTree.Element]:
    return {group.attrib["data-state"]: group for group in parsed(drawing).iter() if "data-state" in group.attrib}


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(colour: str) -> float:
        shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_and_lines_meet_wcag_aa_on_every_ground(theme: int) -> None:
    colours = {name: both[theme] for name, both in PALETTE.items()}
    grounds = ("ground", "group", "surface")
    words = ("text", "muted", *(phase.replace(" ", "-") for phase in PHASES))
    for word, ground in product(words, grounds):
        assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground)
    for line, ground in product(("border", "line"), grounds):
        assert contrast(colours[line], colours[ground]) >= 3, (line, ground)


def test_every_state_says_its_phase_by_word_sign_and_attribute() -> None:
    marks = {name: Mark(phase, "4.2 s") for name, phase in zip(DEFINITION["States"], PHASES, strict=False)}
    groups = states_of(svg(DRAWING, DEFINITION, marks))
    assert len(marks) == len(PHASES) == len(set(SIGNS.values()))
    for name, mark in marks.items():
        note = f"{mark.phase.capitalize()} · 4.2 s"
        assert groups[name].attrib["data-phase"] == mark.phase
        assert note in [text.text for text in groups[name].iter(f"{SVG}text")]
        assert SIGNS[mark.phase] in [path.attrib["d"] for path in groups[name].iter(f"{SVG}path")]
        assert groups[name].findtext(f"{SVG}title") == f"{name}: {note}"


def test_a_state_without_a_mark_was_not_reached_and_without_marks_there_are_no_phases() -> None:
    first, second, *_ = DEFINITION["States"]
    assert states_of(svg(DRAWING, DEFINITION, {first: Mark("done")}))[second].attrib["data-phase"] == "not reached"
    assert not [group for group in states_of(svg(DRAWING, DEFINITION)).values() if "data-phase" in group.attrib]


def test_the_workflow_is_drawn_with_all_its_states_and_described_in_words() -> None:
    first, second, *_ = DEFINITION["States"]
    marks = {first: Mark("done"), second: Mark("waiting", "2 h")}
    drawing = svg(DRAWING, DEFINITION, marks, title="approved-01")
    root = parsed(drawing)
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == "approved-01"
    assert root.findtext(f"{SVG}desc") == f"Done: {first}. Waiting: {second}."
    assert list(states_of(drawing)) == list(states(DEFINITION))
    assert "Not drawn" not in drawing


def test_the_words_for_the_workflow_say_where_each_state_leads() -> None:
    words = describe(DRAWING)
    assert words.startswith(f"Starts at {DEFINITION['StartAt']}. ")
    for edge in DRAWING.edges:
        if edge.source and edge.target:
            label = f" ({edge.label.text})" if edge.label else ""
            sentence = words[words.index(f"{edge.source} leads to ") :].partition(". ")[0]
            assert edge.target + label in sentence
    assert describe(DRAWING, {}) == "No state was reached."


def older(definition: dict[str, Any]) -> dict[str, Any]:
    """The workflow with its first state under another name."""
    changed: dict[str, Any] = json.loads(json.dumps(definition).replace(f'"{definition["StartAt"]}"', '"Formerly"'))
    return changed


def test_of_another_version_the_states_with_the_same_names_are_drawn_and_the_others_listed() -> None:
    first, second, *_ = DEFINITION["States"]
    marks = {"Formerly": Mark("retried", "3 attempts, 4.2 s"), second: Mark("done")}
    drawing = svg(DRAWING, older(DEFINITION), marks)
    groups = states_of(drawing)
    assert set(groups) == {*states(DEFINITION), "Formerly"} - {first}
    assert groups["Formerly"].attrib["data-phase"] == "retried"
    assert groups["Formerly"].findtext(f"{SVG}text") == "Formerly: Retried · 3 attempts, 4.2 s"
    assert f"Retried: Formerly. {NOT_DRAWN}: Formerly." in str(parsed(drawing).findtext(f"{SVG}desc"))
    left, top, width, height = map(float, parsed(drawing).attrib["viewBox"].split())
    assert (left, width, top + height) == (0, DRAWING.width, DRAWING.height)
    assert top < 0, "the list has a place of its own above the drawing"


def test_an_arrow_that_this_version_does_not_have_is_not_drawn() -> None:
    without = json.loads(json.dumps(DEFINITION))
    name, state = next((name, state) for name, state in without["States"].items() if "Catch" in state)
    del state["Catch"]
    shown = DRAWING.part(without).edges
    assert set(DRAWING.edges) - set(shown) == {
        edge for edge in DRAWING.edges if (edge.way, edge.source) == ("catch", name)
    }


@pytest.mark.parametrize("definition", [small("A", "B"), {}])
def test_a_workflow_that_shares_no_state_is_a_list_and_no_error(definition: dict[str, Any]) -> None:
    drawing = svg(DRAWING, definition, {"A": Mark("done", "3 ms")})
    assert list(states_of(drawing)) == list(definition.get("States", ()))
    assert float(parsed(drawing).attrib["height"]) < 100
    assert not [path for path in parsed(drawing).iter(f"{SVG}path") if "line" in path.attrib.get("class", "")]


def test_a_map_of_another_version_has_its_states_listed() -> None:
    each = {"Type": "Map", "ItemProcessor": small("A", "B"), "End": True}
    assert list(states_of(svg(DRAWING, {"StartAt": "Each", "States": {"Each": each}}))) == ["Each", "A", "B"]


def test_a_name_that_is_markup_stays_text() -> None:
    names = ("<script>alert(1)</script>", "' onload='alert(1)", '"&\x00\ud800', "日本語の状態名")
    drawing = svg(DRAWING, small(*names), {names[0]: Mark("failed", "<b>")}, title="</title><script>")
    root = parsed(drawing)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "g", "rect", "path", "text")
    }
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    assert names[0] in states_of(drawing)
    assert names[3] in states_of(drawing)


def test_a_drawing_that_is_missing_or_broken_is_an_error_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / DRAWING_FILE).parent.mkdir()
    for text in (None, "", "[]", '{"boxes": [], "edges": [], "more": 1}'):
        if text is not None:
            (tmp_path / DRAWING_FILE).write_text(text)
        with pytest.raises(OperatorError, match=r"drawing\.json cannot be read") as raised:
            read_drawing(tmp_path)
        assert "make drawing" in raised.value.hint


def test_nothing_is_fetched_and_nothing_runs() -> None:
    for definition in (DEFINITION, older(DEFINITION)):
        drawing = svg(DRAWING, definition, {})
        assert set(re.findall(r"\w+://[^\s'\"<]+", drawing)) == {"http://www.w3.org/2000/svg"}
        assert not re.search(r"<script|@import|url\(|href|<image|<foreignObject", drawing)


def test_a_page_may_bring_its_own_colours() -> None:
    drawing = svg(DRAWING, DEFINITION)
    assert all(f"var(--graph-{name},{light})" in drawing for name, (light, _) in PALETTE.items())
