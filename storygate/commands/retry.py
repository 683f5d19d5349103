"""`retry`: the same request in a new run."""

import argparse
import re
import secrets
from typing import Any

from storygate.commands.common import add_command, add_execution, emit, place_of, say, told
from storygate.errors import OperatorError
from storygate.inputs import pinned
from storygate.runs import RUNNING
from storygate.terminal import Terminal

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
    described = place.runs.describe(args.execution)
    name = described["name"]
    if described["status"] == RUNNING:
        raise OperatorError(
            f"{name} still runs; a second run of its request would call the APIs twice.",
            f"Cancel it first: {say(f'cancel {name}', place.stage)}",
        )
    if described["status"] == "SUCCEEDED":
        shown.warn(f"{name} was approved; its request is carried out once more")
    text = pinned(place.s3, place.stage.bucket, described)
    new = new_name(name)
    arn = place.runs.start(new, text)
    if args.json:
        emit({"execution": new, "executionArn": arn, "retryOf": name})
    shown.done(f"started {new}, with the request of {name}")
    shown.say(f"  {say(f'watch {new}', place.stage)}")
    return 0


def new_name(name: str) -> str:
    """A name for a retry: the first run's, cut to what fits, and random digits; a retry's retry does not grow."""
    suffix = f"-retry-{secrets.token_hex(4)}"
    first = re.sub(r"-retry-[0-9a-f]{8}$", "", name)
    return first[: LONGEST_NAME - len(suffix)] + suffix
