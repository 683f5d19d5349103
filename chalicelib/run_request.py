"""Find what a run was asked to do: from its result, else from the input of its execution."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

LONGEST_INPUT = 262_144  # bytes; what the workflow itself can read (Step Functions developer guide, quotas)


def result_of(s3: Any, bucket: str, execution: str) -> dict[str, Any] | None:
    """Return the run's result.json; None if it has none or it cannot be read."""
    return _object(s3, Bucket=bucket, Key=f"outputs/{execution}/result.json")


def request_of(s3: Any, bucket: str, given: str | None) -> dict[str, Any] | None:
    """Return the request in an execution's input, or in the file that the input names; None if it cannot be read."""
    place = place_of(bucket, given)
    return _parsed(given or "") if place is None else _object(s3, **place)


def place_of(bucket: str, given: str | None) -> dict[str, str] | None:
    """Return where an execution's input is in S3, as S3's arguments; None if the input is the request itself.

    The forms are those of the workflow (workflow.asl.yaml, FindInput).
    """
    named = _parsed(given or "")
    if named is None or "jiraStoryId" in named:
        return None
    key = named["inputFile"] if "inputFile" in named else named.get("key")
    if not isinstance(key, str) or not key:
        return None
    where, version = named.get("bucket"), named.get("versionId")
    place = {"Bucket": where if isinstance(where, str) else bucket, "Key": key}
    return place | ({"VersionId": version} if isinstance(version, str) else {})


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
