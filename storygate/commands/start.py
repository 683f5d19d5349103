"""`start`: drops an input file into the stage's bucket, and follows the run if asked to."""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NoReturn

from storygate.commands.arguments import (
    WAIT_SECONDS,
    Place,
    add_command,
    add_timeout,
    await_end,
    emit,
    place_of,
    say,
    told,
)
from storygate.runs.history import History, await_run
from storygate.runs.inputs import Drop, drop
from storygate.support.errors import OperatorError, OutOfPatience
from storygate.support.terminal import Terminal

# From the upload to the run: S3 "typically" notifies in seconds, at times in a minute or longer (S3 user guide).
START_SECONDS = 120.0


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "start",
        run,
        help="drop an input, and start its run",
        description="Uploads an input file to the stage's bucket, which starts its run, and tells the run's name. "
        "What the file must hold, the run itself checks.",
        example="samples/approved.json --stage dev --wait",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a JSON file, see the README")
    parser.add_argument("--wait", action="store_true", help="follow the run; exit 0 only if it ends approved")
    add_timeout(parser, WAIT_SECONDS, "how long --wait waits for the run's end")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 once uploaded; with --wait 0 if the run ended approved, else 1, and 124 at the timeout."""
    content, place, shown = read_json(args.file), place_of(args), told(args, terminal)
    dropped = drop(place.s3, place.stage.bucket, f"{args.file.stem}.json", content)
    document = _document(place, dropped)
    shown.done(f"uploaded s3://{dropped.bucket}/{dropped.key}, version {dropped.version}")
    if not args.wait:
        shown.say(f"run {dropped.execution}")
        shown.say(f"  {say(f'watch {dropped.execution}', place.stage)}")
        if args.json:
            emit(document)
        return 0
    began = time.monotonic()
    try:
        history = await_start(place, dropped, args.timeout)
        shown.done(f"run {dropped.execution} has started")
        left = max(0.0, args.timeout - (time.monotonic() - began))
        end = await_end(place, history, left, lambda moment: moment.tell(shown), shown)
        document |= end.details
    finally:
        if args.json:  # whatever comes, the script learns which run it is
            emit(document)
    return 0 if end.details["outcome"] == "approved" else 1


def read_json(path: Path) -> bytes:
    """The file's bytes; raises OperatorError if it cannot be read or is no JSON text."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    try:
        json.loads(content.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path} is not UTF-8 text: {error.reason}.", "Save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise OperatorError(f"{path} is not JSON: {error}.", "Mend it at that place.") from error
    return content


def await_start(place: Place, dropped: Drop, patience: float) -> History:
    """The history of the run that an upload starts, once there is one.

    Raises OutOfPatience after `patience` seconds, and OperatorError after the two minutes in which a drop must start.
    """
    bound = min(patience, START_SECONDS)
    history = History(place.stepfunctions, place.runs.arn(dropped.execution))
    if not await_run(history, bound):
        kind = OperatorError if bound == START_SECONDS else OutOfPatience
        raise kind(
            f"The upload of {dropped.key} has started no run within {bound:g} s.",
            f"See why: aws logs tail /aws/lambda/{place.stage.lambda_names.get('start_execution', '…')} --since 10m. "
            f"If it starts late, it is {dropped.execution}.",
        )
    return history


def _document(place: Place, dropped: Drop) -> dict[str, Any]:
    return {
        "execution": dropped.execution,
        "executionArn": place.runs.arn(dropped.execution),
        "input": {"bucket": dropped.bucket, "key": dropped.key, "versionId": dropped.version},
    }


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
