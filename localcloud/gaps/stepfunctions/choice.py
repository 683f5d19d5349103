"""Choice states.

AWS: a rule that matches uses its own `Assign` and `Output`; the state's own apply only with its `Default`. No match and
no `Default` is `States.NoChoiceMatched`, a `Condition` that is not a boolean `States.QueryEvaluationError`.
(Measured on AWS by the author of the PyPI package sfnx, its docs/design.md.)

moto 5.2.5 distinguishes the two by the name of the next state, so a rule with the same `Next` as `Default` runs the
state's `Assign` too, and it fails with `States.Runtime` in the other two cases.
"""

from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison import ConditionStringJSONata
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.jsonata import query_evaluation_error

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
        raise _no_choice_matched(self, env)
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


def _no_choice_matched(self: Any, env: Any) -> Exception:
    name = StatesErrorName(typ=StatesErrorNameType.StatesNoChoiceMatched)
    details = ExecutionFailedEventDetails(error=name.error_name, cause=f"No choice of '{self.name}' matched")
    failure: Exception = FailureEventException(
        failure_event=FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.ExecutionFailed,
            event_details=EventDetails(executionFailedEventDetails=details),
        )
    )
    return failure


@gap.replaces(ConditionStringJSONata, "_eval_body")
def _eval_condition(self: Any, env: Any) -> None:
    self.string_jsonata.eval(env=env)
    if not isinstance(env.stack[-1], bool):
        raise query_evaluation_error(env, f"The Condition gave {env.stack[-1]!r}, which is not a boolean")
