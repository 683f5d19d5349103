"""Retry a run: start the same request in a new run."""

import re
import secrets
from dataclasses import dataclass

from storygate.runs.executions import RUNNING, Runs
from storygate.runs.inputs import pinned
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

LONGEST_NAME = 80  # StartExecution API reference


@dataclass(frozen=True)
class RetriedRun:
    """A new run, and the run whose request it repeats (`first`)."""

    name: str
    arn: str
    first: str
    was_approved: bool


def retry_run(context: Context, execution: str) -> RetriedRun:
    """Start the request of an ended run once more; raises OperatorError if the run goes on or its input is gone."""
    runs = Runs(context)
    described = runs.describe(execution)
    name = described["name"]
    if described["status"] == RUNNING:
        raise OperatorError(
            f"{name} still runs; a second run of its request would call the APIs twice.",
            f"Cancel it first: {context.stage.command(f'cancel {name}')}",
        )
    text = pinned(context.client("s3"), context.stage.bucket, described)
    new = new_name(name)
    return RetriedRun(new, runs.start(new, text), name, described["status"] == "SUCCEEDED")


def new_name(name: str) -> str:
    """Return a name for a retry: the first run's name, cut to fit, and random digits. A second retry is no longer."""
    suffix = f"-retry-{secrets.token_hex(4)}"
    first = re.sub(r"-retry-[0-9a-f]{8}$", "", name)
    return first[: LONGEST_NAME - len(suffix)] + suffix
