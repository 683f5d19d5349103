"""The demo ends as it was asked to, shows each step, and shows no secret."""

import io
import json
import re
import subprocess
import sys
from typing import Any

import pytest

from storygate.commands.arguments import exit_code
from storygate.commands.demo import move_story
from storygate.operations.jira_webhook import ClosedAs, Decision
from storygate.operations.play_demo import SAMPLES, play_sample
from storygate.report.follow_run import follow_live
from storygate.support.terminal import Terminal
from tests import ROOT
from tests.e2e.conftest import Local


def result_in(output: Any) -> Any:
    found = re.search(r"^\{$.*?^\}$", output, re.MULTILINE | re.DOTALL)
    assert found, output
    return json.loads(found.group())


def path_in(output: Any) -> Any:
    return output.partition("path of states\n")[2].splitlines()[0].strip().split(" → ")


def test_an_approval_is_shown_step_by_step_and_exits_0() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "storygate", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    steps = (
        "stack storygate-local-workflow: created",
        "dropping samples/approved.json",
        "validation API: success (HTTP 200, attempts: 1)",
        "the run waits for PROJ-12345",
        "in Jira, Ada Marlow moves PROJ-12345 to Done: http://127.0.0.1:",
        "Jira's webhook: the callback answered HTTP 200",
        "the run ended: SUCCEEDED",
        "in Jira, PROJ-12345 has a comment\n  Deployment approved\n  PROJ-12345 was approved by Ada Marlow",
        "outcome approved, as requested",
    )
    found = [ended.stdout.find(step) for step in steps]
    assert -1 not in found, steps[found.index(-1)]
    assert found == sorted(found)
    assert result_in(ended.stdout)["outcome"] == "approved"
    assert path_in(ended.stdout)[-1] == "WriteApprovedResult"
    assert not re.search(r"Bearer|sha256=|[0-9A-Za-z_-]{43}(?![0-9A-Za-z_-])", ended.stdout)


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        ("rejected", "s: PROJ-12346 was rejected by Ada Marlow: status Rejected, resolution Won't Do."),
        ("timed_out", "state WaitForStory"),
        ("api_failed", "validation API: failed"),
        ("invalid_input", "state FindInput"),
    ],
)
def test_every_other_outcome_ends_red_and_as_asked(local: Local, outcome: str, shown: Any) -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)

    def decide(story: str, decision: Decision) -> None:
        move_story(local.jira, ClosedAs(), story, decision, terminal)

    sample = ROOT / "samples" / f"{outcome}.json"
    assert play_sample(local.context, sample, decide, follow_live, terminal) == outcome
    told = stream.getvalue()
    assert shown in told
    assert "the run ended: FAILED" in told
    assert result_in(told)["outcome"] == outcome
    assert path_in(told)[-1] == "NotApproved"


def test_only_an_approved_demo_exits_0() -> None:
    assert {outcome: exit_code(outcome) for outcome in SAMPLES} == dict.fromkeys(SAMPLES, 1) | {"approved": 0}
    assert exit_code("error") == 1
