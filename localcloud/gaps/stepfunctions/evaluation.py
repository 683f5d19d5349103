"""An expression that fails is in the history, with its state, its field and AWS's words.

AWS: the event `EvaluationFailed` has the path of the field (`Output/result`, `Arguments/FunctionName`, `Items`); its
cause begins "An error occurred while executing the state", and so does the cause that a Catch or the execution gets. If
it is the first event after the state's entering, its predecessor is that of the entering; not so in a Wait state.
(Recorded on AWS in localstack/localstack's aws.validated snapshots; the words in the errors of public projects.)
moto 5.2.5 gives the name of its own class as the field, no prefix, the entering as the predecessor, and for a Map two
events.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.assign.assign_template_binding import AssignTemplateBinding
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.jsonata.jsonata_template_binding import JSONataTemplateBinding
from moto.stepfunctions.parser.asl.component.common.outputdecl import Output
from moto.stepfunctions.parser.asl.component.common.parargs import Parargs
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_selector import ItemSelector
from moto.stepfunctions.parser.asl.component.state.exec.state_map.items.items import ItemsArray, ItemsJSONata
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud.gaps.patching import Gap

QUERY_EVALUATION_ERROR = StatesErrorNameType.StatesQueryEvaluationError
TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}

gap = Gap()

# The key of the path of the field under evaluation, in the state's scratch memory, which moto clears after every state.
_PATH = "localcloud.path"


@contextmanager
def field(env: Any, name: str) -> Iterator[None]:
    """Be in a field of the state, or of an object in a field, while the block runs."""
    path = env.heap.setdefault(_PATH, [])
    path.append(name)
    try:
        yield
    finally:
        path.pop()


def wrong_type(env: Any, expression: str, expected: str, value: object) -> Exception:
    """Record that an expression gave another type than its field takes, and return the exception to raise."""
    was, text = TYPES.get(type(value), "null"), json.dumps(value, separators=(",", ":"))
    problem = f"returned an unexpected result type. Expected '{expected}', but was '{was}' for value: {text}"
    return evaluation_failed(env, expression, problem)


def evaluation_failed(env: Any, expression: str, problem: str) -> Exception:
    """Record an expression's failure in the execution's history, and return the exception to raise for it."""
    context, location = env.event_history_context, _location(env)
    entered = last_entered(env.event_manager, env.next_state_name)
    details = EvaluationFailedEventDetails(
        error=QUERY_EVALUATION_ERROR.to_name(),
        cause=f"An error occurred while executing the state '{env.next_state_name}' (entered at the event id "
        f"#{entered['id']}). The JSONata expression '{expression}' specified for the field '{location}' {problem}",
        state=env.next_state_name,
        location=location,
    )
    event = FailureEvent(
        env=env,
        error_name=StatesErrorName(typ=QUERY_EVALUATION_ERROR),
        event_type=HistoryEventType.EvaluationFailed,
        event_details=EventDetails(evaluationFailedEventDetails=details),
    )
    if context.source_event_id == entered["id"] and entered["type"] != HistoryEventType.WaitStateEntered:
        context.source_event_id = entered["previousEventId"]
    env.event_manager.add_event(context, event.event_type, event.event_details)
    failure: Exception = FailureEventException(failure_event=event)
    return failure


def last_entered(manager: Any, state: str) -> Any:
    """Return the newest event by which a state was entered."""
    events = reversed(manager._history_event_list)
    return next(event for event in events if event.get("stateEnteredEventDetails", {}).get("name") == state)


def _location(env: Any) -> str:
    # Without a path moto knows the class that holds the expression, such as TimeoutSecondsJSONata.
    path = env.heap.get(_PATH) or [(env.next_field_name or "").removesuffix("JSONata").removesuffix("String")]
    return "/".join(path)


def _within(name: str, original: Callable[..., None], self: Any, env: Any) -> None:
    with field(env, name or self.identifier):
        original(self, env)


for _class, _name in (
    (Output, "Output"),
    (Parargs, "Arguments"),
    (ItemSelector, "ItemSelector"),
    (ItemsArray, "Items"),
):
    gap.wraps(_class, "_eval_body")(partial(_within, _name))
for _class in (JSONataTemplateBinding, AssignTemplateBinding):
    gap.wraps(_class, "_eval_body")(partial(_within, ""))
# Else every expression would be a field of the name of its own class.
gap.sets(StringJSONata, "_field_name", lambda _: None)


@gap.replaces(ItemsJSONata, "_eval_body")
def _eval_items(self: Any, env: Any) -> None:
    self.string_jsonata.eval(env=env)
    if not isinstance(env.stack[-1], list):
        raise wrong_type(env, self.string_jsonata.expression, "array", env.stack[-1])


@gap.wraps(FailureEventException, "get_execution_failed_event_details")
def _details_of_the_execution(original: Callable[..., Any], self: Any) -> Any:
    details = original(self)
    if details and details.get("error") == QUERY_EVALUATION_ERROR.to_name():
        details["cause"] = self.extract_error_cause_pair()[1]  # it has its prefix already
    return details
