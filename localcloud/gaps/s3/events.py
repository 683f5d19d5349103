"""S3 events look as S3 sends them, and reach Lambda asynchronously.

AWS: S3 user guide, notification-content-structure.html. Every record carries `eventTime`, `awsRegion`, `sequencer`
(a hexadecimal string that grows with each event of one key), `versionId` if the bucket is versioned, and a form-encoded
key; one upload makes one event, whatever the number of its parts.
moto 5.2.5 leaves out `sequencer` and `versionId`, sends an `ObjectCreated:Put` besides the `CompleteMultipartUpload` of
one and the same upload, and makes the upload wait for the function and swallow what it raises.
"""

import itertools
import json
import logging
import time
from typing import Any

import moto.s3.notifications as notifications
from moto.awslambda.utils import get_backend

from localcloud.gaps.awslambda.invoke import invoke_async

log = logging.getLogger("localcloud.s3")

# Never repeats and only grows, even across two local clouds in one process: AWS compares sequencers as strings.
_sequence = itertools.count(time.time_ns())

_send_event_of_moto = notifications.send_event
_record_of_moto = notifications._get_s3_event


def fill() -> None:
    """Complete the records, send one per upload, and hand them to Lambda's queue."""
    notifications.send_event = _send_event
    notifications._get_s3_event = _get_s3_event
    notifications._invoke_awslambda = _invoke_lambda


def _send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
    is_put = event_name == notifications.S3NotificationEvent.OBJECT_CREATED_PUT_EVENT
    if is_put and key.multipart is not None:
        return  # CompleteMultipartUpload follows
    _send_event_of_moto(account_id, event_name, bucket, key)


def _get_s3_event(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
    event: dict[str, Any] = _record_of_moto(event_name, bucket, key, notification_id)
    for record in event["Records"]:
        record["userIdentity"] = {"principalId": "local"}
        record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
        record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "local"}
        record["s3"]["object"]["sequencer"] = f"{next(_sequence):016X}"
        if bucket.is_versioned:
            record["s3"]["object"]["versionId"] = key.version_id
    return event


def _invoke_lambda(account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
    try:
        function = get_backend(account_id, region_name).get_function(fn_arn)
    except Exception as error:  # noqa: BLE001 - the upload succeeds on AWS, too, when its listener is gone
        log.warning("an S3 event found no function %s: %s", fn_arn, error)
        return
    # A round trip through JSON, as on the wire: moto's enums become strings, and the event is the function's own.
    invoke_async(function, json.loads(json.dumps(event_body)))
