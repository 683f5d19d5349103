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

# The descriptions, word for word as in workflow.yaml.
RUNS_FAILED = "A run ended without an approval; its result.json gives the reason (a rejected story counts too)"
RUNS_TIMED_OUT = "Step Functions ended a run at its own time limit, so the run wrote no result"
RUNS_THROTTLED = "Step Functions slows runs down; ask AWS for a higher quota of state transitions"
CALLBACK_ERRORS = "The function of callback and mocks failed; its log gives the reason"
AUTHORIZER_ERRORS = "The mocks' authorizer failed; its log gives the reason"
TRIGGER_ERRORS = "A drop could not start its run at once; Lambda tries it twice more"
API_4XX = "The REST API refused at least five calls, perhaps Jira's; see 401 from Jira"
API_5XX = "The callback could not take a delivery; Jira sends a 503 again, five times"
DROPS_NOT_STARTED = "A drop started no run; the queue keeps its event for 14 days"


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

    def alarm(suffix: str, metric: str, description: str, **more: Any) -> Alarm:
        namespace, _, name = metric.rpartition("/")
        return Alarm(f"{stage.state_machine}-{suffix}", description, namespace, name, **more)

    runs = {"dimensions": (("StateMachineArn", machine),)}
    api = {"dimensions": (("ApiName", stage.app_name), ("Stage", stage.api_gateway_stage))}
    callback, authorizer, trigger = (
        {"dimensions": (("FunctionName", name),)} for name in (stage.api_function, stage.authorizer, stage.trigger)
    )
    queue = {"dimensions": (("QueueName", stage.queue),), "statistic": "Maximum"}
    return (
        alarm("runs-failed", "AWS/States/ExecutionsFailed", RUNS_FAILED, **runs),
        alarm("runs-timed-out", "AWS/States/ExecutionsTimedOut", RUNS_TIMED_OUT, **runs),
        alarm("runs-throttled", "AWS/States/ExecutionThrottled", RUNS_THROTTLED, **runs),
        alarm("callback-errors", "AWS/Lambda/Errors", CALLBACK_ERRORS, **callback),
        alarm("authorizer-errors", "AWS/Lambda/Errors", AUTHORIZER_ERRORS, **authorizer),
        alarm("trigger-errors", "AWS/Lambda/Errors", TRIGGER_ERRORS, **trigger),
        alarm("api-4xx", "AWS/ApiGateway/4XXError", API_4XX, threshold=5, **api),
        alarm("api-5xx", "AWS/ApiGateway/5XXError", API_5XX, **api),
        alarm("drops-not-started", "AWS/SQS/ApproximateNumberOfMessagesVisible", DROPS_NOT_STARTED, **queue),
    )
