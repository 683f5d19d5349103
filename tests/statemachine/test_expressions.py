"""Checks of the definition's JSONata without evaluating it."""

import re
from collections.abc import Iterator

import jsonata
from jsonata.parser import Parser

from tests.statemachine.machine import MACHINE, all_states

# The functions of JSONata, and those that Step Functions adds.
FUNCTIONS = {*jsonata.Jsonata.static_frame.bindings, "parse", "uuid", "hash", "random", "range", "partition"}


def expressions(part: object) -> Iterator[str]:
    """Yield all the JSONata in a part of the definition."""
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from expressions(inner)
    elif isinstance(part, str) and part.startswith("{%"):
        assert part.endswith("%}")
        yield part[2:-2]


CODES = list(expressions(MACHINE))


def assigned() -> set[str]:
    """Return the names of all variables that states assign."""
    states = [state for _, state in all_states()]
    ways = [way for state in states for way in (state, *state.get("Choices", []), *state.get("Catch", []))]
    return {name for way in ways for name in way.get("Assign", {})}


def test_no_variable_hides_a_function_of_jsonata() -> None:
    bound = {name for code in CODES for name in re.findall(r"\$(\w+)\s*:=", code)}
    parameters = {
        name
        for code in CODES
        for given in re.findall(r"function\(([^)]*)\)", code)
        for name in re.findall(r"\w+", given)
    }
    assert assigned()
    assert bound
    assert parameters
    assert (assigned() | bound | parameters).isdisjoint(FUNCTIONS | {"states"})


def test_every_variable_read_is_assigned_somewhere() -> None:
    known = assigned() | FUNCTIONS | {"states"}
    for code in CODES:
        own = set(re.findall(r"\$(\w+)\s*:=", code)) | set(re.findall(r"[(,]\s*\$(\w+)(?=[^()]*\)\s*\{)", code))
        read = set(re.findall(r"\$(\w+)", re.sub(r"'[^']*'", "''", code)))
        assert read <= known | own, code


def test_expressions_keep_to_what_step_functions_evaluates() -> None:
    for code in CODES:
        plain = re.sub(r"'[^']*'", "''", code)
        assert "$eval(" not in plain
        assert "??" not in plain
        assert "?:" not in plain
        assert "$$" not in plain
        assert not list(names_without_an_item(jsonata.Jsonata(code).ast)), code


def test_a_name_without_an_item_would_be_noticed() -> None:
    for refused in ("story", "$.story", "'x' & story", "$map($packageIds, function($id) { story })", "[story]", "$"):
        assert list(names_without_an_item(jsonata.Jsonata(refused).ast)), refused
    for fine in ("$story", "$states.input.story", "$problems[$ != '']", "$apis.validation[status = 'success'].error"):
        assert not list(names_without_an_item(jsonata.Jsonata(fine).ast)), fine


def names_without_an_item(node: object) -> Iterator[str]:
    """Yield bare field names that have no item: at the top of an expression, outside of filters and later path steps.

    Step Functions gives an expression no input and refuses to save one that reads it (sfnx, docs/design.md; measured).
    """
    if isinstance(node, list | tuple):
        for inner in node:
            yield from names_without_an_item(inner)
    if not isinstance(node, Parser.Symbol):
        return
    if node.type == "path":
        yield from names_without_an_item(node.steps[0])
        return
    if node.type in ("name", "wildcard", "descendant") or (node.type == "variable" and node.value == ""):
        yield str(node.value)
    for key, inner in vars(node).items():
        if key not in ("_outer_instance", "predicate", "stages", "group"):
            yield from names_without_an_item(inner)
