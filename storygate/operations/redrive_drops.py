"""Start the runs of drops on which the trigger failed for good: their events wait in the stage's queue.

Each message is Lambda's record of one failed event, and its `requestPayload` is the S3 event (Lambda developer guide,
"Capturing records of Lambda asynchronous invocations"). A run gets the name that the trigger would have given it, and
its own version of the input. So a drop whose run exists starts nothing, and this can be interrupted and repeated.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chalicelib.drop import execution_of
from storygate.runs.executions import Runs
from storygate.stage.context import Context
from storygate.support.json_text import loaded_object

HELD = 60  # seconds for which SQS shows a received message to nobody else: ten starts take about one
LOOK = 2  # seconds; long polling asks all of SQS's servers, so an empty answer means an empty queue (SQS guide)


@dataclass
class Redriven:
    """The runs that were started, those that existed already, what is not understood, and what the queue still has."""

    started: list[str] = field(default_factory=list)
    existed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    left: int = 0


def redrive_drops(context: Context, show: Callable[[str, bool], object] | None = None, *, look: int = LOOK) -> Redriven:
    """Start a run for each drop in the queue, and delete its message after that.

    `show` gets each run's name, and whether it was started now; `look` is the longest wait for more messages, in
    seconds. A message that is no record of this stage's drops stays in the queue and becomes an error of the result.
    The runs get no `droppedAt`: a verdict counts from their own start, so an old drop never takes an approval that was
    given for a newer one. Raises OperatorError if there is no queue or no state machine, and AWS's errors.
    """
    sqs, runs, done, url = context.client("sqs"), Runs(context), Redriven(), queue_url(context)
    held: dict[str, Any] = {}  # by receipt: what is to be shown to other receivers again
    seen: set[str] = set()
    try:
        while messages := _receive(sqs, url, look, seen):
            held.update({message["ReceiptHandle"]: message for message in messages})
            for message in messages:
                seen.add(message["MessageId"])
                try:
                    drops = _drops(context, message["Body"])
                except ValueError as error:
                    done.errors.append(f"message {message['MessageId']} stays in the queue: {error}")
                    continue
                for name, dropped in drops:
                    new = runs.start_once(name, json.dumps(dropped))
                    (done.started if new else done.existed).append(name)
                    if show:
                        show(name, new)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                del held[message["ReceiptHandle"]]
    finally:
        for receipt in held:
            with suppress(sqs.exceptions.ClientError):  # it was deleted, or others may see it already
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
    done.left = messages_in(sqs, url)
    return done


def queue_url(context: Context) -> str:
    """Return the URL of the stage's queue of drops that started no run; raises OperatorError if there is none."""
    sqs, name = context.client("sqs"), context.stage.queue
    try:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist as error:
        raise context.stage.not_deployed(f"there is no queue {name}") from error


def messages_in(sqs: Any, url: str) -> int:
    """Return how many messages a queue holds, also those that a receiver holds; approximate (SQS API reference)."""
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    return sum(int(attributes.get(count, 0)) for count in counts)


def _receive(sqs: Any, url: str, look: int, seen: set[str]) -> list[Any]:
    """Return up to ten messages; none if only those come that were seen, which is what stays in the queue."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=HELD, WaitTimeSeconds=look)
    messages = answer.get("Messages", [])
    return messages if any(message["MessageId"] not in seen for message in messages) else []


def _drops(context: Context, body: str) -> list[tuple[str, dict[str, str]]]:
    """Return name and input of each run that a message's event starts; raises ValueError for another message."""
    payload = loaded_object(body).get("requestPayload")
    records = payload.get("Records") if isinstance(payload, dict) else None
    try:
        drops = [execution_of(record) for record in records or ()]
    except (LookupError, TypeError, AttributeError):
        drops = []
    if not drops:
        raise ValueError("it holds no S3 event of a drop")
    for _, dropped in drops:
        if dropped["bucket"] != context.stage.bucket:
            raise ValueError(f"its drop is in bucket {dropped['bucket']}")
        dropped.pop("droppedAt", None)
    return drops
