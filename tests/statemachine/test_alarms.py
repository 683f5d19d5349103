"""The alarms: few, each with a symptom to look up, and each on a metric that something makes."""

import json
import re

import pytest

from chalicelib.run_status import FAULTS, OUTCOMES
from storygate.checks.alarm_checks import READ
from storygate.deployment.gateway import CALLBACK as CALLBACKS_METHOD
from storygate.stage.config import WORKFLOW_TEMPLATE
from storygate.stage.templates import read_template
from tests import ROOT
from tests.alarms import NAMESPACE, RUNS, alarms, counted, filters, goes_off, matches
from tests.statemachine.machine import MACHINE

DOCS = ROOT / "docs"
TEMPLATE = read_template(ROOT, WORKFLOW_TEMPLATE)["Resources"]
MORNING = {"deliveries-refused", "trigger-throttled", "table-throttled", "jira-away", "rollback-failed"}


def test_there_are_at_most_twelve_and_few_wake_a_person() -> None:
    assert len(alarms()) <= 12
    by_topic = {topic: {name for name, one in alarms().items() if one.topic_parameter == topic} for topic in READ}
    assert by_topic["MorningTopicArn"] == MORNING
    assert by_topic["AlarmTopicArn"] == set(alarms()) - MORNING


@pytest.mark.parametrize("name", alarms())
def test_an_alarm_names_a_symptom_of_the_troubleshooting_page_and_stands_in_the_operators(name: str) -> None:
    description = alarms()[name].settings["AlarmDescription"]
    page, anchor = re.fullmatch(r".+ \((docs/[\w-]+\.md)#([\w-]+)\)", description).groups()  # type: ignore[union-attr]
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    (heading,) = [one for one in headings if re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") == anchor]
    section = text.partition(f"# {heading}\n")[2].partition("\n## ")[0]
    assert f"`{name}`" in section
    assert f"`{name}`" in (DOCS / "operate.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", alarms())
def test_an_alarm_that_ends_is_told_to_the_same_people(name: str) -> None:
    named = {"Fn::Sub": f"${{StateMachineName}}-{name}"}
    (properties,) = [one["Properties"] for one in TEMPLATE.values() if one["Properties"].get("AlarmName") == named]
    assert properties["AlarmActions"] == properties["OKActions"]


def test_each_metric_of_ours_is_made_by_a_filter_or_by_the_status_function() -> None:
    made = {one.settings["metricTransformations"][0]["metricName"] for one in filters()} | {
        *OUTCOMES,
        "faults",
        "smoke",
    }
    looked_at = {one.settings["MetricName"] for one in alarms().values() if one.settings["Namespace"] == NAMESPACE}
    assert looked_at <= made
    body = TEMPLATE["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
    shown = json.loads(re.sub(r"\$\{[\w:.-]+\}", "x", body))["widgets"]
    assert {metric[1] for metric in shown[0]["properties"]["metrics"]} == {*OUTCOMES, "smoke"}
    logical = {name for name, one in TEMPLATE.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"\$\{(\w+)\.Arn\}", body)) == logical


def test_a_rejection_and_an_invalid_input_wake_nobody() -> None:
    assert set(FAULTS).isdisjoint({"approved", "rejected", "invalid_input"})


def test_the_callbacks_alarm_looks_at_the_callback_alone() -> None:
    dimensions = {one["Name"]: one["Value"] for one in alarms()["callback-5xx"].settings["Dimensions"]}
    assert f"{dimensions['Resource']}/{dimensions['Method']}" == f"/{CALLBACKS_METHOD}"
    assert set(dimensions) == {"ApiName", "Method", "Resource", "Stage"}


def test_no_sweep_for_four_periods_in_a_row_is_one_too_few() -> None:
    settings = alarms()["sweep-missing"].settings
    assert settings["EvaluationPeriods"] * settings["Period"] == 20 * 60
    assert goes_off("sweep-missing", {})
    assert not goes_off("sweep-missing", {"overdue": 0.0})


@pytest.mark.parametrize(("state", "is_counted"), [("RollbackFailed", True), ("WaitAgain", False)])
def test_a_failed_rollback_is_counted_by_the_state_that_follows_it(state: str, is_counted: bool) -> None:
    kind = MACHINE["States"].get(state, {"Type": "Pass"})["Type"]
    # docs/aws.md, L1
    line = json.dumps({"type": f"{kind}StateEntered", "details": {"name": state}, "execution_arn": "arn"})
    assert counted(line, RUNS) == ({"rollback_failed": 1.0} if is_counted else {})
    assert goes_off("rollback-failed", counted(line, RUNS)) is is_counted


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"a": "x", "b": True}, True),
        ({"a": "x", "b": 1}, False),
        ({"a": "y", "b": True}, False),
        ({"b": True}, False),
        ({"a": "x", "b": True, "c": "no"}, False),
    ],
)
def test_a_pattern_is_read_as_cloudwatch_does(event: object, expected: bool) -> None:
    pattern = '{ $.a = "x" && $.b IS TRUE && $.c != "no" }'
    assert matches(pattern, {"c": "yes", **event}) is expected  # type: ignore[dict-item]
