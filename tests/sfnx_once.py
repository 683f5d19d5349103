"""Run state machines with sfnx, but check definitions and parse expressions once: that takes nine tenths of a run.

sfnx also copies all variables for each expression, to replace nulls; long arrays without any are passed on.
"""

from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

from jsonata.parser import Parser
from sfnx import testing

_parse = Parser.parse
_parsed: dict[str, Parser.Symbol] = {}
_nulls = testing.nulls


def _parsed_once(parser: Parser, code: str, *engine: object) -> Parser.Symbol:
    if code not in _parsed:
        _parsed[code] = _parse(parser, code, *engine)
    return _parsed[code]


def _nulls_where_there_may_be_some(data: object) -> object:
    if isinstance(data, list) and not {dict, list, type(None)} & set(map(type, data)):
        return data
    return _nulls(data)


def run(
    definition: Mapping[str, Any], execution_input: object, tasks: Callable[[testing.Call], object], **options: Any
) -> testing.Execution:
    """Call `sfnx.testing.run` with a definition that `sfnx.testing.check` accepted and that has not changed."""
    with (
        patch.object(testing, "check", lambda _: None),
        patch.object(Parser, "parse", _parsed_once),
        patch.object(testing, "nulls", _nulls_where_there_may_be_some),
    ):
        return testing.run(definition, execution_input, tasks, **options)
