"""JSONata in Step Functions.

AWS: see `localcloud.expressions`, which evaluates as AWS does.
moto 5.2.5 has no engine (`_eval_jsonata` is `None`) and writes variables into the expression's text, strings
unescaped, so that a quote in data breaks or rewrites the expression; JSONPath states evaluate `$variable` in the same
way. `$hash` and `$uuid` are placeholders.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Never

import jsonata
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore
from moto.stepfunctions.parser.asl.utils.json_path import extract_json

from localcloud.expression_functions import QueryError
from localcloud.expressions import evaluate, parsed
from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.errors import runtime_error
from localcloud.gaps.stepfunctions.evaluation import evaluation_failed

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
    try:
        env.stack.append(evaluate(self.expression, {**_variables(env), "states": states}))
    except QueryError as failure:
        raise evaluation_failed(env, self.expression, str(failure)) from failure


@gap.replaces(string_expression.StringVariableSample, "_eval_body")
def _eval_variable(self: Any, env: Any) -> None:
    # In JSONPath: `$variable`, and paths into it.
    _, name, path = re.split(r"^\$(\w+)", self.expression, maxsplit=1)
    if name not in _variables(env):
        raise runtime_error(env, f"The variable '${name}' has no value")
    env.stack.append(extract_json(f"${path}", _variables(env)[name]))


def _variables(env: Any) -> dict[str, Any]:
    return {**env.variable_store._outer_scope, **env.variable_store._inner_scope}


# What GetExecutionHistory shows of assigned variables; moto leaves their strings unescaped there too.
@gap.replaces(VariableStore, "get_assigned_variables")
def _assigned_variables(self: Any) -> dict[str, str]:
    return {name: json.dumps(self.get(name), separators=(",", ":")) for name in self._declaration_tracing}
