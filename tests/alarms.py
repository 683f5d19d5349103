"""The metrics that CloudWatch would make of a log line: by the template's own filters, and in embedded metric format.

A filter's pattern is read as CloudWatch Logs does (user guide, FilterAndPatternSyntax), as far as ours go: conditions
on fields, joined by `&&`.
"""

import json
import re
from functools import cache
from typing import Any

from storygate.checks.expected_alarms import Alarm, Filter, alarms_of, filters_of
from storygate.stage.config import Stage, load_stage
from tests import ROOT

CONDITION = re.compile(r'\$\.(?P<path>[\w.]+) (?:(?P<sign>!?=) "(?P<text>[^"]*)"|IS TRUE)')
CALLBACK, SWEEP, STATUS = (f"/aws/lambda/storygate-dev{end}" for end in ("", "-sweep", "-run_status"))
RUNS = "/aws/vendedlogs/states/storygate-dev"
NAMESPACE = "storygate/storygate-dev"


@cache
def stage(name: str = "dev") -> Stage:
    return load_stage(ROOT, name, "eu-west-1")


@cache
def filters(of: str = "dev") -> tuple[Filter, ...]:
    return filters_of(ROOT, stage(of))


@cache
def alarms() -> dict[str, Alarm]:
    """All alarms, by their names without the state machine's."""
    return {alarm.name.removeprefix("storygate-dev-"): alarm for alarm in alarms_of(ROOT, stage(), "arn:machine")}


def counted(line: str, log_group: str, of: str = "dev") -> dict[str, float]:
    """Return the metrics of a stage that a line in a log group makes, with their values."""
    event, found, namespace = json.loads(line), {}, f"storygate/storygate-{of}"
    for one in filters(of):
        (transformation,) = one.settings["metricTransformations"]
        if one.log_group == log_group and matches(one.settings["filterPattern"], event):
            assert transformation["metricNamespace"] == namespace
            value = transformation["metricValue"]
            found[transformation["metricName"]] = float(_at(event, value[2:]) if value.startswith("$.") else value)
    for directive in event.get("_aws", {}).get("CloudWatchMetrics", []):
        assert (directive["Namespace"], directive["Dimensions"]) == (namespace, [[]])
        found |= {metric["Name"]: float(event[metric["Name"]]) for metric in directive["Metrics"]}
    return found


def matches(pattern: str, event: Any) -> bool:
    """Whether a filter's pattern matches an event."""
    assert pattern.startswith("{ ")
    assert pattern.endswith(" }")
    return all(_holds(condition, event) for condition in pattern[2:-2].split(" && "))


def goes_off(name: str, metrics: dict[str, float]) -> bool:
    """Whether these metrics, in each of its periods, make an alarm go off that looks at one of ours."""
    settings = alarms()[name].settings
    assert settings["Namespace"] == NAMESPACE
    assert "Dimensions" not in settings
    values = [metrics[settings["MetricName"]]] if settings["MetricName"] in metrics else []
    if not values:
        return bool(settings["TreatMissingData"] == "breaching")
    value = {"Sum": sum(values), "SampleCount": len(values)}[settings["Statistic"]]
    if settings["ComparisonOperator"] == "LessThanThreshold":
        return bool(value < settings["Threshold"])
    assert settings["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    return bool(value >= settings["Threshold"])


def _holds(condition: str, event: Any) -> bool:
    parsed = CONDITION.fullmatch(condition)
    assert parsed, condition
    value = _at(event, parsed["path"])
    if parsed["sign"] is None:
        return value is True
    return isinstance(value, str) and (value == parsed["text"]) is (parsed["sign"] == "=")


def _at(event: Any, path: str) -> Any:
    for name in path.split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event
