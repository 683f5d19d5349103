"""JSONata in Step Functions.

AWS runs JSONata 2.0.6 without `$eval`, `??` and `?:`, and adds `$parse $hash $uuid $random $range $partition`.
Expressions have no input item, so that a bare name or `$` outside a path or a filter is refused when the machine
is saved. Undefined, a function as a value and every failure are `States.QueryEvaluationError`. An expression may
use one second of CPU. A number that it reads is a double. (Step Functions developer guide, transforming-data; measured
on AWS by the author of the PyPI package sfnx, its docs/design.md; recorded on AWS in localstack/localstack's
aws.validated snapshots.)

moto 5.2.5 has no engine (`_eval_jsonata` is `None`) and writes variables into the expression's text, strings
unescaped, so that a quote in data breaks or rewrites the expression. `$hash` and `$uuid` are placeholders.

Here `jsonata-python` evaluates, with variables bound as values. Two of its features have no setting and are patched
too: it accepts `??` and `?:`, and escapes text beyond ASCII.
"""

import hashlib
import itertools
import json
import math
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Never

import jsonata
from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore

from localcloud.gaps.patching import Gap

gap = Gap()

CPU_SECONDS = 1.0
NODES_PER_LOOK = 64
MOST_EXACT = 2**53
# The library's JSON null; its None is JSONata's undefined.
NULL = jsonata.Utils.NULL_VALUE

# The library keeps the expression under evaluation, and its parser, in thread-local globals that outlive a
# call. Evaluation never waits, so this lock costs nothing beyond the interpreter's own.
_turn = threading.RLock()
_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
# Parts of a syntax tree that see an item of their own: filters, groupings, and every step of a path but the first.
_WITH_ITEM = frozenset({"predicate", "stages", "group", "pattern", "update"})


class QueryError(ValueError):
    """An expression that AWS would refuse or fail with `States.QueryEvaluationError`."""


@dataclass(frozen=True)
class _Expression:
    compiled: Any
    names: frozenset[str]


def evaluate(code: str, variables: Mapping[str, object]) -> Any:
    """Return the JSON value of an expression, or raise `QueryError`. Variables are data: never part of the text."""
    expression = parsed(code)
    bindings: dict[str, object] = {name: _bound(variables[name]) for name in expression.names if name in variables}
    bindings["__evaluate_entry"] = _cpu_limit()
    with _turn:
        # Without this the library runs the expression that its thread saw last.
        jsonata.Jsonata.CURRENT.jsonata = expression.compiled
        try:
            result = expression.compiled.evaluate(None, bindings)
        except Exception as failure:
            raise QueryError(str(failure) or type(failure).__name__) from failure
    if result is None:
        raise QueryError(f"The JSONata expression '{code}' returned nothing (undefined).")
    return _plain(result, code)


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
    for name, function in _ADDED.items():
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


