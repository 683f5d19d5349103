"""The S3 drop: each input file that arrives starts one execution."""

import hashlib
import json
import re
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import BaseLambdaEvent

PREFIX, SUFFIX = "inputs/", ".json"  # the keys that start an execution
STEM_LENGTH = 80 - 1 - 16  # an execution's name has at most 80 characters (StartExecution API reference)


class DropEvent(BaseLambdaEvent):  # type: ignore[misc]
    """An S3 event with all its records. Chalice's own S3Event reads only the first, and fails if there is none."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        self.records: list[dict[str, Any]] = event_dict.get("Records", [])


def start_all(event: DropEvent, machine_name: str, client: Any) -> list[str]:
    """Start an execution for each dropped object and return their names.

    Try every record, then raise the last AWS error. Lambda then sends the event again, at most twice (Lambda developer
    guide, asynchronous invocation); executions that were started before are not started a second time.
    """
    machine = state_machine_arn(event.context.invoked_function_arn, machine_name)
    failure: Exception | None = None
    names = []
    for record in event.records:
        try:
            names.append(start(record, machine, client))
        except (ClientError, BotoCoreError) as error:
            failure = error
    if failure:
        raise failure
    return names


def start(record: dict[str, Any], machine: str, client: Any) -> str:
    """Start the execution for one S3 record and return its name; a redelivered record starts nothing.

    Print one line of JSON with the result; Lambda makes a log event of it.
    """
    name, dropped = execution_of(record)
    line = {"log": "trigger", "execution": name, "key": dropped["key"], "versionId": dropped.get("versionId")}
    try:
        client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(dropped))
    except client.exceptions.ExecutionAlreadyExists:
        # It has ended. While it runs, StartExecution answers the same name and input with success.
        print(json.dumps(line | {"started": False}), flush=True)
    except (ClientError, BotoCoreError) as error:
        print(json.dumps(line | {"started": False, "error": type(error).__name__}), flush=True)
        raise
    else:
        print(json.dumps(line | {"started": True}), flush=True)
    return name


def execution_of(record: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the name and the input of the execution that an S3 record starts; raises KeyError for another record.

    When and by whom the object was uploaded are the record's `eventTime` and `userIdentity.principalId` (S3 user guide,
    "Event message structure").
    """
    s3 = record["s3"]
    bucket, key = s3["bucket"]["name"], unquote_plus(s3["object"]["key"])  # keys arrive form-encoded
    version = s3["object"].get("versionId")
    known = {
        "bucket": bucket,
        "key": key,
        "versionId": version,
        "droppedAt": record.get("eventTime"),
        "startedBy": (record.get("userIdentity") or {}).get("principalId"),
    }
    name = execution_name(bucket, key, version or s3["object"].get("sequencer", ""))
    return name, {field: value for field, value in known.items() if value}


def execution_name(bucket: str, key: str, version: str) -> str:
    """Return the file's stem, cut to fit, and a digest of bucket, key and the object's version id or sequencer."""
    stem = key.rsplit("/", 1)[-1].removesuffix(".json")
    readable = re.sub(r"[^0-9A-Za-z_-]+", "-", stem)[:STEM_LENGTH]
    digest = hashlib.sha256("\n".join((bucket, key, version)).encode()).hexdigest()
    return f"{readable}-{digest[:16]}"


def state_machine_arn(function_arn: str, machine_name: str) -> str:
    """Return the state machine's ARN, with partition, region and account of the function's own ARN."""
    _, partition, _, region, account, *_ = function_arn.split(":")
    return f"arn:{partition}:states:{region}:{account}:stateMachine:{machine_name}"
