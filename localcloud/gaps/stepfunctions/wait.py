"""Wait states.

AWS: `Seconds` is a whole number of zero or more, `Timestamp` an ISO 8601 time with an offset; any other value of an
expression is `States.QueryEvaluationError`. (Measured on AWS by the author of the PyPI package sfnx, its
docs/design.md, "States".)

moto 5.2.5 compares UTC with this machine's local time, cuts fractions off, accepts any text as a number, and starts a
wait again if the clock says that it ended a moment early.
"""

import time
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds import SecondsJSONata
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.jsonata import query_evaluation_error

gap = Gap()


@gap.replaces(WaitFunction, "_wait_interval")
def _wait_interval(self: object, env: Any, wait_seconds: float) -> None:
    del self
    end = time.monotonic() + wait_seconds
    while env.is_running() and (left := end - time.monotonic()) > 0:
        env.program_state_event.wait(left)


@gap.replaces(SecondsJSONata, "_get_wait_seconds")
def _seconds(self: Any, env: Any) -> float:
    self.string_jsonata.eval(env=env)
    seconds = env.stack.pop()
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0 or seconds != int(seconds):
        raise query_evaluation_error(env, f"Seconds is {seconds!r}, not a whole number of zero or more")
    return seconds


@gap.replaces(Timestamp, "_get_wait_seconds")
def _until(self: Any, env: Any) -> float:
    self.string.eval(env=env)
    text = env.stack.pop()
    try:
        moment = datetime.fromisoformat(text.upper())
    except (AttributeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in text.upper():
        raise query_evaluation_error(env, f"Timestamp is {text!r}, not an ISO 8601 time with an offset")
    return (moment - datetime.now(UTC)).total_seconds()
