"""Choice states.

AWS: a rule that matches uses its own `Assign` and `Output`; the state's own apply only with its `Default`. No match and
no `Default` is `States.NoChoiceMatched`, a `Condition` that is not a boolean `States.QueryEvaluationError`.
(Measured on AWS by the author of the PyPI package sfnx, its docs/design.md.)

moto 5.2.5 distinguishes the two by the name of the next state, so a rule with the same `Next` as `Default` runs the
state's `Assign` too, and it fails with `States.Runtime` in the other two cases.
"""

from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison import ConditionStringJSONata
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.errors import failed
from localcloud.gaps.stepfunctions.evaluation import wrong_type

gap = Gap()


@gap.wraps(StateChoice, "_eval_state")
def _eval_state(original: Callable[..., None], self: Any, env: Any) -> None:
    if self._is_language_query_jsonpath():
        original(self, env)
        return
    for rule in self.choices_decl.rules:
        rule.comparison.eval(env)
        if env.stack.pop():
            env.stack.append((rule.assign, rule.output, rule.next_stmt.name))
            return
    if self.default_state is None:
        raise failed(env, StatesErrorNameType.StatesNoChoiceMatched, f"No choice of '{self.name}' matched")
    env.stack.append((self.assign_decl, self.output, self.default_state.state_name))


@gap.wraps(StateChoice, "_eval_state_output")
def _eval_state_output(original: Callable[..., None], self: Any, env: Any) -> None:
    if self._is_language_query_jsonpath():
        original(self, env)
        return
    assign, output, next_state = env.stack.pop()
    if assign:
        assign.eval(env=env)
    if output:
        output.eval(env=env)
    env.next_state_name = next_state


@gap.replaces(ConditionStringJSONata, "_eval_body")
def _eval_condition(self: Any, env: Any) -> None:
    self.string_jsonata.eval(env=env)
    if not isinstance(env.stack[-1], bool):
        raise wrong_type(env, self.string_jsonata.expression, "boolean", env.stack[-1])
