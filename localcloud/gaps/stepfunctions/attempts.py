"""A Task, a Parallel or a Map: attempts, their Retry, and the Catch.

AWS: an attempt is all of `Arguments`, the work, `Assign` and `Output`; where any of them fails, the state's Retry
and Catch apply. A retry waits `IntervalSeconds` times `BackoffRate` per attempt, at most `MaxDelaySeconds`, and with
FULL jitter anything between zero and that. Only the first retrier that matches counts. A catcher's `Assign` and
`Output` read `$states.errorOutput`. A Parallel or a Map is said to have failed once, when no retry is left. (Step
Functions developer guide, concepts-error-handling; measured on AWS by the author of the PyPI package sfnx, its
docs/design.md; recorded on AWS in localstack/localstack's aws.validated snapshots.)

moto 5.2.5 evaluates `Output`, and the `Arguments` of a Parallel, outside its Retry and Catch, catches
`States.Runtime`, gives a failed attempt's error as `$states.result`, and does not notice StopExecution while it waits
between attempts, nor while it begins one: its history can then not be read. It starts a thread for every attempt, even
if the attempt has no timeout.
"""

import copy
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import JitterStrategy
from moto.stepfunctions.parser.asl.component.common.timeouts.heartbeat import Heartbeat
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError, Timeout
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import StateParallel
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask

from localcloud.expression_functions import NULL
from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.assign import forget
from localcloud.gaps.stepfunctions.errors import matches

# The event of a state that is not tried again; a Task has one for each attempt.
GIVEN_UP = {StateParallel: HistoryEventType.ParallelStateFailed, StateMap: HistoryEventType.MapStateFailed}

gap = Gap()


@gap.wraps(StateTask, "_eval_state")
@gap.wraps(StateParallel, "_eval_state")
@gap.wraps(StateMap, "_eval_state")
def _eval_state(original: Callable[..., None], self: Any, env: Any) -> None:
    if self._is_language_query_jsonpath():
        original(self, env)
    else:
        Attempts(self, env).run()


@gap.wraps(StateTask, "_eval_state_output")
@gap.wraps(StateParallel, "_eval_state_output")
@gap.wraps(StateMap, "_eval_state_output")
def _eval_state_output(original: Callable[..., None], self: Any, env: Any) -> None:
    # In JSONata the attempt, or the catcher, has evaluated the output already.
    if self._is_language_query_jsonpath():
        original(self, env)


@gap.wraps(Heartbeat, "eval")
@gap.wraps(Timeout, "eval")
def _eval_seconds(original: Callable[..., None], self: Any, env: Any) -> None:
    original(self, env)
    if not env.is_running():  # moto evaluates nothing then, and would take the state's input for the seconds
        raise RuntimeError("The run was stopped")


class Attempts:
    """The attempts of one stay in a state, in JSONata."""

    def __init__(self, state: Any, env: Any) -> None:
        self._state = state
        self._env = env
        self._input = env.states.get_input()
        self._retries: Counter[int] = Counter()  # by the place of the retrier

    def run(self) -> None:
        """Try until an attempt succeeds or a catcher takes its failure. Raises FailureEventException otherwise."""
        context = self._env.states.context_object.context_object_data["State"]
        context["RetryCount"] = 0
        while self._env.is_running():
            try:
                self._attempt()
                return
            except Exception as exception:
                if not self._env.is_running():  # stopped from outside, which is not this state's failure
                    return
                failure = self._recorded(exception)
                error = failure.error_name and failure.error_name.error_name
                if (delay := self.delay(error)) is not None:
                    self._env.program_state_event.wait(delay)
                    context["RetryCount"] += 1
                    continue
                if given_up := GIVEN_UP.get(type(self._state)):
                    self._env.event_manager.add_event(self._env.event_history_context, given_up)
                if self._is_caught(error):
                    return
                raise FailureEventException(failure_event=failure) from exception

    def delay(self, error: str | None) -> float | None:
        """Return the seconds to wait before the next attempt, or None if no retry is left."""
        for place, retrier in enumerate(self._state.retry.retriers if self._state.retry else ()):
            if not matches(retrier.error_equals, error):
                continue
            made = self._retries[place]
            if made >= retrier.max_attempts.attempts:
                return None
            self._retries[place] += 1
            delay = retrier.interval_seconds.seconds * retrier.backoff_rate.rate**made
            delay = float(min(delay, retrier.max_delay_seconds.max_delays_seconds))
            full_jitter = retrier.jitter_strategy.jitter_strategy == JitterStrategy.FULL
            return random.uniform(0, delay) if full_jitter else delay  # noqa: S311, jitter
        return None

    def _attempt(self) -> None:
        state, env = self._state, self._env
        forget(env)
        frame = env.open_frame()
        frame.states.reset(input_value=self._input)
        frame.stack = [copy.deepcopy(self._input)]
        try:
            if isinstance(state, StateParallel) and state.parargs is not None:
                state.parargs.eval(env=frame)
                frame.stack = frame.stack[-1:]
            _work(state, frame)
        finally:
            frame.set_ended()
            env.close_frame(frame)
        result = frame.stack[-1]
        env.states._states_data["result"] = NULL if result is None else copy.deepcopy(result)
        self._settle(state, state.assign_decl, result)
        state._verify_size_quota(env=env, value=env.states.get_input())

    def _settle(self, fields: Any, assign: Any, default: Any) -> None:
        """Evaluate `Assign` and `Output` of the state or a catcher, and make its output the next state's input."""
        if assign:
            assign.eval(env=self._env)
        if fields.output:
            fields.output.eval(env=self._env)
        else:
            self._env.states.reset(input_value=default)

    def _recorded(self, exception: Exception) -> Any:
        """Write a failed attempt into the history and `$states.errorOutput`, and return it in moto's form."""
        failure = self._state._from_error(env=self._env, ex=exception)
        # The evaluator has recorded an expression's failure.
        if isinstance(self._state, StateTask) and failure.event_type != HistoryEventType.EvaluationFailed:
            manager = self._env.event_manager
            manager.add_event(self._env.event_history_context, failure.event_type, failure.event_details)
        details = next(iter((failure.event_details or {"": {}}).values()))
        self._env.states.reset(input_value=self._input)
        self._env.states.set_error_output({"Error": details.get("error") or "", "Cause": details.get("cause") or ""})
        return failure

    def _is_caught(self, error: str | None) -> bool:
        for catcher in self._state.catch.catchers if self._state.catch else ():
            if matches(catcher.error_equals, error):
                forget(self._env)
                self._settle(catcher, catcher.assign, self._env.states.get_error_output())
                self._env.next_state_name = catcher.next_decl.name
                return True
        return False


def _work(state: Any, frame: Any) -> None:
    """Do the state's work, in a thread that is given up after the timeout unless the work keeps the time itself."""
    if state.timeout.is_default_value() or getattr(state, "keeps_time", False):
        state._eval_execution(frame)
        return
    state.timeout.eval(env=frame)
    seconds = frame.stack.pop()
    failures: list[Exception] = []
    done = threading.Event()

    def work() -> None:
        try:
            state._eval_execution(frame)
        except Exception as failure:  # noqa: BLE001, raised again in the thread that waits
            failures.append(failure)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    if not done.wait(seconds):
        raise EvalTimeoutError
    if failures:
        raise failures[0]
