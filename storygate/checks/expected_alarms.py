"""The alarms of statemachine/workflow.yaml and the filters behind them, as `doctor` expects them in AWS.

CloudFormation does not notice one that was deleted or changed by hand, and an update without changes restores nothing
(user guide, "Detecting unmanaged configuration changes"). The template's properties have the names of the parameters
of PutMetricAlarm and, but for their first letter, of PutMetricFilter (CloudFormation template reference).
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storygate.stage.config import WORKFLOW_TEMPLATE, Stage
from storygate.stage.templates import read_template, resolved

ACTIONS = ("AlarmActions", "OKActions")


@dataclass(frozen=True)
class Alarm:
    """One alarm: its settings, and the parameter of workflow.yaml that says whom it notifies."""

    settings: Mapping[str, Any]
    topic_parameter: str

    @property
    def name(self) -> str:
        """The name in CloudWatch."""
        return str(self.settings["AlarmName"])

    def is_like(self, described: Mapping[str, Any]) -> bool:
        """Whether an answer of DescribeAlarms is this alarm; whom it notifies is not compared."""
        return _is_like(self.settings, described)

    def command(self, topic: str) -> str:
        """Return the AWS CLI's command that makes or corrects the alarm; it notifies `topic`, unless that is empty."""
        notified = {action: [topic] for action in ACTIONS if topic}
        return _command("cloudwatch put-metric-alarm", {**self.settings, **notified})


@dataclass(frozen=True)
class Filter:
    """One metric filter: the parameters of PutMetricFilter."""

    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name in CloudWatch Logs."""
        return str(self.settings["filterName"])

    @property
    def log_group(self) -> str:
        """The log group whose lines it counts."""
        return str(self.settings["logGroupName"])

    def is_like(self, described: Mapping[str, Any]) -> bool:
        """Whether an answer of DescribeMetricFilters is this filter."""
        return _is_like(self.settings, described)

    @property
    def command(self) -> str:
        """The AWS CLI's command that makes or corrects the filter."""
        return _command("logs put-metric-filter", self.settings)


def alarms_of(project: Path, stage: Stage, machine: str) -> tuple[Alarm, ...]:
    """Return the stage's alarms; `machine` is its state machine's ARN."""
    names = _names(stage, machine)
    found = []
    for properties in _properties(project, "AWS::CloudWatch::Alarm"):
        _, [topic], _ = properties["AlarmActions"]["Fn::If"]
        settings = {key: value for key, value in properties.items() if key not in ACTIONS}
        found.append(Alarm(resolved(settings, names), topic["Ref"]))
    return tuple(found)


def filters_of(project: Path, stage: Stage) -> tuple[Filter, ...]:
    """Return the metric filters that some of the alarms need."""
    names = _names(stage, "")
    return tuple(
        Filter(_lowered(resolved(properties, names))) for properties in _properties(project, "AWS::Logs::MetricFilter")
    )


def _properties(project: Path, kind: str) -> list[dict[str, Any]]:
    resources = read_template(project, WORKFLOW_TEMPLATE)["Resources"].values()
    return [resource["Properties"] for resource in resources if resource["Type"] == kind]


def _names(stage: Stage, machine: str) -> dict[str, str]:
    return {
        "StateMachineName": stage.state_machine,
        "StateMachine": machine,
        "FunctionPrefix": stage.api_function,
        "TableName": stage.table,
        "ApiName": stage.app_name,
        "ApiStage": stage.api_gateway_stage,
        "NotStarted.QueueName": stage.queue,
        "LogGroup": stage.run_log_group,
    }


def _is_like(settings: Mapping[str, Any], described: Mapping[str, Any]) -> bool:
    return all(_in_order(described.get(name)) == _in_order(value) for name, value in settings.items())


def _in_order(value: Any) -> Any:
    """Dimensions in one order: CloudWatch promises none."""
    return sorted(value, key=json.dumps) if isinstance(value, list) else value


def _lowered(value: Any) -> Any:
    """A filter's properties as CloudWatch Logs names them: `filterName` for `FilterName`."""
    if isinstance(value, list):
        return [_lowered(part) for part in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _lowered(part) for key, part in value.items()}
    return value


def _command(operation: str, parameters: Mapping[str, Any]) -> str:
    return shlex.join(["aws", *operation.split(), "--cli-input-json", json.dumps(parameters)])
