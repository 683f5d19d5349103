"""Each change of an execution's status is an event on EventBridge's default bus.

AWS: `Step Functions Execution Status Change`, best effort, when an execution starts and when it ends, with the fields
of DescribeExecution, times as epoch milliseconds, and null for what is not known. An input or output that would make
the event too large is left out, which its details say. (EventBridge events reference, events-ref-states; Step Functions
developer guide, eventbridge-integration.)
moto 5.2.5 sends none.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto.stepfunctions.parser.backend.execution import Execution

from localcloud.gaps.events.targets import publish
from localcloud.gaps.patching import Gap

MAX_DATA = 248 * 1024
FIELDS = (
    "stateMachineArn",
    "name",
    "status",
    "startDate",
    "stopDate",
    "input",
    "output",
    "stateMachineVersionArn",
    "stateMachineAliasArn",
    "redriveCount",
    "redriveDate",
    "redriveStatus",
    "redriveStatusReason",
    "inputDetails",
    "outputDetails",
    "error",
    "cause",
)

gap = Gap()


@gap.wraps(Execution, "start")
def _start(original: Callable[[Any], None], execution: Any) -> None:
    announce(execution)
    original(execution)


def announce(execution: Any) -> None:
    """Publish the status that an execution has got."""
    described = execution.to_describe_output()
    detail: dict[str, Any] = {"executionArn": execution.exec_arn}
    for name in FIELDS:
        value = described.get(name)
        detail[name] = int(value.timestamp() * 1000) if isinstance(value, datetime) else value
    for name in ("input", "output"):
        if len((detail[name] or "").encode()) > MAX_DATA:
            detail[name], detail[f"{name}Details"] = None, {"included": False}
    event = {
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "resources": [execution.exec_arn],
        "detail": detail,
    }
    publish(execution.account_id, execution.region_name, event)
