"""What a run wrote: `outputs/<execution>/result.json` and `logs/<execution>/execution.json`."""

import json
from typing import Any

from storygate.support.errors import OperatorError

Document = dict[str, Any]


def read_result(s3: Any, bucket: str, execution: str) -> Document | None:
    """The result of a run (design: Contract, Result); None if there is none, or not yet."""
    return _read(s3, bucket, result_key(execution))


def read_log(s3: Any, bucket: str, execution: str) -> Document | None:
    """The log of a run, `{"execution", "events": [{"at", "step", "message"}]}`; None if there is none, or not yet."""
    return _read(s3, bucket, log_key(execution))


def result_key(execution: str) -> str:
    """Where a run's result is."""
    return f"outputs/{execution}/result.json"


def log_key(execution: str) -> str:
    """Where a run's log is."""
    return f"logs/{execution}/execution.json"


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
            f"s3://{bucket}/{key} is not a JSON object; no run wrote it so.",
            f"See who did: aws s3api list-object-versions --bucket {bucket} --prefix {key}",
        )
    return document
