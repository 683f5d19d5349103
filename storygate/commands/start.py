"""`start`: drop an input file into the stage's bucket, and follow its run if asked to."""

import argparse
import time
from pathlib import Path
from typing import Any

from storygate.commands.arguments import (
    WAIT_SECONDS,
    add_command,
    add_timeout,
    context_of,
    exit_code,
    print_json,
    quiet_if_json,
)
from storygate.operations.start_run import await_start, read_input, refuse_if_not_deployed
from storygate.report.follow_run import follow_to_end
from storygate.runs.executions import Runs
from storygate.runs.inputs import Drop, drop
from storygate.stage.context import Context
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "start",
        run,
        help="drop an input, and so start its run",
        description="Uploads an input file to the stage's bucket, which starts its run, and prints the run's name. "
        "Refuses a file with which the run would end invalid_input.",
        example="samples/approved.json --stage dev --wait",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a JSON file, see the README")
    parser.add_argument("--wait", action="store_true", help="follow the run; exit 0 only if it ends approved")
    add_timeout(parser, WAIT_SECONDS, "how long --wait waits for the run's end")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Upload: 0. With --wait 0 if the run ended approved, else 1, and 124 at the timeout."""
    context, shown = context_of(args), quiet_if_json(args, terminal)
    content = read_input(args.file, context.stage.projects)
    refuse_if_not_deployed(context)
    dropped = drop(context.client("s3"), context.stage.bucket, f"{args.file.stem}.json", content)
    document = _document(context, dropped)
    shown.done(f"uploaded s3://{dropped.bucket}/{dropped.key}, version {dropped.version}")
    if not args.wait:
        shown.say(f"run {dropped.execution}")
        shown.say(f"  {context.stage.command(f'watch {dropped.execution}')}")
        if args.json:
            print_json(document)
        return 0
    began = time.monotonic()
    try:
        history = await_start(context, dropped, args.timeout)
        shown.done(f"run {dropped.execution} has started")
        left = max(0.0, args.timeout - (time.monotonic() - began))
        end = follow_to_end(context, history, left, lambda moment: moment.show(shown), shown)
        document |= end.details
    finally:
        if args.json:  # also after an error, so that a script learns the run's name
            print_json(document)
    return exit_code(end.details["outcome"])


def _document(context: Context, dropped: Drop) -> dict[str, Any]:
    return {
        "execution": dropped.execution,
        "executionArn": Runs(context).arn(dropped.execution),
        "input": {"bucket": dropped.bucket, "key": dropped.key, "versionId": dropped.version},
    }
