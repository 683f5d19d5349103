"""The status events of Step Functions that say how runs end: their pattern, and the metrics made of them."""

import json
import time
from typing import Any

ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
FAULTS = ("error", "timed_out", "api_failed", "release_failed")
"""Outcomes that wake a person. A rejection is none, and the one who uploaded an invalid input learns of it."""
OUTCOMES = ("approved", "rejected", "invalid_input", "aborted", *FAULTS)
BY_STATUS = {"SUCCEEDED": "approved", "TIMED_OUT": "timed_out", "ABORTED": "aborted"}
SMOKE = "storygate-smoke-"
"""The names of the inputs of `storygate smoke`, and so of its runs, begin with it. Some of them end red on purpose."""


def ended_by(machine_name: str) -> dict[str, Any]:
    """Return the pattern of the events with which a state machine's runs end, in whatever account and region.

    EventBridge matches the end of a text by `suffix` (user guide, "Comparison operators in event patterns"). Step
    Functions sends the events of Standard workflows best effort (developer guide, eventbridge-integration).
    """
    return {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ENDED, "stateMachineArn": [{"suffix": f":stateMachine:{machine_name}"}]},
    }


def count(detail: dict[str, Any], machine_name: str, now: float | None = None) -> None:
    """Print one line of JSON of which CloudWatch makes metrics; `detail` is a status event's, `now` in seconds.

    The namespace is `storygate/<state machine>`, without dimensions. The metrics are the outcome, and `faults` if that
    is one of FAULTS; a run of the smoke test counts as `smoke` alone. A run that AWS itself ended, or a person, is no
    fault here: AWS counts those more surely (ExecutionsTimedOut, ExecutionsAborted) than events arrive.

    The line is in embedded metric format (CloudWatch user guide, CloudWatch_Embedded_Metric_Format_Specification).
    """
    name, status = str(detail.get("name")), str(detail.get("status"))
    outcome = BY_STATUS.get(status) or str(detail.get("error"))
    if outcome not in OUTCOMES:
        outcome = "error"  # of Step Functions, such as States.Runtime
    metrics = [outcome, "faults"] if status == "FAILED" and outcome in FAULTS else [outcome]
    if name.startswith(SMOKE):
        metrics = ["smoke"]
    directive = {
        "Namespace": f"storygate/{machine_name}",
        "Dimensions": [[]],
        "Metrics": [{"Name": metric, "Unit": "Count"} for metric in metrics],
    }
    moment = time.time() if now is None else now
    line = {"log": "end", "execution": name, "outcome": outcome, **dict.fromkeys(metrics, 1)}
    print(json.dumps(line | {"_aws": {"Timestamp": int(moment * 1000), "CloudWatchMetrics": [directive]}}), flush=True)
