"""Wait states.

AWS: `Seconds` is a whole number of zero or more, `Timestamp` an ISO 8601 time with an offset; any other value of an
expression is `States.QueryEvaluationError`, of a `TimestampPath` `States.Runtime`. (Measured on AWS by the author of
the PyPI package sfnx, its docs/design.md, "States"; recorded on AWS in localstack/localstack's aws.validated
snapshots.)

moto 5.2.5 compares UTC with this machine's local time, cuts fractions off, accepts any text as a number, and starts a
wait again if the clock says that it ended a moment early.
"""

import time
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds import SecondsJSONata
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.errors import runtime_error
from localcloud.gaps.stepfunctions.evaluation import wrong_type

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
        raise wrong_type(env, self.string_jsonata.expression, "non-negative integer", seconds)
    return seconds


@gap.replaces(Timestamp, "_get_wait_seconds")
def _until(self: Any, env: Any) -> float:
    self.string.eval(env=env)
    text = env.stack.pop()
    if (moment := _moment(text)) is not None:
        return (moment - datetime.now(UTC)).total_seconds()
    if isinstance(self.string, StringJSONata):
        raise wrong_type(env, self.string.expression, "ISO 8601 timestamp", text)
    raise runtime_error(
        env,
        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
        f"{self.string.literal_value} == {text}",
    )


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str) or "T" not in text.upper():
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return moment if moment.tzinfo else None
