"""`list`: the newest runs, each with its story and outcome, and those that wait.

ListExecutions gives names, states and times, a hundred runs a call, but no story. The story costs one more call a row,
and only the rows that are shown pay it:

- a run that ended: result.json, one GetObject, which names the outcome as well
- a run that goes on: its input (DescribeExecution, and one GetObject if that lies in S3)
- whether it waits: its entry in the decision table, one BatchGetItem for all rows

Neither a Scan of the table, which holds every story of 400 days, nor the runs' histories are read.
"""

import argparse
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from storygate.commands.arguments import Place, add_command, emit, place_of
from storygate.runs.executions import RUNNING, Run, Runs
from storygate.runs.history import outcome_of
from storygate.runs.inputs import story_of
from storygate.runs.result_files import read_result
from storygate.runs.waits import waiting_among
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal
from storygate.support.times import age, clock, iso

COLUMNS = ("RUN", "STORY", "OUTCOME", "STARTED", "AGE")
AT_ONCE = 8  # calls; botocore's own pool holds ten connections
LARGEST = 1000


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "list",
        run,
        help="the newest runs, or those that wait",
        description="Shows runs with story, outcome and age since their start; newest first: by their start while "
        "they run, by their end after.",
        example="--stage dev --waiting",
    )
    parser.add_argument("--waiting", action="store_true", help="only runs that wait for their story")
    parser.add_argument("--limit", type=limit, default=20, metavar="N", help="how many at most (default 20)")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0, also if there is nothing to list."""
    place = place_of(args)
    rows = list(islice(_rows(place, args.limit, args.waiting), args.limit))
    if args.json:
        emit(rows)
    elif rows:
        terminal.table(COLUMNS, [_cells(row) for row in rows])
    else:
        terminal.say(f"stage {place.stage.name}: no run {'waits' if args.waiting else 'yet'}")
    return 0


def limit(text: str) -> int:
    """A number of rows as an argument."""
    number = int(text)
    if not 1 <= number <= LARGEST:
        raise argparse.ArgumentTypeError(f"{number} is not from 1 to {LARGEST}")
    return number


def _rows(place: Place, size: int, waiting: bool) -> Iterator[dict[str, Any]]:
    """The rows, `size` of them looked up at once; more only if some do not wait."""
    runs = place.runs.latest(RUNNING if waiting else None)
    while batch := list(islice(runs, size)):
        for row in look_up(place, batch):
            if not waiting or row["outcome"] == "waiting":
                yield row
        if not waiting:
            return


Known = MutableMapping[tuple[str, datetime | None], tuple[str | None, str]]


def look_up(place: Place, batch: list[Run], known: Known | None = None) -> list[dict[str, Any]]:
    """A row for each run, `{"execution", "story", "outcome", "startedAt", "endedAt", "ageSeconds"}`.

    `known` remembers what never changes, by the run's ARN and end: its story, and how it ended.
    """
    known = {} if known is None else known
    # Made before the threads: they may share boto3's clients, but not make them (boto3 guide, multithreading).
    s3, runs, bucket = place.s3, place.runs, place.stage.bucket
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda run: _row(s3, runs, bucket, run, known), batch))
    going = {row["execution"]: row["story"] for row in rows if row["outcome"] == "running" and row["story"]}
    waiting = waiting_among(place.dynamodb, place.stage.table, going)
    return [row | ({"outcome": "waiting"} if row["execution"] in waiting else {}) for row in rows]


def _row(s3: Any, runs: Runs, bucket: str, run: Run, known: Known) -> dict[str, Any]:
    key = run.arn, run.ended  # a redriven run ends once more
    if key not in known:
        known[key] = _story_and_outcome(s3, runs, bucket, run)
    story, outcome = known[key]
    return {
        "execution": run.name,
        "story": story,
        "outcome": outcome,
        "startedAt": iso(run.started),
        "endedAt": iso(run.ended) if run.ended else None,
        "ageSeconds": round((datetime.now(UTC) - run.started).total_seconds()),
    }


def _story_and_outcome(s3: Any, runs: Runs, bucket: str, run: Run) -> tuple[str | None, str]:
    # A run that succeeds or fails has written its result; one that was stopped has not.
    if run.status in {"SUCCEEDED", "FAILED"}:
        try:
            result = read_result(s3, bucket, run.name)
        except OperatorError:  # one spoilt file must not hide the other runs; `results` tells of it
            result = None
        if result is not None:
            return result.get("jiraStoryId"), str(result.get("outcome"))
    described = runs.describe(run.arn)
    return story_of(s3, bucket, described.get("input")), outcome_of(run.status, described.get("error"))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    started = clock(datetime.fromisoformat(row["startedAt"]))
    return row["execution"], row["story"] or "-", row["outcome"], started, age(row["ageSeconds"])
