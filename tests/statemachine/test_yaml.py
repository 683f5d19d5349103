"""Checks of the definition as people read it: statemachine/workflow.asl.yaml."""

from collections import Counter
from collections.abc import Iterator

import yaml

from storygate.stage.definition import DEFINITION, LOADER
from tests import ROOT

TEXT = (ROOT / DEFINITION).read_text(encoding="utf-8")
LONGEST_LINE = 120
LONGEST_REPEATED = 60  # characters of an expression, each run of blanks counted as one


def nodes(node: yaml.Node, seen: set[int] | None = None) -> Iterator[yaml.Node]:
    """Yield every node once; an alias is the same node as its anchor."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        return
    seen.add(id(node))
    yield node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from nodes(key, seen)
            yield from nodes(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from nodes(item, seen)


def repeated(text: str) -> list[str]:
    """Return the pieces of 60 characters that expressions in this YAML hold more than once."""
    scalars = [node.value for node in nodes(yaml.compose(text, LOADER)) if isinstance(node, yaml.ScalarNode)]
    expressions = [" ".join(value.split()) for value in scalars if "$" in value.replace("${", "")]
    pieces = Counter(
        expression[start : start + LONGEST_REPEATED]
        for expression in expressions
        for start in range(len(expression) - LONGEST_REPEATED + 1)
    )
    return [piece for piece, count in pieces.items() if count > 1]


def test_no_line_is_wider_than_a_screen() -> None:
    assert [line for line in TEXT.splitlines() if len(line) > LONGEST_LINE] == []


def test_no_expression_is_written_twice() -> None:
    assert repeated(TEXT) == []


def test_a_repeated_expression_would_be_noticed() -> None:
    long = "$exists($states.input.something) ? $states.input.something : null"
    wrapped = long.replace("? ", "?\n    ")
    assert repeated(f'a: "{{% {long} %}}"\nb: |-\n  {{% 1 +\n    ({wrapped}) %}}\n')
    assert not repeated(f'a: &a "{{% {long} %}}"\nb: *a\n')


def test_no_key_is_written_twice() -> None:
    # PyYAML keeps the last of two equal keys and reports nothing.
    assert doubled_keys(TEXT) == []
    assert doubled_keys("a: {b: 1, b: 2}") == ["b"]


def doubled_keys(text: str) -> list[str]:
    mappings = [node for node in nodes(yaml.compose(text, LOADER)) if isinstance(node, yaml.MappingNode)]
    counted = [Counter(key.value for key, _ in mapping.value) for mapping in mappings]
    return [key for keys in counted for key, count in keys.items() if count > 1]
