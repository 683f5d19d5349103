"""JSONata as Step Functions evaluates it, by jsonata-python.

AWS runs JSONata 2.0.6 without `$eval`, `??` and `?:`, and adds functions (`expression_functions`). Expressions have no
input item, so that a bare name or `$` outside a path or a filter is refused when the machine is saved. Undefined, a
function as a value and every failure are `States.QueryEvaluationError`. An expression may use one second of CPU. A
number that it reads is a double. (Step Functions developer guide, transforming-data; measured on AWS by the author of
the PyPI package sfnx, its docs/design.md; recorded on AWS in localstack/localstack's aws.validated snapshots.)

`gaps.stepfunctions.jsonata` changes two features of the library that have no setting: it accepts `??` and `?:`, and
escapes text beyond ASCII.
"""

import itertools
import math
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonata

from localcloud.expression_functions import ADDED, NULL, QueryError, bound

CPU_SECONDS = 1.0
NODES_PER_LOOK = 64

# The library keeps the expression under evaluation, and its parser, in thread-local globals that outlive a
# call. Evaluation never waits, so this lock costs nothing beyond the interpreter's own.
_turn = threading.RLock()
# Parts of a syntax tree that see an item of their own: filters, groupings, and every step of a path but the first.
_WITH_ITEM = frozenset({"predicate", "stages", "group", "pattern", "update"})


@dataclass(frozen=True)
class _Expression:
    compiled: Any
    names: frozenset[str]


def evaluate(code: str, variables: Mapping[str, object]) -> Any:
    """Return the JSON value of an expression. Variables are data: never part of the text.

    Raises QueryError, whose text says in AWS's words what the expression did.
    """
    expression = parsed(code)
    bindings: dict[str, object] = {name: bound(variables[name]) for name in expression.names if name in variables}
    bindings["__evaluate_entry"] = _cpu_limit()
    with _turn:
        # Without this the library runs the expression that its thread saw last.
        jsonata.Jsonata.CURRENT.jsonata = expression.compiled
        try:
            result = expression.compiled.evaluate(None, bindings)
        except Exception as failure:
            text = str(failure) or type(failure).__name__
            raise QueryError(f"threw an error during evaluation. {text}") from failure
    if result is None:
        raise QueryError("returned nothing (undefined).")
    return _plain(result)


def parsed(code: str) -> _Expression:
    """Return an expression ready to run, or raise `QueryError` for what AWS refuses when a machine is saved."""
    with _turn:
        return _parsed(code)


@lru_cache(maxsize=4096)
def _parsed(code: str) -> _Expression:
    try:
        compiled = jsonata.Jsonata(code)
    except Exception as failure:
        raise QueryError(f"{failure} in '{code}'") from failure
    _refuse_unsupported(compiled.ast, has_item=False)
    compiled.set_output_convert_nulls(False)
    for name, function in ADDED.items():
        compiled.register_lambda(name, function)
    return _Expression(compiled, frozenset(re.findall(r"\$(\w+)", code)))


def _refuse_unsupported(node: object, *, has_item: bool) -> None:
    if isinstance(node, list | tuple):
        for part in node:
            _refuse_unsupported(part, has_item=has_item)
        return
    if not isinstance(node, jsonata.Parser.Symbol):
        return
    parts: dict[str, Any] = dict(vars(node))
    parts.pop("_outer_instance", None)
    kind, value = parts.get("type"), parts.get("value")
    if kind == "variable" and value in ("eval", "$"):
        raise QueryError(f"${value} is not supported")
    if not has_item and (kind in ("name", "wildcard", "descendant") or (kind == "variable" and value == "")):
        raise QueryError(f"Reference to '{value or '$'}' at the top level is not supported")
    if kind == "path":
        first, *later = parts.pop("steps")
        _refuse_unsupported(first, has_item=has_item)
        _refuse_unsupported(later, has_item=True)
    for name, part in parts.items():
        if isinstance(part, list | jsonata.Parser.Symbol):
            _refuse_unsupported(part, has_item=has_item or kind == "filter" or name in _WITH_ITEM)


def _plain(value: object) -> Any:
    if value is NULL:
        return None
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str | int | float):
        return value
    raise QueryError("returned an unsupported result type.")


def _cpu_limit() -> Any:
    # CPU time of this thread, not elapsed time: a busy machine must not fail an expression.
    deadline = time.thread_time() + CPU_SECONDS
    nodes = itertools.count(1)

    def check(*_node: object) -> None:
        # To read the time costs as much as to evaluate a node.
        if next(nodes) % NODES_PER_LOOK == 0 and time.thread_time() > deadline:
            raise QueryError("The expression took longer than a second")

    return check
