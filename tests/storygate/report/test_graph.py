"""The drawing itself: what it says, in both themes, with any name, and that it carries nothing foreign."""

import re
from itertools import pairwise, product
from typing import Any
from xml.etree import ElementTree

import pytest

from storygate.report.graph import PALETTE, PHASES, SIGNS, Mark, describe, svg
from storygate.report.labels import caption, errors
from storygate.stage.definition import read_definition
from tests import ROOT

DEFINITION = read_definition(ROOT)
SVG = "{http://www.w3.org/2000/svg}"


def small(*names: str) -> dict[str, Any]:
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
def test_words_and_lines_meet_wcag_aa_on_whatever_they_stand(theme: int) -> None:
    colours = {name: both[theme] for name, both in PALETTE.items()}
    grounds = ("ground", "group", "surface")
    words = ("text", "muted", *(phase.replace(" ", "-") for phase in PHASES))
    for word, ground in product(words, grounds):
        assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground)
    for line, ground in product(("border", "line"), grounds):
        assert contrast(colours[line], colours[ground]) >= 3, (line, ground)


def test_every_state_says_its_phase_by_word_sign_and_attribute() -> None:
    names = [phase.title() for phase in PHASES]
    marks = {name: Mark(phase, "4.2 s") for name, phase in zip(names, PHASES, strict=True)}
    for name, group in states_of(svg(small(*names), marks)).items():
        phase = marks[name].phase
        assert group.attrib["data-phase"] == phase
        assert f"{phase.capitalize()} · 4.2 s" in [text.text for text in group.iter(f"{SVG}text")]
        assert SIGNS[phase] in [path.attrib["d"] for path in group.iter(f"{SVG}path")]
        assert group.findtext(f"{SVG}title") == f"{name}: {phase.capitalize()} · 4.2 s"
    assert len(set(SIGNS.values())) == len(PHASES)


def test_a_state_without_a_mark_was_not_reached_and_without_marks_there_are_no_phases() -> None:
    assert states_of(svg(small("A", "B"), {"A": Mark("done")}))["B"].attrib["data-phase"] == "not reached"
    assert "data-phase" not in states_of(svg(small("A", "B")))["B"].attrib


def test_our_workflow_is_drawn_with_all_its_states_and_told_in_words() -> None:
    drawing = svg(DEFINITION, {"FindInput": Mark("done"), "WaitForStory": Mark("waiting", "2 h")}, title="approved-01")
    root = parsed(drawing)
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == "approved-01"
    assert root.findtext(f"{SVG}desc") == "Done: FindInput. Waiting: WaitForStory."
    inner = [name for branch in DEFINITION["States"]["CallApis"]["Branches"] for name in branch["States"]]
    assert set(states_of(drawing)) == {*DEFINITION["States"], *inner}


def test_the_words_for_a_definition_tell_where_each_state_leads() -> None:
    definition = small("A", "B")
    definition["States"]["A"]["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]
    assert describe(definition) == "Starts at A. A leads to B, B (any error). B ends."
    assert describe(definition, {}) == "No state was reached."


def test_a_name_that_is_markup_stays_text() -> None:
    names = ("<script>alert(1)</script>", "' onload='alert(1)", '"&\x00\ud800', "日本語の状態名")
    drawing = svg(small(*names), {names[0]: Mark("failed", "<b>")}, title="</title><script>")
    root = parsed(drawing)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "g", "rect", "path", "text")
    }
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    assert names[0] in states_of(drawing)
    assert names[3] in states_of(drawing)


def test_nothing_is_fetched_and_nothing_runs() -> None:
    drawing = svg(DEFINITION, {})
    assert set(re.findall(r"\w+://[^\s'\"<]+", drawing)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script|@import|url\(|href|<image|<foreignObject", drawing)


def test_a_page_may_bring_its_own_colours() -> None:
    assert all(f"var(--graph-{name},{light})" in svg(small("A")) for name, (light, _) in PALETTE.items())


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject"}, ("s3:getObject",)),
        (
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": "${Ask}"},
            },
            ("lambda:invoke Ask", "waits for a callback"),
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2"},
            ("states:startExecution", "waits for its end"),
        ),
        ({"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:Pay"}, ("lambda Pay",)),
        ({"Type": "Task", "Resource": "${PayArn}"}, ("PayArn",)),
        ({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": "{% $x %}"}, ("lambda:invoke",)),
        ({"Type": "Wait", "Seconds": 0}, ("for 0 s",)),
        ({"Type": "Wait", "TimestampPath": "$.until"}, ("until $.until",)),
        (
            {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}},
            ("for each item, distributed",),
        ),
        ({"Type": "Parallel", "Branches": [{}]}, ("one branch",)),
        ({"Type": "Succeed"}, ()),
    ],
)
def test_a_state_says_what_it_calls(state: dict[str, Any], told: tuple[str, ...]) -> None:
    assert caption(state) == told


def test_errors_are_told_by_their_own_names() -> None:
    assert errors(["S3.NoSuchKeyException", "States.Timeout", "A"], alone=True) == "NoSuchKey, Timeout, …"
    assert [errors(["States.ALL"], alone=alone) for alone in (True, False)] == ["any error", "any other error"]
    assert errors(["Refused", "States.Timeout", "States.ALL"], alone=True) == "Refused, any other error"
