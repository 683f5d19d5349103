"""S3 events look as S3 sends them, and reach Lambda asynchronously.

AWS: S3 user guide, notification-content-structure.html. Every record carries `eventTime`, `awsRegion`, `sequencer`
(a hexadecimal string that grows with each event of one key), `versionId` if the bucket is versioned, and a form-encoded
key; one upload makes one event, also if it has several parts.
moto 5.2.5 leaves out `sequencer` and `versionId`, sends two events for one multipart upload (`ObjectCreated:Put` and
`CompleteMultipartUpload`), makes the upload wait for the function, and ignores the function's errors.
"""

import itertools
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import moto.s3.notifications as notifications
from moto.awslambda.utils import get_backend

from localcloud.gaps.awslambda.invoke import invoke_async
from localcloud.gaps.patching import Gap

log = logging.getLogger("localcloud.s3")

# It only grows, across two local clouds in one process too, and as text: S3's sequencers are compared as strings.
_sequence = itertools.count(time.time_ns())

gap = Gap()


@gap.wraps(notifications, "send_event")
def _send_event(original: Callable[..., None], account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
    is_put = event_name == notifications.S3NotificationEvent.OBJECT_CREATED_PUT_EVENT
    if is_put and key.multipart is not None:
        return  # CompleteMultipartUpload follows
    original(account_id, event_name, bucket, key)


@gap.wraps(notifications, "_get_s3_event")
def _get_s3_event(
    original: Callable[..., dict[str, Any]], event_name: str, bucket: Any, key: Any, notification_id: str
) -> dict[str, Any]:
    event = original(event_name, bucket, key, notification_id)
    for record in event["Records"]:
        record["userIdentity"] = {"principalId": "local"}
        record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
        record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "local"}
        record["s3"]["object"]["sequencer"] = f"{next(_sequence):016X}"
        if bucket.is_versioned:
            record["s3"]["object"]["versionId"] = key.version_id
    return event


@gap.replaces(notifications, "_invoke_awslambda")
def _invoke_lambda(account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
    try:
        function = get_backend(account_id, region_name).get_function(fn_arn)
    except Exception as error:  # noqa: BLE001 - on AWS too an upload succeeds without its listener
        log.warning("an S3 event found no function %s: %s", fn_arn, error)
        return
    # Through JSON, as between AWS and the function: moto's enums become strings, and the event is a copy.
    invoke_async(function, json.loads(json.dumps(event_body)))
