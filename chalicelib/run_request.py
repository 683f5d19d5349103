"""Find what a run was asked to do: from its result, else from the input of its execution."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

LONGEST_INPUT = 262_144  # bytes; what the workflow itself can read (Step Functions developer guide, quotas)


def result_of(s3: Any, bucket: str, execution: str) -> dict[str, Any] | None:
    """Return the run's result.json; None if it has none or it cannot be read."""
    return _object(s3, Bucket=bucket, Key=f"outputs/{execution}/result.json")


def request_of(s3: Any, bucket: str, given: str | None) -> dict[str, Any] | None:
    """Return the request in an execution's input, or in the file that the input names; None if there is none.

    The forms are those of the workflow (workflow.asl.yaml, FindInput).
    """
    request = _parsed(given or "")
    if request is None or "jiraStoryId" in request:
        return request
    key = request.get("key") or request.get("inputFile")
    if not isinstance(key, str):
        return None
    version = request.get("versionId")
    where = {"Bucket": request.get("bucket") or bucket, "Key": key} | ({"VersionId": version} if version else {})
    return _object(s3, **where)


def _object(s3: Any, **where: Any) -> dict[str, Any] | None:
    try:
        return _parsed(s3.get_object(**where)["Body"].read(LONGEST_INPUT).decode("utf-8-sig"))
    except (ClientError, BotoCoreError, ValueError):
        return None


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
