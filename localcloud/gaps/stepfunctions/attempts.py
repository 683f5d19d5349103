"""A Task or a Parallel: attempts, their Retry, and the Catch.

AWS: an attempt is all of `Arguments`, the work, `Assign` and `Output`; where any of them fails, the state's Retry
and Catch apply. A retry waits `IntervalSeconds` times `BackoffRate` per attempt, at most `MaxDelaySeconds`, and with
FULL jitter anything between zero and that. Only the first retrier that matches counts. A catcher's `Assign` and
`Output` read `$states.errorOutput`. (Step Functions developer guide, concepts-error-handling; measured on AWS by the
author of the PyPI package sfnx, its docs/design.md.)

moto 5.2.5 evaluates `Output`, and the `Arguments` of a Parallel, outside its Retry and Catch, catches
`States.Runtime`, gives a failed attempt's error as `$states.result`, and does not notice StopExecution while it waits
between attempts. It starts a thread for every attempt, even if the attempt has no timeout.
"""

import copy
import random
import threading
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import JitterStrategy
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import StateParallel
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask

from localcloud.expression_functions import NULL
from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.assign import forget
from localcloud.gaps.stepfunctions.errors import matches

gap = Gap()


@gap.wraps(StateTask, "_eval_state")
@gap.wraps(StateParallel, "_eval_state")
def _eval_state(original: Callable[..., None], self: Any, env: Any) -> None:
    if self._is_language_query_jsonpath():
        original(self, env)
        return
    context = env.states.context_object.context_object_data["State"]
    context["RetryCount"] = 0
    state_input = env.states.get_input()
    retries: dict[int, int] = {}
    while env.is_running():
        try:
            _attempt(self, env, state_input)
            return
        except Exception as exception:
            if not env.is_running():  # Stopped from outside, which is not this state's failure.
                return
            failure = _failure(self, env, exception)
            error = failure.error_name and failure.error_name.error_name
            delay = _delay(self, error, retries)
            if delay is not None:
                env.program_state_event.wait(delay)
                context["RetryCount"] += 1
            elif _catch(self, env, error):
                return
            else:
                raise FailureEventException(failure_event=failure) from exception


def _attempt(self: Any, env: Any, state_input: Any) -> None:
    forget(env)
    frame = env.open_frame()
    frame.states.reset(input_value=state_input)
    frame.stack = [copy.deepcopy(state_input)]
    try:
        if isinstance(self, StateParallel) and self.parargs is not None:
            self.parargs.eval(env=frame)
            frame.stack = frame.stack[-1:]
        _work(self, frame)
    finally:
        frame.set_ended()
        env.close_frame(frame)
    result = frame.stack[-1]
    env.states._states_data["result"] = NULL if result is None else copy.deepcopy(result)
    _settle(self, env, result, self.assign_decl)


def _work(self: Any, frame: Any) -> None:
    """Do the state's work, in a thread that is given up after the timeout unless the work keeps the time itself."""
    if self.timeout.is_default_value() or getattr(self, "keeps_time", False):
        self._eval_execution(frame)
        return
    self.timeout.eval(env=frame)
    seconds = frame.stack.pop()
    failures: list[Exception] = []
    done = threading.Event()

    def work() -> None:
        try:
            self._eval_execution(frame)
        except Exception as failure:  # noqa: BLE001, raised again in the thread that waits
            failures.append(failure)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    if not done.wait(seconds):
        raise EvalTimeoutError
    if failures:
        raise failures[0]


def _settle(fields: Any, env: Any, default: Any, assign: Any) -> None:
    """Evaluate `Assign` and `Output` of a state or a catcher, and make its output the next state's input."""
    if assign:
        assign.eval(env=env)
    output = default
    if fields.output:
        fields.output.jsonata_template_value.eval(env=env)
        output = env.stack.pop()
    if isinstance(fields, ExecutionState):
        fields._verify_size_quota(env=env, value=output)
    env.states.reset(input_value=output)


def _failure(self: Any, env: Any, exception: Exception) -> Any:
    """Write a failed attempt into the history and `$states.errorOutput`, and return it in moto's form."""
    failure = self._from_error(env=env, ex=exception)
    details = next(iter((failure.event_details or {"": {}}).values()))
    if isinstance(self, StateParallel):
        env.event_manager.add_event(env.event_history_context, HistoryEventType.ParallelStateFailed)
    elif failure.event_type != HistoryEventType.EvaluationFailed:  # The evaluator has recorded that one.
        env.event_manager.add_event(env.event_history_context, failure.event_type, failure.event_details)
    env.states.reset(input_value=env.states.get_input())
    env.states.set_error_output({"Error": details.get("error") or "", "Cause": details.get("cause") or ""})
    return failure


def _delay(self: Any, error: str | None, retries: dict[int, int]) -> float | None:
    """Return the seconds to wait before the next attempt, or None if no retry is left."""
    for index, retrier in enumerate(self.retry.retriers if self.retry else ()):
        if not matches(retrier.error_equals, error):
            continue
        made = retries.get(index, 0)
        if made >= retrier.max_attempts.attempts:
            return None
        retries[index] = made + 1
        delay = retrier.interval_seconds.seconds * retrier.backoff_rate.rate**made
        delay = float(min(delay, retrier.max_delay_seconds.max_delays_seconds))
        if retrier.jitter_strategy.jitter_strategy == JitterStrategy.FULL:
            return random.uniform(0, delay)  # noqa: S311, jitter
        return delay
    return None


def _catch(self: Any, env: Any, error: str | None) -> bool:
    for catcher in self.catch.catchers if self.catch else ():
        if matches(catcher.error_equals, error):
            forget(env)
            _settle(catcher, env, env.states.get_error_output(), catcher.assign)
            env.next_state_name = catcher.next_decl.name
            return True
    return False


@gap.wraps(StateTask, "_eval_state_output")
@gap.wraps(StateParallel, "_eval_state_output")
def _eval_state_output(original: Callable[..., None], self: Any, env: Any) -> None:
    # In JSONata the attempt, or the catcher, has evaluated the output already.
    if self._is_language_query_jsonpath():
        original(self, env)
