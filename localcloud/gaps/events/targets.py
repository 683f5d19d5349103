"""EventBridge delivers events to functions and queues, and only by rules that match them.

AWS: a rule that is disabled delivers nothing; one with a schedule and no pattern matches no event. A Lambda function is
invoked asynchronously; it and a queue get the whole event, or the target's `Input` in its place. (EventBridge user
guide, eb-targets and eb-create-rule-schedule; API reference, `Target`.)
moto 5.2.5 raises NotImplementedError for Lambda, leaves parts of the event out for SQS, asks neither for the rule's
state nor for `Input`, and takes a rule without a pattern for one that matches everything.
"""

import copy
import json
import logging
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.utils import get_backend
from moto.events.models import Rule, events_backends
from moto.sqs.models import sqs_backends

from localcloud.gaps.awslambda.invoke import invoke_async
from localcloud.gaps.patching import Gap

log = logging.getLogger("localcloud.events")

gap = Gap()


def publish(account: str, region: str, event: dict[str, Any]) -> None:
    """Put an event of an AWS service on the default bus; what cannot be delivered is logged.

    `event` holds `source`, `detail-type`, `resources` and `detail`.
    """
    for rule in list(events_backends[account][region].event_buses["default"].rules.values()):
        try:
            rule.send_to_targets(envelope(rule, **event))
        except Exception:  # AWS's services do not wait for EventBridge either
            log.exception("the rule %s did not deliver an event", rule.name)


def envelope(rule: Any, **event: Any) -> dict[str, Any]:
    """Return an event with what EventBridge adds; `time` is a number, as moto keeps it until the delivery."""
    now = datetime.now(UTC).timestamp()
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "account": rule.account_id,
        "time": now,
        "region": rule.region_name,
        "ingestion-time": now,
        **event,
    }


def deliver(rule: Any, event: dict[str, Any]) -> list["Future[None]"]:
    """Give an event to those targets of a rule that are functions or queues; return what the functions will do."""
    return [done for target in rule.targets if _is_ours(target) and (done := _deliver_to(target, rule, event))]


def _is_ours(target: dict[str, Any]) -> bool:
    return ":lambda:" in target["Arn"] or (":sqs:" in target["Arn"] and "InputTransformer" not in target)


def _deliver_to(target: dict[str, Any], rule: Any, event: dict[str, Any]) -> "Future[None] | None":
    arn, region = target["Arn"], target["Arn"].split(":")[3]
    content = json.loads(target["Input"]) if "Input" in target else _as_sent(event)
    try:
        if ":lambda:" in arn:
            return invoke_async(get_backend(rule.account_id, region).get_function(arn), content)
        group = target.get("SqsParameters", {}).get("MessageGroupId")
        queue = arn.rpartition(":")[2]
        sqs_backends[rule.account_id][region].send_message(queue, json.dumps(content), group_id=group)
    except Exception as error:  # noqa: BLE001 - AWS drops the event too, if the target has no dead-letter queue
        log.warning("the rule %s did not reach %s: %s", rule.name, arn, error)
    return None


def _as_sent(event: dict[str, Any]) -> dict[str, Any]:
    text = datetime.fromtimestamp(float(event["time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = {name: value for name, value in event.items() if name != "ingestion-time"}
    # Through JSON, as between AWS and the function: the event is a copy.
    copied: dict[str, Any] = json.loads(json.dumps({**plain, "time": text}))
    return copied


@gap.wraps(Rule, "send_to_targets")
def _send_to_targets(
    original: Callable[..., None], rule: Any, event: dict[str, Any], transform_input: bool = True
) -> None:
    pattern = rule.event_pattern
    if rule.state == "DISABLED" or not pattern.get_pattern() or not pattern.matches_event(event):
        return
    deliver(rule, event)
    others = copy.copy(rule)
    others.targets = [target for target in rule.targets if not _is_ours(target)]
    original(others, event, transform_input)
