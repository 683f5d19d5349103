"""Start a run: read its input, and wait until the upload has started it."""

import json
from pathlib import Path
from typing import NoReturn

from storygate.runs.executions import Runs
from storygate.runs.history import History, await_run
from storygate.runs.inputs import Drop
from storygate.stage.context import Context
from storygate.support.errors import OperatorError, OutOfPatience

# From the upload to the run: S3 "typically" notifies in seconds, at times in a minute or longer (S3 user guide).
START_SECONDS = 120.0


def read_json(path: Path) -> bytes:
    """Return the file's bytes; raises OperatorError if it cannot be read or is not JSON in UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    try:
        json.loads(content.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path} is not UTF-8 text: {error.reason}.", "Save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise OperatorError(f"{path} is not JSON: {error}.", "Fix it at that place.") from error
    return content


def await_start(context: Context, dropped: Drop, seconds: float) -> History:
    """Wait until an upload has started its run; return the run's history.

    Raises OutOfPatience after `seconds`, and OperatorError after the two minutes in which an upload must start its run.
    """
    bound = min(seconds, START_SECONDS)
    history = History(context.client("stepfunctions"), Runs(context).arn(dropped.execution))
    if not await_run(history, bound):
        kind = OperatorError if bound == START_SECONDS else OutOfPatience
        raise kind(
            f"The upload of {dropped.key} has started no run within {bound:g} s.",
            f"Read why: aws logs tail /aws/lambda/{context.stage.trigger} --since 10m. "
            f"If the run starts late, its name is {dropped.execution}.",
        )
    return history


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
