"""What the commands about runs share: their flags, the stage they work on, and JSON for scripts."""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from storygate.deployment.functions import api_url
from storygate.report.live_picture import follow_live
from storygate.runs.executions import Runs, name_of
from storygate.runs.history import History, Moment
from storygate.stage.aws import Aws, of_environment
from storygate.stage.config import Stage, find_project, load_stage
from storygate.support.errors import Interrupted, OperatorError, OutOfPatience
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from storygate.support.times import age, clock

# How long a wait for a run's end may take: a gate waits for people, a script should not wait a week unseen.
WAIT_SECONDS = 3600.0
WORD_EVERY = 600.0  # seconds between two lines that say how long a run has waited


@dataclass(frozen=True)
class Place:
    """A stage, and the AWS it is deployed to."""

    project: Path
    stage: Stage
    aws: Aws

    @cached_property
    def caller(self) -> Any:
        """Who we are for AWS; GetCallerIdentity needs no permission (STS API reference)."""
        return self.aws.client("sts").get_caller_identity()

    @property
    def who(self) -> str:
        """The caller for people and records: `user/ann`, `assumed-role/release/ann`."""
        return str(self.caller["Arn"]).rpartition(":")[2]

    @cached_property
    def stepfunctions(self) -> Any:
        """Step Functions' client."""
        return self.aws.client("stepfunctions")

    @cached_property
    def s3(self) -> Any:
        """S3's client."""
        return self.aws.client("s3")

    @cached_property
    def dynamodb(self) -> Any:
        """DynamoDB's client."""
        return self.aws.client("dynamodb")

    @cached_property
    def runs(self) -> Runs:
        """The stage's runs."""
        return Runs(self.stage, self.stepfunctions, self.caller)

    @property
    def callback_url(self) -> str:
        """Where Jira's webhook goes; raises OperatorError if the stage has no REST API."""
        url = api_url(self.project, self.stage, self.aws)
        if not url:
            raise OperatorError(
                f"Stage {self.stage.name} has no REST API here.",
                f"Run `{say('deploy', self.stage)}`, or check AWS_PROFILE and the region.",
            )
        return f"{url}/jira/callback"


def place_of(args: argparse.Namespace) -> Place:
    """Where a command works: `--stage` of the project, on the AWS of the environment."""
    project, aws = find_project(), of_environment()
    return Place(project, load_stage(project, args.stage, aws.region), aws)


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace, Terminal], int],
    *,
    help: str,
    description: str,
    example: str,
) -> argparse.ArgumentParser:
    """A command with `--stage` and `--json`; `example` is what follows `python -m storygate <name>`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=description, epilog=f"Example: python -m storygate {name} {example}"
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as dev")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, and nothing else there")
    parser.set_defaults(run=run)
    return parser


def add_timeout(parser: argparse.ArgumentParser, default: float, what: str) -> None:
    """`--timeout SECONDS`."""
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=default,
        metavar="SECONDS",
        help=f"{what} (default {default:g}); exit code 124 if it is reached",
    )


def add_execution(parser: argparse.ArgumentParser, **options: Any) -> None:
    """`EXECUTION`, a run's name or ARN."""
    parser.add_argument("execution", metavar="EXECUTION", help="a run's name or ARN, see `list`", **options)


def seconds(text: str) -> float:
    """A span as an argument: a number above zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above zero")
    return number


def say(command: str, stage: Stage) -> str:
    """A command to copy."""
    return f"python -m storygate {command} --stage {stage.name}"


def emit(document: Any) -> None:
    """One line of JSON on standard output."""
    print(json.dumps(document, ensure_ascii=False), flush=True)


def told(args: argparse.Namespace, terminal: Terminal) -> Terminal:
    """Where the words for people go: the terminal, or nowhere if the output is for a script."""
    return Terminal(open(os.devnull, "w", encoding="utf-8")) if args.json else terminal


def await_end(
    place: Place, history: History, timeout: float, tell: Callable[[Moment], None], terminal: Terminal
) -> Moment:
    """Follows a run to its end, telling each moment; returns the last one.

    Raises OutOfPatience after `timeout` seconds, and Interrupted at Ctrl-C; the run itself goes on either way.
    """
    again = say(f"watch {name_of(history.arn)}", place.stage)
    next_word = 0.0

    def idle() -> None:
        nonlocal next_word
        if history.waiting_since and not terminal.can_redraw and time.monotonic() >= next_word:
            next_word = time.monotonic() + WORD_EVERY
            terminal.detail(_standing(history))

    try:
        is_over = follow_live(history, Patience(timeout), tell, terminal, idle=idle)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted; the run goes on.", f"To watch it again: {again}") from None
    if is_over and history.end:
        return history.end
    raise OutOfPatience(
        f"Waited as long as --timeout says; the run is still at {_standing(history)}.",
        f"It goes on without us. To watch it again, for longer if need be with --timeout: {again}",
    )


def _standing(history: History) -> str:
    state = history.path[-1] if history.path else "its start"
    if history.waiting_since is None:
        return state
    since = history.waiting_since
    waited = age((datetime.now(UTC) - since).total_seconds())
    return f"{state}, waiting for {waited}, since {clock(since)}"
