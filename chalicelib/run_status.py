"""The status events of Step Functions that say how runs end."""

from typing import Any

ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


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
