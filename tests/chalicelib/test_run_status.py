"""How a run ended becomes a metric: the outcome, and a fault if a person should wake up for it."""

import json
from typing import Any

import pytest

from chalicelib.run_status import SMOKE, count

NOW = 1_767_268_800.123


@pytest.mark.parametrize(
    ("detail", "metrics"),
    [
        ({"status": "SUCCEEDED"}, ["approved"]),
        ({"status": "FAILED", "error": "rejected"}, ["rejected"]),
        ({"status": "FAILED", "error": "invalid_input"}, ["invalid_input"]),
        ({"status": "FAILED", "error": "error"}, ["error", "faults"]),
        ({"status": "FAILED", "error": "timed_out"}, ["timed_out", "faults"]),
        ({"status": "FAILED", "error": "api_failed"}, ["api_failed", "faults"]),
        ({"status": "FAILED", "error": "release_failed"}, ["release_failed", "faults"]),
        ({"status": "FAILED", "error": "States.Runtime"}, ["error", "faults"]),
        ({"status": "FAILED", "error": None}, ["error", "faults"]),
        # AWS has metrics of its own for these two, and alarms on them.
        ({"status": "TIMED_OUT", "error": "States.Timeout"}, ["timed_out"]),
        ({"status": "ABORTED", "error": None}, ["aborted"]),
        ({"status": "FAILED", "error": "rejected", "name": f"{SMOKE}proj-1-0123456789abcdef"}, ["smoke"]),
        ({"status": "FAILED", "error": "error", "name": f"my-{SMOKE}1"}, ["error", "faults"]),
    ],
)
def test_an_outcome_is_counted_and_a_fault_as_well(
    detail: dict[str, Any], metrics: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    count({"name": "run-1", **detail}, "gate", NOW)
    line = json.loads(capsys.readouterr().out)
    assert line["_aws"] == {
        "Timestamp": 1_767_268_800_123,
        "CloudWatchMetrics": [
            {
                "Namespace": "storygate/gate",
                "Dimensions": [[]],
                "Metrics": [{"Name": name, "Unit": "Count"} for name in metrics],
            }
        ],
    }
    assert {name: line[name] for name in metrics} == dict.fromkeys(metrics, 1)


def test_a_line_holds_no_input_and_no_output(capsys: pytest.CaptureFixture[str]) -> None:
    count({"name": "run-1", "status": "FAILED", "input": "token", "output": "token", "cause": "token"}, "gate", NOW)
    assert "token" not in capsys.readouterr().out