def _bound(value: object) -> object:
    """Copy a JSON value into the library's types; a copy, since its functions may change their arguments."""
    if value is None:
        return NULL
    if isinstance(value, dict):
        return {key: _bound(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_bound(item) for item in value]
    if isinstance(value, int) and abs(value) > MOST_EXACT:
        return int(float(value))  # every number there is a double
    return value


def _plain(value: object, code: str) -> Any:
    if value is NULL:
        return None
    if isinstance(value, dict):
        return {key: _plain(member, code) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(item, code) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str | int | float):
        return value
    raise QueryError(f"The JSONata expression '{code}' returned an unsupported result type.")


def _cpu_limit() -> Any:
    # CPU time of this thread, not elapsed time: a busy machine must not fail an expression.
    deadline = time.thread_time() + CPU_SECONDS
    nodes = itertools.count(1)

    def check(*_node: object) -> None:
        # To read the time costs as much as to evaluate a node.
        if next(nodes) % NODES_PER_LOOK == 0 and time.thread_time() > deadline:
            raise QueryError("The expression took longer than a second")

    return check


def _number(value: object, function: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(function)
    return value


def _mismatch(function: str) -> QueryError:
    return QueryError(f'T0410: An argument of function "{function}" does not match the function signature')


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise QueryError("$parse: a key occurs twice")
    return found


def _no_constant(name: str) -> Never:
    raise QueryError(f"$parse: {name} is not JSON")


# The functions that Step Functions adds. The library passes undefined as None, and takes None for undefined.
def _parse(text: object = None) -> object:
    if text is None:
        return None
    if not isinstance(text, str):
        raise _mismatch("parse")
    return _bound(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant))


def _hash(text: object = None, algorithm: object = None) -> str | None:
    if text is None or algorithm is None:
        return None
    if not isinstance(text, str):
        raise _mismatch("hash")
    if algorithm not in _ALGORITHMS:
        raise QueryError(f"D3137: Hash algorithm '{algorithm}' must be one of {', '.join(_ALGORITHMS)}")
    return hashlib.new(_ALGORITHMS[str(algorithm)], text.encode()).hexdigest()


def _uuid() -> str:
    return str(uuid.uuid4())


def _random(seed: object = None) -> float:
    # Jitter and samples, never a secret.
    source = random if seed is None else random.Random(_number(seed, "random"))  # noqa: S311
    return source.random()


def _range(first: object = None, last: object = None, step: object = None) -> object:
    if first is None or last is None or step is None:
        return None
    start, stop, by = (int(_number(value, "range")) for value in (first, last, step))
    if by == 0:
        return None
    numbers = list(range(start, stop + (1 if by > 0 else -1), by))
    # A sequence, as a path gives one: an empty one is undefined, and one of a single number is that number.
    return numbers if len(numbers) > 1 else next(iter(numbers), None)


def _partition(items: object = None, size: object = None) -> object:
    if items is None:
        return None
    if not isinstance(items, list):
        raise QueryError('T0412: Argument 1 of function "partition" must be an array')
    if size is None:
        return [items]
    whole = int(_number(size, "partition"))
    if whole < 0:
        raise QueryError("D3137: Second argument must be zero or greater")
    return [items[at : at + whole] for at in range(0, len(items), whole)] or None if whole else None


_ADDED = {
    "parse": _parse,
    "hash": _hash,
    "uuid": _uuid,
    "random": _random,
    "range": _range,
    "partition": _partition,
}


class _Encoder(jsonata.Functions.Encoder):  # type: ignore[misc]
    """The JSON that `$string` writes; like AWS it does not escape text beyond ASCII."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "ensure_ascii": False})


gap.sets(jsonata.Functions, "Encoder", _Encoder)


@gap.replaces(jsonata.Parser.InfixCoalesce, "led")
@gap.replaces(jsonata.Parser.InfixDefault, "led")
def _refuse_operator(symbol: Any, _left: object) -> Never:
    raise QueryError(f"The operator {symbol.id} is not supported")


@gap.wraps(string_expression.StringJSONata, "__init__")
def _init(original: Callable[..., None], self: Any, expression: str) -> None:
    # moto builds the whole machine when it is saved, so a broken expression is refused then, as on AWS.
    parsed(expression)
    original(self, expression)


@gap.replaces(string_expression.StringJSONata, "_eval_body")
def _eval_body(self: Any, env: Any) -> None:
    # `result` and `errorOutput` exist only in the fields that may read them; elsewhere moto holds None for them.
    states = {
        name: value
        for name, value in env.states._states_data.items()
        if value is not None or name in ("input", "context")
    }
    store = env.variable_store
    try:
        result = evaluate(self.expression, {**store._outer_scope, **store._inner_scope, "states": states})
    except QueryError as failure:
        raise query_evaluation_error(env, str(failure)) from failure
    env.stack.append(result)


def query_evaluation_error(env: Any, cause: str) -> Exception:
    """Record an expression's failure in the execution's history and return the exception to raise for it."""
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details = EvaluationFailedEventDetails(
        error=name.error_name, cause=cause, state=env.next_state_name, location=env.next_field_name or ""
    )
    event = FailureEvent(
        env=env,
        error_name=name,
        event_type=HistoryEventType.EvaluationFailed,
        event_details=EventDetails(evaluationFailedEventDetails=details),
    )
    env.event_manager.add_event(
        context=env.event_history_context, event_type=event.event_type, event_details=event.event_details
    )
    failure: Exception = FailureEventException(failure_event=event)
    return failure


# What GetExecutionHistory shows of assigned variables; moto leaves their strings unescaped there too.
@gap.replaces(VariableStore, "get_assigned_variables")
def _assigned_variables(self: Any) -> dict[str, str]:
    return {name: json.dumps(self.get(name), separators=(",", ":")) for name in self._declaration_tracing}
