"""The files a run writes: `outputs/<execution>/result.json` and `logs/<execution>/execution.json`."""

import json
from datetime import UTC, datetime
from typing import Any

from storygate.runs.executions import RUNNING, Runs
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.times import local_time, span

Document = dict[str, Any]
RESULTS, LOGS = "outputs/", "logs/"


def read_result(s3: Any, bucket: str, execution: str) -> Document | None:
    """Return the result of a run (README, "What comes out"); None if it has not been written.

    Raises OperatorError for a file that is not a JSON object, as `read_log` does.
    """
    return _read(s3, bucket, result_key(execution))


def read_log(s3: Any, bucket: str, execution: str) -> Document | None:
    """Return the log of a run, `{"execution", "events": [{"at", "step", "message"}]}`; None if it was not written."""
    return _read(s3, bucket, log_key(execution))


def result_key(execution: str) -> str:
    """Return the key of a run's result in the bucket."""
    return f"{RESULTS}{execution}/result.json"


def log_key(execution: str) -> str:
    """Return the key of a run's log in the bucket."""
    return f"{LOGS}{execution}/execution.json"


def no_result(context: Context, name: str) -> OperatorError:
    """Return why a run has no result, and what to do about it; raises OperatorError for an unknown run."""
    described = Runs(context).describe(name)
    status, ended = described["status"], described.get("stopDate")
    cause = described.get("cause")
    if status == RUNNING:
        running = span((datetime.now(UTC) - described["startDate"]).total_seconds())
        watch = context.stage.command(f"watch {name}")
        return OperatorError(f"{name} has no result yet: it has been running for {running}.", watch)
    retry = context.stage.command(f"retry {name}")
    if status == "ABORTED":
        return OperatorError(
            f"{name} was stopped at {local_time(ended)}: {cause or 'no cause given'}. A stopped run writes no files.",
            f"To run the same request again: {retry}",
        )
    why = ": ".join(filter(None, (described.get("error"), cause))) or "no cause given"
    return OperatorError(
        f"{name} ended {status} at {local_time(ended)} without a result: {why}",
        f"Fix what it names, then run the same request again: {retry}",
    )


def _read(s3: Any, bucket: str, key: str) -> Document | None:
    try:
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise OperatorError(
            f"s3://{bucket}/{key} is not a JSON object, so no run has written it.",
            f"Find who has: aws s3api list-object-versions --bucket {bucket} --prefix {key}",
        )
    return document
