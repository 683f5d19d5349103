"""Runs as rows of a list, each with its story and outcome.

ListExecutions answers names, states and times, a hundred runs a call, but no story. The story costs one more call a
row, so it is read only for the rows that are shown:

- a run that ended: from result.json, one GetObject, which names the outcome as well
- a running one: from its input (DescribeExecution, and one GetObject if the input is in S3)
- whether it waits: from its entry in the decision table, one BatchGetItem for all rows

The table, which holds the stories of 400 days, is never scanned, and no run's history is read.
"""

from collections.abc import Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from storygate.runs.executions import Run, Runs
from storygate.runs.history import outcome_of
from storygate.runs.inputs import environment_in, request_of, story_in
from storygate.runs.result_files import read_result
from storygate.runs.waits import waiting_among
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.json_text import loaded_object
from storygate.support.times import iso

AT_ONCE = 8  # calls; botocore's own pool holds ten connections

Row = dict[str, Any]
KnownRuns = MutableMapping[tuple[str, datetime | None], Row]
"""What never changes of a run, by its ARN and its end: a redriven run ends again, and may end otherwise."""
LONGEST = 255  # characters of an environment's name


def rows_of(context: Context, runs: list[Run], known: KnownRuns | None = None) -> list[Row]:
    """Return a row for each run.

    `{"execution", "story", "outcome", "packages", "environment", "startedBy", "startedAt", "endedAt", "ageSeconds"}`:
    the number of packages, and the age since the start. `known` is filled, and saves the calls for runs that are in it.
    """
    known = {} if known is None else known
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda run: _row(context, run, known), runs))
    running = {row["execution"]: row["story"] for row in rows if row["outcome"] == "running" and row["story"]}
    waiting = waiting_among(context.client("dynamodb"), context.stage.table, running)
    return [row | ({"outcome": "waiting"} if row["execution"] in waiting else {}) for row in rows]


def _row(context: Context, run: Run, known: KnownRuns) -> Row:
    key = run.arn, run.ended
    if key not in known:
        known[key] = _unchanging(context, run)
    return {
        "execution": run.name,
        **known[key],
        "startedAt": iso(run.started),
        "endedAt": iso(run.ended) if run.ended else None,
        "ageSeconds": round((datetime.now(UTC) - run.started).total_seconds()),
    }


def _unchanging(context: Context, run: Run) -> Row:
    s3, bucket = context.client("s3"), context.stage.bucket
    # A run that succeeds or fails has written its result; one that was stopped has not.
    if run.status in {"SUCCEEDED", "FAILED"}:
        try:
            result = read_result(s3, bucket, run.name)
        except OperatorError:  # one unreadable file must not hide the other runs; `results` reports it
            result = None
        if result is not None:
            return _facts(result, str(result.get("outcome")), result.get("startedBy"))
    described = Runs(context).describe(run.arn)
    text = described.get("input")
    started_by = loaded_object(text).get("startedBy")  # as the trigger writes it
    return _facts(request_of(s3, bucket, text), outcome_of(run.status, described.get("error")), started_by)


def _facts(request: Mapping[str, Any], outcome: str, started_by: Any) -> Row:
    packages, environment = request.get("packageIds"), environment_in(request)
    return {
        "story": story_in(request),
        "outcome": outcome,
        "packages": len(packages) if isinstance(packages, list) else 0,
        "environment": environment[:LONGEST] if environment else None,
        "startedBy": started_by if isinstance(started_by, str) else None,
    }
