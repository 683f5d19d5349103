"""The alarms of statemachine/workflow.yaml as `doctor` expects them, and the commands that restore them.

CloudFormation does not notice an alarm that was deleted or changed by hand, and an update without changes restores
nothing (user guide, "Detecting unmanaged configuration changes"). A test compares this list with the template.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storygate.stage.config import Stage

PERIOD_SECONDS = 300
AT_LEAST = "GreaterThanOrEqualToThreshold"


@dataclass(frozen=True)
class Alarm:
    """One alarm: it goes off when the metric reaches `threshold` within five minutes."""

    name: str
    description: str
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    threshold: float = 1
    statistic: str = "Sum"

    def is_like(self, described: Mapping[str, Any]) -> bool:
        """Whether an answer of DescribeAlarms is this alarm; whom it notifies is not compared."""
        return self._settings() == {
            **{name: described.get(name) for name in self._settings()},
            "Dimensions": [(entry["Name"], entry["Value"]) for entry in described.get("Dimensions", [])],
        }

    def command(self, topic: str) -> str:
        """Return the AWS CLI's command that makes or corrects the alarm; it notifies `topic`, unless that is empty."""
        words = ["aws", "cloudwatch", "put-metric-alarm", "--alarm-name", self.name]
        words += ["--alarm-description", self.description, "--namespace", self.namespace]
        words += ["--metric-name", self.metric, "--statistic", self.statistic, "--period", str(PERIOD_SECONDS)]
        words += ["--evaluation-periods", "1", "--threshold", f"{self.threshold:g}", "--comparison-operator", AT_LEAST]
        words += ["--treat-missing-data", "notBreaching", "--dimensions"]
        words += [f"Name={name},Value={value}" for name, value in self.dimensions]
        if topic:
            words += ["--alarm-actions", topic, "--ok-actions", topic]
        return shlex.join(words)

    def _settings(self) -> dict[str, Any]:
        return {
            "AlarmName": self.name,
            "AlarmDescription": self.description,
            "Namespace": self.namespace,
            "MetricName": self.metric,
            "Statistic": self.statistic,
            "Period": PERIOD_SECONDS,
            "EvaluationPeriods": 1,
            "Threshold": self.threshold,
            "ComparisonOperator": AT_LEAST,
            "TreatMissingData": "notBreaching",
            "Dimensions": list(self.dimensions),
        }


def alarms_of(stage: Stage, machine: str) -> tuple[Alarm, ...]:
    """Return the stage's alarms; `machine` is its state machine's ARN."""
    runs = (("StateMachineArn", machine),)
    api = (("ApiName", stage.app_name), ("Stage", stage.api_gateway_stage))

    def function(suffix: str = "") -> tuple[tuple[str, str], ...]:
        return (("FunctionName", stage.api_function + suffix),)

    def alarm(suffix: str, description: str, *metric: Any, **more: Any) -> Alarm:
        return Alarm(f"{stage.state_machine}-{suffix}", description, *metric, **more)

    return (
        alarm(
            "runs-failed",
            "A run ended without an approval; its result.json says why (a refused story counts too)",
            *("AWS/States", "ExecutionsFailed", runs),
        ),
        alarm(
            "runs-timed-out",
            "Step Functions ended a run by its own time limit; it wrote no result",
            *("AWS/States", "ExecutionsTimedOut", runs),
        ),
        alarm(
            "runs-throttled",
            "Step Functions holds runs back; ask for a higher quota of state transitions",
            *("AWS/States", "ExecutionThrottled", runs),
        ),
        alarm(
            "callback-errors",
            "The function of callback and mocks broke; its log says why",
            *("AWS/Lambda", "Errors", function()),
        ),
        alarm(
            "authorizer-errors",
            "The mocks' authorizer broke; its log says why",
            *("AWS/Lambda", "Errors", function("-api_token_authorizer")),
        ),
        alarm(
            "trigger-errors",
            "A drop could not start its run at once; Lambda tries it twice more",
            *("AWS/Lambda", "Errors", function("-start_execution")),
        ),
        alarm(
            "api-4xx",
            "Callers are refused, Jira among them perhaps; see 401 from Jira",
            *("AWS/ApiGateway", "4XXError", api),
            threshold=5,
        ),
        alarm(
            "api-5xx",
            "The callback could not take a delivery; Jira sends a 503 again, five times",
            *("AWS/ApiGateway", "5XXError", api),
        ),
        alarm(
            "drops-not-started",
            "A drop started nothing; its event waits in the queue for 14 days",
            *("AWS/SQS", "ApproximateNumberOfMessagesVisible", (("QueueName", stage.queue),)),
            statistic="Maximum",
        ),
    )
