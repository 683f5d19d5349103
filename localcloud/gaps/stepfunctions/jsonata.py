"""JSONata in Step Functions.

AWS: see `localcloud.expressions`, which evaluates as AWS does.
moto 5.2.5 has no engine (`_eval_jsonata` is `None`) and writes variables into the expression's text, strings
unescaped, so that a quote in data breaks or rewrites the expression. `$hash` and `$uuid` are placeholders.
"""

import json
from collections.abc import Callable
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

from localcloud.expression_functions import QueryError
from localcloud.expressions import evaluate, parsed
from localcloud.gaps.patching import Gap

gap = Gap()


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
