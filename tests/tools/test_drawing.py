"""The workflow's drawing in statemachine/: it fits the current definition, and nothing in it overlaps."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from typing import Any

import pytest

from storygate.report.coordinates import Box, Drawing, Edge, Label, drawing_from, inner_machines, read_drawing, states
from storygate.report.graph import ICON, NAME, SIDE, SMALL
from storygate.stage.definition import read_definition
from tests import ROOT
from tools.drawing.elk_graph import BOLD, approved_way, fingerprint, graph_of, text_width
from tools.drawing.labels import caption, errors, label
from tools.drawing.lay_out import ELKJS, as_text, layouts

DEFINITION: dict[str, Any] = read_definition(ROOT)
STALE = "statemachine/drawing.json is stale: run `make drawing` (needs Node) and commit what it writes"
PADDING = 8  # pixels between a container's border and its boxes, at least
Area = Box | Label


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return read_drawing(ROOT)


def test_the_coordinates_fit_the_current_workflow(drawing: Drawing) -> None:
    assert drawing.fingerprint == fingerprint(graph_of(DEFINITION)), STALE
    assert drawing.part(DEFINITION) == drawing
    assert drawing.states == set(states(DEFINITION))


@pytest.mark.skipif(
    not (shutil.which("node") and ELKJS.is_dir()), reason="Node or elkjs is not installed (`make drawing` installs it)"
)
def test_laying_it_out_again_gives_the_same_coordinates(drawing: Drawing) -> None:
    assert layouts(DEFINITION, [drawing.seed]) == [drawing], STALE


def test_what_is_written_is_read_back_the_same(drawing: Drawing) -> None:
    assert drawing_from(json.loads(as_text(drawing))) == drawing
    assert as_text(drawing) == (ROOT / "statemachine" / "drawing.json").read_text(encoding="utf-8")


def test_a_changed_state_arrow_or_word_makes_the_drawing_stale() -> None:
    digests = {fingerprint(graph_of(changed)) for changed in (DEFINITION, *changed_definitions())}
    assert len(digests) == 4


def changed_definitions() -> Iterator[dict[str, Any]]:
    """The workflow with a state of another name, with an arrow less, and with another service called."""
    text, first = json.dumps(DEFINITION), DEFINITION["StartAt"]
    yield json.loads(text.replace(f'"{first}"', '"AnotherName"'))
    without = json.loads(text)
    next(state for state in without["States"].values() if "Catch" in state)["Catch"].pop()
    yield without
    yield json.loads(text.replace("s3:getObject", "s3:headObject"))


def test_the_way_to_an_approval_leads_straight_down(drawing: Drawing) -> None:
    ends = {(edge.source, edge.target): edge for edge in drawing.edges if edge.way != "catch"}
    for step in pairwise(approved_way(DEFINITION)):
        assert len(ends[step].points) == 2, step


@pytest.mark.parametrize(
    "note", ["Retried · 6 attempts, 1 min 52 s", "Retried · 101 times, 3 h 12 min", "Done · 364 d 23 h", "Not reached"]
)
def test_every_state_has_room_for_its_note_name_and_caption(drawing: Drawing, note: str) -> None:
    for box in drawing.boxes:
        if box.kind == "state":
            texts = [text_width(note, SMALL) * BOLD, text_width(box.state, NAME) * BOLD]
            texts += [text_width(line, SMALL) for line in box.caption]
            assert SIDE + ICON + max(texts) <= box.width, box


def test_no_boxes_overlap_and_each_is_within_its_container(drawing: Drawing) -> None:
    canvas = Label("", 0, 0, drawing.width, drawing.height, before=False)
    for box in drawing.boxes:
        assert within(box, canvas)
        for kind in ("container", *(["branch"] if box.kind != "branch" else [])) if box.within else ():
            holders = [other for other in drawing.boxes if (other.kind, other.state) == (kind, box.within)]
            assert sum(within(box, holder, PADDING) for holder in holders) == 1, box
    for one, other in combinations(drawing.boxes, 2):
        assert (other.within and other.within in (one.state, one.within)) or not overlap(one, other), (one, other)
    for kind in ("branch", "state"):
        same = [box for box in drawing.boxes if box.kind == kind]
        assert not [pair for pair in combinations(same, 2) if overlap(*pair)]


def test_each_transition_is_an_arrow_from_state_to_state(drawing: Drawing) -> None:
    boxes = {box.state: box for box in drawing.boxes if box.kind in ("state", "container")}
    for edge in drawing.edges:
        (ax, ay), (bx, by) = edge.points[0], edge.points[-1]
        if source := boxes.get(edge.source):
            assert source.x <= ax <= source.x + source.width, edge
            assert ay == pytest.approx(source.y + source.height, abs=0.2), edge
        if target := boxes.get(edge.target):
            assert target.x <= bx <= target.x + target.width, edge
            assert by == pytest.approx(target.y, abs=0.2), edge
    drawn = Counter((edge.way, edge.source, edge.target) for edge in drawing.edges if edge.way not in ("start", "end"))
    assert drawn == Counter(expected(DEFINITION))


def expected(machine: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Way, state and target of each transition in the definition; several rules to one state are one."""
    for name, state in machine["States"].items():
        ways = [("next", state.get("Next")), ("otherwise", state.get("Default"))]
        ways += [("choice", rule["Next"]) for rule in state.get("Choices", [])]
        ways += [("catch", catch["Next"]) for catch in state.get("Catch", [])]
        yield from {(way, name, target) for way, target in ways if target}
        for inner in inner_machines(state):
            yield from expected(inner)


