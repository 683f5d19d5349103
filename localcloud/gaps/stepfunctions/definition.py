"""Definitions: what is read in them, and what is refused when the machine is saved.

AWS answers `InvalidDefinition` to a definition that does not parse, in which two states have one name, branches
included, that leads to a state which is not there, whose `Resource` still holds a `${Placeholder}`, that has a string
which begins with `{%` or ends with `%}` but not both, a retrier or catcher after one for `States.ALL`, or a task token
for an integration that takes none: the optimised DynamoDB ones. (Step Functions developer guide,
concepts-error-handling and integrate-optimized; measured on AWS by the author of the PyPI package sfnx, its
docs/design.md, "JSONata", "Errors" and "Tasks".)

moto 5.2.5 accepts all but the first, answers that without an error code, and after one refused definition mistakes the
query language of all others. It has no ValidateStateMachineDefinition, which says the same without saving. It reads
JSON's escapes as Python's, so that an escaped emoji becomes two halves that no encoder accepts, and parses a definition
again for every execution (a second for a long one, all of it Python).
"""

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.gaps.patching import Gap

gap = Gap()


# Executions can share a parsed machine, as the iterations of an inline Map do: it keeps what belongs to one execution
# in that execution's environment.
@gap.wraps(AmazonStateLanguageParser, "parse")
@lru_cache(maxsize=64)
def _parse(original: Callable[[str], Any], definition: str) -> Any:
    try:
        definition = json.dumps(json.loads(definition), ensure_ascii=False)
    except ValueError:
        pass  # moto's parser says what is wrong, and where.
    return original(definition)


@gap.replaces(Preprocessor, "__init__")
def _new_preprocessor(self: Any) -> None:
    self._query_language_per_scope = []  # moto's is the class's, and keeps what a refused definition has left on it


def _check(machine: dict[str, Any], names: set[str], language: str) -> None:
    states = machine["States"]
    for target in (machine["StartAt"], *_targets(states)):
        if target not in states:
            raise ValueError(f"There is no state {target!r} to go to")
    for name, state in states.items():
        if name in names:
            raise ValueError(f"Two states are called {name!r}")
        names.add(name)
        _check_task(name, state)
        if state.get("QueryLanguage", language) == "JSONata":
            _check_expressions(name, state)
        processor = state.get("ItemProcessor") or state.get("Iterator")
        for part in (*state.get("Branches", ()), *([processor] if processor else ())):
            _check(part, names, language)


def _check_task(name: str, state: dict[str, Any]) -> None:
    resource = state.get("Resource", "")
    if "${" in resource:
        raise ValueError(f"The Resource of {name!r} holds a placeholder: {resource}")
    if resource.startswith("arn:aws:states:::dynamodb:") and resource.endswith(".waitForTaskToken"):
        raise ValueError(f"The Resource of {name!r} is not recognized: {resource}")
    for field in ("Retry", "Catch"):
        if any("States.ALL" in part["ErrorEquals"] for part in state.get(field, [])[:-1]):
            raise ValueError(f"States.ALL must be in the last of {field} of {name!r}")


def _check_expressions(name: str, state: dict[str, Any]) -> None:
    elsewhere = {"Comment", "Branches", "ItemProcessor", "Iterator"}  # fields without expressions, and other states
    for text in _texts({key: part for key, part in state.items() if key not in elsewhere}):
        if text.startswith("{%") != text.endswith("%}"):
            raise ValueError(f"{name!r} has an expression that is not opened or not closed: {text}")


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _texts(inner)


def _targets(states: dict[str, Any]) -> Iterator[str]:
    for state in states.values():
        for way in (state, *state.get("Choices", ()), *state.get("Catch", ())):
            yield from (way[key] for key in ("Next", "Default") if key in way)


@gap.replaces(StepFunctionsParserBackend, "_validate_definition")
def _validate_definition(definition: str) -> None:
    try:
        # moto's grammar first: what it accepts has the shape that the rest relies on.
        AmazonStateLanguageParser.parse(definition)
        machine = json.loads(definition)
        _check(machine, set(), machine.get("QueryLanguage", "JSONPath"))
    except Exception as failure:
        raise InvalidDefinition(f"Invalid State Machine Definition: '{failure}'", "InvalidDefinition") from failure


@gap.replaces(StepFunctionResponse, "validate_state_machine_definition")
def _validate_response(response: Any) -> ActionResult:
    try:
        _validate_definition(response._get_param("definition"))
    except InvalidDefinition as refused:
        found = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(refused.__cause__)}
        return ActionResult({"result": "FAIL", "diagnostics": [found], "truncated": False})
    return ActionResult({"result": "OK", "diagnostics": [], "truncated": False})
