"""Where things go, for the shapes of twenty-one public state machines, our own, and random ones."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storygate.report.layout import Box, Label, Layout, lay_out, lines, machines, transitions
from storygate.stage.definition import read_definition
from tests import ROOT
from tests.storygate.report.machines import public_machines

DEFINITION = read_definition(ROOT)
MACHINES = [*public_machines(), ("our own", DEFINITION)]
each_machine = pytest.mark.parametrize("definition", [pytest.param(machine, id=source) for source, machine in MACHINES])

PADDING = 8  # pixels between a container's border and what it holds, at the least
Area = Box | Label


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


def holders(layout: Layout, number: int | None) -> Iterator[int]:
    while number is not None and (number := layout.boxes[number].parent) is not None:
        yield number


def expected(machine: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Way, state and target of each transition, as the definition tells it; several rules to one state are one."""
    for name, state in machine["States"].items():
        ways = [("next", state.get("Next")), ("otherwise", state.get("Default"))]
        ways += [("choice", rule["Next"]) for rule in state.get("Choices", [])]
        ways += [("catch", catch["Next"]) for catch in state.get("Catch", [])]
        yield from {(way, name, target) for way, target in ways if target}
        for inner in (*state.get("Branches", []), state.get("ItemProcessor"), state.get("Iterator")):
            if inner:
                yield from expected(inner)


def assert_sound(definition: Mapping[str, Any], layout: Layout) -> None:
    canvas = Label("", 0, 0, layout.width, layout.height, before=False)
    inside = [set(holders(layout, number)) for number in range(len(layout.boxes))]
    for box in layout.boxes:
        assert within(box, canvas)
        if box.parent is not None:
            assert within(box, layout.boxes[box.parent], PADDING), box
    for (one, box), (other, second) in combinations(enumerate(layout.boxes), 2):
        assert one in inside[other] or other in inside[one] or not overlap(box, second), (box, second)
    for edge in layout.edges:
        source, target = layout.boxes[edge.source], layout.boxes[edge.target]
        (ax, ay), (bx, by) = edge.points[0], edge.points[-1]
        assert source.x <= ax <= source.x + source.width, edge
        assert ay == pytest.approx(source.y + source.height, abs=0.2), edge
        assert target.x <= bx <= target.x + target.width, edge
        assert by == pytest.approx(target.y, abs=0.2), edge
        for (ax, ay), (bx, by) in pairwise(edge.points):
            assert min(abs(ax - bx), abs(ay - by)) < 1, edge  # a pixel: ELK rounds at loops
            # an arrow's own ends touch their boxes; half a pixel less is no crossing
            line = Label("", min(ax, bx) + 0.5, min(ay, by) + 0.5, abs(bx - ax) - 1, abs(by - ay) - 1, before=False)
            assert within(line, canvas)
            crossed = [box for number, box in enumerate(layout.boxes) if number not in inside[edge.source]]
            assert not any(overlap(line, box) for box in crossed), edge
    labels = [(edge, edge.label) for edge in layout.edges if edge.label]
    for edge, label in labels:
        assert within(label, canvas)
        free = [box for number, box in enumerate(layout.boxes) if number not in inside[edge.source]]
        assert not any(overlap(label, box) for box in free), label
    assert not any(overlap(one, other) for (_, one), (_, other) in combinations(labels, 2))
    drawn = Counter(
        (edge.way, layout.boxes[edge.source].state, layout.boxes[edge.target].state)
        for edge in layout.edges
        if edge.way not in ("start", "end")
    )
    assert drawn == Counter(expected(definition))


@each_machine
def test_nothing_overlaps_and_each_transition_is_an_arrow_around_boxes_and_labels(definition: dict[str, Any]) -> None:
    layout = lay_out(definition)
    assert_sound(definition, layout)
    lines_ = [line for edge in layout.edges for line in pairwise(edge.points)]
    for label in (edge.label for edge in layout.edges if edge.label):
        words = Label("", label.x + 2, label.y + 2, label.width - 4, label.height - 4, before=False)
        for (ax, ay), (bx, by) in lines_:
            assert not overlap(words, Label("", min(ax, bx), min(ay, by), abs(bx - ax), abs(by - ay), before=False))


@pytest.mark.parametrize("notes", [None, {}])
def test_our_own_way_to_an_approval_leads_straight_down(notes: dict[str, str] | None) -> None:
    layout = lay_out(DEFINITION, notes)
    way = ("FindInput", "ReadInput", "InputIsValid", "CallApis", "ApisSucceeded", "WaitForStory")
    way += ("WriteApprovedLog", "WriteApprovedResult")
    arrows = {(layout.boxes[edge.source].state, layout.boxes[edge.target].state): edge for edge in layout.edges}
    for step in pairwise(way):
        assert len(arrows[step].points) == 2, step


def test_a_definition_is_always_drawn_the_same() -> None:
    assert lay_out(DEFINITION) == lay_out(DEFINITION)


