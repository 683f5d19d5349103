"""A run's input: upload it, or find it again by the input of the execution."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import story_key
from chalicelib.drop import PREFIX, execution_name
from chalicelib.run_request import LONGEST_INPUT, place_of
from storygate.support.errors import OperatorError, error_code
from storygate.support.json_text import loaded
from storygate.support.own_command import command_line
from storygate.support.times import local_time

GONE = {"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "MethodNotAllowed"}  # the last: a delete marker


@dataclass(frozen=True)
class Drop:
    """An uploaded input. `execution` is the name of the run that it starts."""

    bucket: str
    key: str
    version: str
    execution: str


def drop(s3: Any, bucket: str, name: str, content: bytes) -> Drop:
    """Upload an input to `inputs/<name>`, which starts its run.

    The run's name is computed from the version that S3 answers, as the trigger computes it from its event
    (chalicelib/drop.py). Raises OperatorError for a bucket that keeps no versions.
    """
    key = PREFIX + name
    answer = s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")
    version = answer.get("VersionId")
    if not version:
        raise OperatorError(
            f"Bucket {bucket} keeps no versions, so the name of the run that this starts cannot be known.",
            f"Run `aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled`.",
        )
    return Drop(bucket, key, version, execution_name(bucket, key, version))


def pinned(s3: Any, bucket: str, described: Any) -> str:
    """Return the input that starts the same request again, as JSON text; `described` is DescribeExecution's answer.

    An input in S3 is named with the version that the run read: the one it was started with, else the one that was the
    newest when it started. Raises OperatorError if that version is gone.
    """
    text = str(described.get("input", "{}"))
    source = place_of(bucket, text)
    if source is None:
        return text
    if "VersionId" not in source:
        source = source | {"VersionId": _version_at(s3, source, described["startDate"])}
    try:
        s3.head_object(**source)
    except s3.exceptions.ClientError as error:
        if error_code(error) not in GONE:
            raise
        raise _gone(source, f"version {source['VersionId']}") from error
    return json.dumps({"bucket": source["Bucket"], "key": source["Key"], "versionId": source["VersionId"]})


def request_of(s3: Any, bucket: str, text: str | None) -> dict[str, Any]:
    """Return the request in an execution's input (JSON text), read from S3 if it is there; {} if it is no object."""
    source = place_of(bucket, text)
    request = loaded(text) if source is None else loaded(_read(s3, source))
    return request if isinstance(request, dict) else {}


def story_in(request: Mapping[str, Any]) -> str | None:
    """Return the story that a request or a result names, as the workflow writes it; None if it names none."""
    story = request.get("jiraStoryId")
    return story_key.normal(story) or None if isinstance(story, str) else None


def story_of(s3: Any, bucket: str, text: str | None) -> str | None:
    """Return the story in an execution's input (JSON text), read from S3 if it is there; None if it names no story."""
    return story_in(request_of(s3, bucket, text))


def environment_in(request: Mapping[str, Any]) -> str | None:
    """Return a request's `metadata.environment`, by which approvers know what is at stake; None if it is no text."""
    metadata = request.get("metadata")
    environment = metadata.get("environment") if isinstance(metadata, Mapping) else None
    return environment if isinstance(environment, str) else None


def _version_at(s3: Any, source: dict[str, str], moment: Any) -> str:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=source["Bucket"], Prefix=source["Key"])
    found = [
        (version["LastModified"], str(version["VersionId"]))
        for page in pages
        for version in page.get("Versions", [])
        # S3 keeps whole seconds, Step Functions milliseconds, so a drop never seems later than the run it started.
        if version["Key"] == source["Key"] and version["LastModified"] <= moment
    ]
    if not found:
        raise _gone(source, f"its content of {local_time(moment)}")
    # S3 lists newest first, so of one second the first is the newest.
    return max(found, key=lambda version: version[0])[1]


def _gone(source: dict[str, str], what: str) -> OperatorError:
    return OperatorError(
        f"s3://{source['Bucket']}/{source['Key']} no longer has {what}, which this run read.",
        f"Drop the request again: {command_line('start FILE --stage STAGE')}",
    )


def _read(s3: Any, source: dict[str, str]) -> str:
    try:
        answer = s3.get_object(**source)
    except s3.exceptions.ClientError as error:
        if error_code(error) not in GONE:
            raise
        return ""
    return "" if answer["ContentLength"] > LONGEST_INPUT else str(answer["Body"].read().decode(errors="replace"))
