"""`retry`: the same request in a new run."""

import argparse
import re
import secrets
from dataclasses import dataclass
from typing import Any

from storygate.commands.arguments import Place, add_command, add_execution, emit, place_of, say, told
from storygate.runs.executions import RUNNING
from storygate.runs.inputs import pinned
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal

LONGEST_NAME = 80  # StartExecution API reference


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "retry",
        run,
        help="the same request in a new run",
        description="Starts a new run with the request of one that is over: the very version of its input in S3, or "
        "its inline input. The APIs are called anew, and the story must be decided anew; only what was decided within "
        "the last ClockSkewSeconds (5) still counts.",
        example="approved-0123456789abcdef --stage dev",
    )
    add_execution(parser)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 once the new run is started."""
    place, shown = place_of(args), told(args, terminal)
    started = retry(place, args.execution)
    if started.was_approved:
        shown.warn(f"{started.first} was approved; its request is carried out once more")
    if args.json:
        emit({"execution": started.name, "executionArn": started.arn, "retryOf": started.first})
    shown.done(f"started {started.name}, with the request of {started.first}")
    shown.say(f"  {say(f'watch {started.name}', place.stage)}")
    return 0


@dataclass(frozen=True)
class Retried:
    """A new run, and the one whose request it has."""

    name: str
    arn: str
    first: str
    was_approved: bool


def retry(place: Place, execution: str) -> Retried:
    """Starts the request of a run that is over once more; raises OperatorError if it runs, or its input is gone."""
    described = place.runs.describe(execution)
    name = described["name"]
    if described["status"] == RUNNING:
        raise OperatorError(
            f"{name} still runs; a second run of its request would call the APIs twice.",
            f"Cancel it first: {say(f'cancel {name}', place.stage)}",
        )
    text = pinned(place.s3, place.stage.bucket, described)
    new = new_name(name)
    return Retried(new, place.runs.start(new, text), name, described["status"] == "SUCCEEDED")


def new_name(name: str) -> str:
    """A name for a retry: the first run's, cut to what fits, and random digits; a retry's retry does not grow."""
    suffix = f"-retry-{secrets.token_hex(4)}"
    first = re.sub(r"-retry-[0-9a-f]{8}$", "", name)
    return first[: LONGEST_NAME - len(suffix)] + suffix
