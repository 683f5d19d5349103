"""Definitions: what is read in them, and what is refused when the machine is saved.

AWS answers `InvalidDefinition` to a definition that does not parse, in which two states have one name, branches
included, that leads to a state which is not there, or whose `Resource` still holds a `${Placeholder}`.
(aws-facts.md, "State machine (JSONata)" and "SDK integrations", MEAS.)

moto 5.2.5 accepts all but the first, and answers that without an error code. It reads JSON's escapes as Python's,
so that an escaped emoji becomes two halves that nothing can write, and parses a definition anew for every execution
(a second for a long one, all of it Python).
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

_original_parse = AmazonStateLanguageParser.parse


# A parsed machine keeps what belongs to one execution in that execution's environment, so executions can share it,
# as the iterations of an inline Map do.
@lru_cache(maxsize=64)
def _parse(definition: str) -> Any:
    try:
        definition = json.dumps(json.loads(definition), ensure_ascii=False)
    except ValueError:
        pass  # moto's parser says what is wrong, and where.
    return _original_parse(definition)


def _check(machine: dict[str, Any], names: set[str]) -> None:
    states = machine["States"]
    for target in (machine["StartAt"], *_targets(states)):
        if target not in states:
            raise ValueError(f"There is no state {target!r} to go to")
    for name, state in states.items():
        if name in names:
            raise ValueError(f"Two states are called {name!r}")
        names.add(name)
        if "${" in state.get("Resource", ""):
            raise ValueError(f"The Resource of {name!r} holds a placeholder: {state['Resource']}")
        processor = state.get("ItemProcessor") or state.get("Iterator")
        for part in (*state.get("Branches", ()), *([processor] if processor else ())):
            _check(part, names)


def _targets(states: dict[str, Any]) -> Iterator[str]:
    for state in states.values():
        for way in (state, *state.get("Choices", ()), *state.get("Catch", ())):
            yield from (way[key] for key in ("Next", "Default") if key in way)


def _validate_definition(definition: str) -> None:
    try:
        # moto's grammar first: what it accepts has the shape that the rest relies on.
        AmazonStateLanguageParser.parse(definition)
        _check(json.loads(definition), set())
    except Exception as failure:
        raise InvalidDefinition(f"Invalid State Machine Definition: '{failure}'", "InvalidDefinition") from failure


def fill() -> None:
    """Have moto read what AWS reads and refuse what AWS refuses."""
    AmazonStateLanguageParser.parse = staticmethod(_parse)
    StepFunctionsParserBackend._validate_definition = staticmethod(_validate_definition)