def test_a_note_that_changes_moves_nothing() -> None:
    assert lay_out(DEFINITION, {"ReadInput": "Running"}) == lay_out(
        DEFINITION, {"ReadInput": "Done · 3 attempts, 4.2 s"}
    )


def random_machine(chance: random.Random, depth: int) -> dict[str, Any]:
    """Any state may lead to any: loops, itself, several ways to one, and states that nothing leads to."""
    names = [
        f"State {chance.randrange(10**6)} {'long ' * chance.randrange(8)}".strip()
        for _ in range(chance.randint(1, 4 + depth))
    ]
    made: dict[str, Any] = {}
    for name in names:
        kind = chance.choice(["Task", "Choice", "Wait", "Succeed", "Fail", *(["Parallel", "Map"] if depth else [])])
        state = made[name] = {"Type": kind}
        if kind == "Choice":
            texts = [chance.choice(["$a = 1", "x" * 80]) for _ in range(chance.randrange(5))]
            state |= {"Choices": [{"Next": chance.choice(names), "Condition": text} for text in texts]}
            state["Default"] = chance.choice(names)
        elif kind not in ("Succeed", "Fail"):
            state |= chance.choice([{"Next": chance.choice(names)}, {"End": True}])
        if kind in ("Task", "Parallel", "Map"):
            state |= {
                "Catch": [{"ErrorEquals": ["A.B"], "Next": chance.choice(names)} for _ in range(chance.randrange(3))]
            }
        if kind == "Parallel":
            state |= {"Branches": [random_machine(chance, depth - 1) for _ in range(chance.randint(1, 2))]}
        if kind == "Map":
            state |= {chance.choice(["Iterator", "ItemProcessor"]): random_machine(chance, depth - 1)}
    return {"StartAt": names[0], "States": made}


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_any_machine_is_laid_out_soundly(seed: int) -> None:
    definition = random_machine(random.Random(seed), depth=1)  # noqa: S311 no secret
    assert_sound(definition, lay_out(definition))


def long_machine(length: int) -> dict[str, Any]:
    """Steps and choices in a row, each of which may fail into one and the same state."""
    made: dict[str, Any] = {"Done": {"Type": "Succeed"}, "Failed": {"Type": "Fail"}}
    for n in range(length):
        following = f"Step{n + 1}" if n + 1 < length else "Done"
        caught = [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]
        skips = {"Choices": [{"Condition": "$x = 1", "Next": f"Step{min(n + 3, length - 1)}"}], "Default": following}
        made[f"Step{n}"] = {"Type": "Task", "Next": following, "Catch": caught} if n % 5 else {"Type": "Choice"} | skips
    return {"StartAt": "Step0", "States": made}


def test_more_branches_than_fit_a_row_go_on_in_the_next() -> None:
    branch = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    definition = {"StartAt": "All", "States": {"All": {"Type": "Parallel", "Branches": [branch] * 12, "End": True}}}
    layout = lay_out(definition)
    assert_sound(definition, layout)
    assert len({box.y for box in layout.boxes if box.kind == "branch"}) > 1


def test_many_arrows_into_one_state_are_sound() -> None:
    definition = long_machine(24)
    assert_sound(definition, lay_out(definition))


def test_three_hundred_states_take_less_than_four_seconds_of_the_processor() -> None:
    lay_out(long_machine(5))
    before = time.process_time()
    layout = lay_out(long_machine(298))
    # of the processor, for the clock on the wall also tells what else runs; 1.9 s where it was measured
    assert time.process_time() - before < 4
    assert len(layout.boxes) == 302  # the states, start and end


def test_a_transition_to_a_state_that_is_missing_is_left_out() -> None:
    layout = lay_out({"StartAt": "A", "States": {"A": {"Type": "Task", "Next": "Nowhere"}}})
    assert [edge.way for edge in layout.edges] == ["start"]


def test_a_name_goes_on_in_the_next_line_between_its_words() -> None:
    assert lines("Wait For Other Processes to Complete or For Time out 1") == (
        "Wait For Other Processes to",
        "Complete or For Time out 1",
    )
    assert max(map(len, lines("W" * 80))) <= 30
    assert (
        "".join(lines("CallTheValidationServiceAndWaitForItsAnswer")) == "CallTheValidationServiceAndWaitForItsAnswer"
    )


def test_the_machines_inside_a_state_are_found_by_old_and_new_names() -> None:
    inner = {"StartAt": "A", "States": {}}
    assert (
        machines({"Iterator": inner})
        == machines({"ItemProcessor": inner})
        == machines({"Branches": [inner]})
        == [inner]
    )


def test_rules_to_one_state_are_one_arrow_with_their_conditions() -> None:
    rules = [{"Condition": "{% $a = 1 %}", "Next": "B"}, {"Variable": "$.b", "IsPresent": False, "Next": "B"}]
    assert list(transitions({"Choices": rules, "Default": "C"})) == [
        ("choice", "B", "$a = 1 or b is missing"),
        ("otherwise", "C", "otherwise"),
    ]
