"""`smoke`: the whole round on a deployed stage, once approved and once rejected, and everything cleaned up after.

Each run has a story of its own, `SMOKE-<digits>`, so nothing else waits for it and all that bears it is ours to delete.
"""

import argparse
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from storygate.commands.arguments import Place, add_command, emit, place_of, seconds, told
from storygate.commands.start import await_start
from storygate.deployment.stage_secret import read_field
from storygate.operations import send_verdict as callbacks
from storygate.operations.called_apis import confirm_real_calls, read_apis
from storygate.runs.executions import RUNNING
from storygate.runs.history import follow
from storygate.runs.inputs import Drop, drop
from storygate.runs.result_files import log_key, read_log, read_result, result_key
from storygate.support.errors import AWS_ERRORS, OperatorError, explain
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

SECONDS = 300.0
WANTED = ("approved", "rejected")


@dataclass
class Round:
    """One run of the smoke test, and what became of it. `problem` is None if it went as wanted."""

    wanted: str
    story: str
    execution: str | None = None
    outcome: str | None = None
    seconds: float | None = None
    problem: str | None = None


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "smoke",
        run,
        help="the whole round on a deployed stage, approved and rejected",
        description="Plays one approval and one rejection on a deployed stage: upload, wait, signed callback, result. "
        "Each has a story of its own, and what they leave is deleted. Real APIs are really called; on a terminal it "
        "asks first.",
        example="--stage dev",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before calling real APIs")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=SECONDS,
        metavar="SECONDS",
        help=f"how long each of the two may take (default {SECONDS:g}); longer is a failure, exit code 1",
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 if both runs ended as wanted and left nothing, else 1."""
    place, shown = place_of(args), told(args, terminal)
    apis = read_apis(place.stage, place.stepfunctions, place.runs.machine)
    if not args.yes:
        confirm_real_calls(apis, place.stage, "each of the two runs", shown)
    rounds = []
    for wanted in WANTED:
        story = f"SMOKE-{time.time_ns() // 1_000_000}{secrets.randbelow(1000):03}"
        shown.step(f"{story}: shall be {wanted}")
        rounds.append(Round(wanted, story))
        play(place, rounds[-1], args.timeout, shown)
    passed = not any(played.problem for played in rounds)
    if args.json:
        emit({"stage": place.stage.name, "passed": passed, "runs": [asdict(played) for played in rounds]})
    shown.say(f"smoke test of stage {place.stage.name}: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


def play(place: Place, played: Round, timeout: float, terminal: Terminal) -> None:
    """Plays one round within `timeout` seconds and cleans up, whatever comes; `played` says what went wrong."""
    began = time.monotonic()
    content = {
        "jiraStoryId": played.story,
        "packageIds": ["storygate-smoke"],
        "metadata": {"test": "storygate smoke"},
        "timeoutSeconds": max(1, round(timeout)),
    }
    dropped = None
    try:
        dropped = drop(place.s3, place.stage.bucket, f"{played.story.lower()}.json", json.dumps(content).encode())
        played.execution = dropped.execution
        _drive(place, played, dropped, timeout, terminal)
    except (OperatorError, *AWS_ERRORS) as error:
        _problem(played, error, terminal)
    finally:
        played.seconds = round(time.monotonic() - began, 1)
        try:
            if dropped:
                clean_up(place, played.story, dropped)
                terminal.detail("cleaned up: input, result, log and the story's entries")
        except (OperatorError, *AWS_ERRORS) as error:
            _problem(played, error, terminal)


def clean_up(place: Place, story: str, dropped: Drop) -> None:
    """Stops the run if it still runs, then deletes what it read and wrote, every version, and the story's entries."""
    try:
        if place.runs.describe(dropped.execution)["status"] == RUNNING:
            place.runs.stop(dropped.execution, "the smoke test is over")
    except OperatorError:
        pass  # it never started
    for key in (dropped.key, result_key(dropped.execution), log_key(dropped.execution)):
        _delete_versions(place.s3, dropped.bucket, key)
    table, dynamodb = place.stage.table, place.dynamodb
    entries = dynamodb.query(
        TableName=table,
        ConsistentRead=True,
        KeyConditionExpression="story = :story",
        ProjectionExpression="story, entry",
        ExpressionAttributeValues={":story": {"S": story}},
    )["Items"]
    for entry in entries:
        dynamodb.delete_item(TableName=table, Key=entry)


def _drive(place: Place, played: Round, dropped: Drop, timeout: float, terminal: Terminal) -> None:
    patience = Patience(timeout)
    history = await_start(place, dropped, timeout)
    terminal.done(f"the upload started {dropped.execution}")

    def go_on(what: str, until: Callable[[], bool] = lambda: False) -> None:
        if not follow(history, patience, lambda moment: moment.tell(terminal), until=until):
            state = history.path[-1] if history.path else "its start"
            raise OperatorError(f"{what} not within {timeout:g} s; the run is at {state}.", "--timeout waits longer.")

    go_on("It waited", lambda: history.waiting_since is not None)
    if not history.end:
        _call_back(place, played, terminal)
    go_on("It ended")
    result = read_result(place.s3, dropped.bucket, dropped.execution) or {}
    played.outcome = result.get("outcome")
    decided = (result.get("decision") or {}).get("decision")
    if played.outcome != played.wanted or decided != played.wanted:
        raise OperatorError(
            f"The result says {played.outcome}, decision {decided}, not {played.wanted}: {result.get('reason')}",
            "Look at the moments above; `watch` shows them again.",
        )
    if not read_log(place.s3, dropped.bucket, dropped.execution):
        raise OperatorError("The run wrote a result, but no log.", "Look at the moments above.")
    terminal.done(f"result and log are there, and say {played.outcome}")


def _call_back(place: Place, played: Round, terminal: Terminal) -> None:
    body = callbacks.webhook(played.story, played.wanted, message=None, actor=place.who)
    secret = read_field(place.aws.client("secretsmanager"), place.stage.secret, "callback")
    answer = callbacks.send(place.callback_url, body, secret)
    told = f"the callback answered HTTP {answer.status}: {answer.text.strip()}"
    # It names the runs that it resumed; execution names are unlike enough to be looked for in the text.
    if answer.status != 200 or str(played.execution) not in answer.text:
        raise OperatorError(f"{told}; it should have resumed the run", "See the log of the function api_handler.")
    terminal.done(told)


def _problem(played: Round, error: Exception, terminal: Terminal) -> None:
    explained = error if isinstance(error, OperatorError) else explain(error)
    played.problem = f"{played.problem}; {explained.message}" if played.problem else explained.message
    terminal.fail(f"{explained.message}\n  fix: {explained.hint}")


def _delete_versions(s3: Any, bucket: str, key: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            if entry["Key"] == key:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=entry["VersionId"])