def test_arrows_lead_around_boxes_and_words(drawing: Drawing) -> None:
    lines = [(edge, line) for edge in drawing.edges for line in lines_of(edge)]
    solid = [box for box in drawing.boxes if box.kind == "state"]
    words = [edge.label for edge in drawing.edges if edge.label]
    for edge, line in lines:
        assert min(line.width, line.height) < 1, edge  # a pixel: ELK rounds at loops
        # An arrow's own ends touch their boxes: half a pixel less is no crossing.
        short = Label("", line.x + 0.5, line.y + 0.5, line.width - 1, line.height - 1, before=False)
        assert not [box for box in solid if overlap(short, box)], edge
        assert not [word for word in words if overlap(line, inset(word, 2))], edge
    for word in words:
        assert not [box for box in solid if overlap(word, box)], word
    assert not [pair for pair in combinations(words, 2) if overlap(*pair)]


def lines_of(edge: Edge) -> Iterator[Label]:
    for (ax, ay), (bx, by) in pairwise(edge.points):
        yield Label("", min(ax, bx), min(ay, by), abs(bx - ax), abs(by - ay), before=False)


def inset(area: Area, by: float) -> Label:
    return Label("", area.x + by, area.y + by, area.width - 2 * by, area.height - 2 * by, before=False)


def overlap(one: Area, other: Area) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def within(one: Area, other: Area, padding: float = 0) -> bool:
    return (
        other.x + padding <= one.x
        and other.y + padding <= one.y
        and one.x + one.width <= other.x + other.width - padding
        and one.y + one.height <= other.y + other.height - padding
    )


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        ({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject"}, ("s3:getObject",)),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:transactWriteItems.waitForTaskToken"},
            ("dynamodb:transactWriteItems", "waits for a callback"),
        ),
        ({"Type": "Task", "Resource": "arn:aws-us-gov:states:::http:invoke"}, ("http:invoke",)),
        ({"Type": "Wait", "Seconds": 0}, ("for 0 s",)),
        ({"Type": "Fail", "Error": "{% $outcome %}"}, ("$outcome",)),
        ({"Type": "Parallel", "Branches": [{}, {}]}, ("2 branches in parallel",)),
        ({"Type": "Succeed"}, ()),
    ],
)
def test_a_state_says_what_it_calls(state: dict[str, Any], lines: tuple[str, ...]) -> None:
    assert caption(state) == lines


def test_errors_have_their_own_names() -> None:
    assert errors(["S3.NoSuchKeyException", "States.Timeout", "A"], alone=True) == "NoSuchKey, Timeout, …"
    assert [errors(["States.ALL"], alone=alone) for alone in (True, False)] == ["any error", "any other error"]


def test_rules_to_one_state_are_one_arrow_with_their_conditions() -> None:
    rules = [{"Condition": "{% $a = 1 %}", "Next": "B"}, {"Condition": "{% $b %}", "Next": "B"}]
    assert label({"Choices": rules, "Default": "C"}, "choice", "B") == "$a = 1 or $b"
    assert label({"Choices": [{"Condition": "{% $a = '" + "x" * 40 + "' %}", "Next": "B"}]}, "choice", "B") == ""
    assert label({"Choices": rules, "Default": "C"}, "otherwise", "C") == "otherwise"
