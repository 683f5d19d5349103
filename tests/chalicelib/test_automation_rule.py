"""samples/automation/rule.json: what the rule sends is understood, and no credential is in it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from tests import ROOT
from tests.chalicelib.fakes import DEFAULT_RULES

(RULE,) = json.loads((ROOT / "samples" / "automation" / "rule.json").read_text(encoding="utf-8"))["rules"]
(ACTION,) = (component["value"] for component in RULE["components"])
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STORY = {
    "issue.key": "PROJ-12345",
    "issue.status.name.jsonEncode": "Done",
    "issue.status.statusCategory.key": "done",
    "issue.resolution.name.jsonEncode": "Done",
    # Atlassian, "Jira smart values - date and time": the form without a format.
    "issue.updated": "2026-02-28T10:00:00.0+0000",
}


def sent(**changes: str) -> bytes:
    """The body that Automation makes of the rule; a smart value without a value is empty."""
    values = STORY | {name.replace("__", "."): value for name, value in changes.items()}
    return re.sub(r"\{\{(.*?)\}\}", lambda found: values[found[1]], ACTION["customBody"]).encode()


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({}, "approved"),
        ({"issue__resolution__name__jsonEncode": ""}, "approved"),
        ({"issue__resolution__name__jsonEncode": "Won't Do"}, "rejected"),
        (
            {
                "issue__status__name__jsonEncode": 'In \\"Review\\"',
                "issue__status__statusCategory__key": "indeterminate",
            },
            "pending",
        ),
    ],
)
def test_what_the_rule_sends_is_read_as_automations_issue(changes: Any, decision: str) -> None:
    read = jira.read(sent(**changes), NOW, DEFAULT_RULES, signed=False)
    assert isinstance(read, jira.Decided)
    assert (read.story, read.verdict.decision) == ("PROJ-12345", decision)
    assert read.verdict.decided_at == "2026-02-28T10:00:00.000Z"


def test_it_is_imported_switched_off_and_its_header_is_hidden_and_empty() -> None:
    assert RULE["state"] == "DISABLED"
    assert {"name": "Authorization", "value": "", "headerSecure": True} in ACTION["headers"]


def test_it_reports_every_transition() -> None:
    trigger = RULE["trigger"]
    assert trigger["type"] == "jira.issue.event.trigger:transitioned"
    assert trigger["value"]["fromStatus"] == trigger["value"]["toStatus"] == []
