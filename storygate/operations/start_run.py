"""Start a run: read its input, and wait until the upload has started it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from botocore.exceptions import ClientError

from storygate.runs.executions import Runs
from storygate.runs.history import History, await_run
from storygate.runs.input_rules import problems
from storygate.runs.inputs import Drop
from storygate.stage.context import Context
from storygate.support.errors import DENIED, OperatorError, OutOfPatience, error_code

# From the upload to the run: S3 "typically" notifies in seconds, at times in a minute or longer (S3 user guide).
START_SECONDS = 120.0
MINIMAL = '{"jiraStoryId": "PROJ-123", "packageIds": ["pkg-001"]}'


def read_input(path: Path, projects: Sequence[str]) -> bytes:
    """Return the bytes of an input file for a stage that gates these projects (Stage.projects).

    Raises OperatorError if a drop of the file would start no run, or a run that ends `invalid_input`.
    """
    if path.suffix != ".json":
        raise OperatorError(
            f"{path} does not end in .json, and only a file that does starts a run.",
            f"Rename it to {path.with_suffix('.json').name}.",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    if not content.strip():
        raise OperatorError(f"{path} is empty.", f"Write at least {MINIMAL}.")
    try:
        request = json.loads(content.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path} is not UTF-8 text: {error.reason}.", "Save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise OperatorError(f"{path} is not JSON: {error}.", "Fix it at that place.") from error
    if wrong := problems(request, projects):
        raise OperatorError(f"{path} is no valid input: {'; '.join(wrong)}.", "Correct it. Nothing was uploaded.")
    return content


def refuse_if_not_deployed(context: Context) -> None:
    """Raise OperatorError if the stage has no state machine; a caller who may not list its runs passes."""
    try:
        next(Runs(context).latest(page=1), None)
    except ClientError as error:
        if error_code(error) not in DENIED:
            raise


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
