"""docs/set-up-jira.md: its commands work as printed, and its rules are those of the code."""

import json
import re
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira, rules
from chalicelib.credentials import sign
from tests import ROOT
from tests.chalicelib.fakes import DEFAULT_RULES, SAMPLES, changed, sample

TEXT = (ROOT / "docs" / "set-up-jira.md").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def blocks(language: Any) -> Any:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def test_the_printed_commands_send_the_sample_with_a_right_signature_and_a_right_bearer() -> None:
    read_secret, signed, bearer = (block for block in blocks("bash") if not block.startswith("storygate"))
    value = "-7f3a $`'\" Zq9"
    aws = f"aws() {{ printf %s {json.dumps(json.dumps({'callback': 'SECRET', 'automation': 'other'}))}; }}"
    script = "\n".join(
        (
            "set -euo pipefail",
            aws.replace("SECRET", "plain"),
            read_secret,
            'test "$callback $automation" = "plain other"',
            'callback="$1" automation="$1"',
            """curl() { printf '%s\\0' CALL curl "$@"; case " $* " in *" -H @- "*) cat ;; esac; }""",
            signed,
            bearer,
        )
    )
    run = subprocess.run(["bash", "-c", script, "bash", value], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = (call.split("\0")[1:] for call in run.stdout.split("CALL")[1:])
    raw = (SAMPLES / "edited-while-done.json").read_bytes()
    assert f"X-Hub-Signature: {sign(raw, value)}" in first
    assert "@samples/jira/edited-while-done.json" in first
    assert f"Authorization: Bearer {value}" in second


def test_the_printed_answer_is_the_one_that_the_sample_gets() -> None:
    answer = jira.read(json.dumps(sample("edited-while-done")).encode(), NOW, DEFAULT_RULES, signed=True)
    assert isinstance(answer, jira.Ignored)
    assert f'{{"story":"{answer.story}","ignored":"{answer.why}"}}' in TEXT


def test_the_flat_form_is_understood_as_printed() -> None:
    (body,) = (block for block in blocks("json") if block.startswith("{"))
    read = jira.read(body.encode(), NOW, DEFAULT_RULES, signed=True)
    assert isinstance(read, jira.Decided)
    assert (read.verdict.decision, read.verdict.decided_at) == ("approved", "2026-01-31T12:00:00.000Z")


def test_the_custom_data_template_gives_json_once_jira_has_filled_it_in() -> None:
    template, _ = blocks("text")
    body = template.replace("{{issue.key}}", "PROJ-1").replace("{{issue.summary.jsonEncode}}", r"Fix \"quotes\"")
    read = jira.read(body.encode(), NOW, DEFAULT_RULES, signed=False)
    assert isinstance(read, jira.Decided)
    assert read.verdict.message == 'Fix "quotes"'


def test_the_printed_advice_is_the_one_that_a_closed_story_gets() -> None:
    _, printed = blocks("text")
    body = changed(sample("cloud-done-without-resolution"), "issue.fields.status.name", "Denied")
    read = jira.read(json.dumps(body).encode(), NOW, DEFAULT_RULES, signed=True)
    assert isinstance(read, jira.Decided)
    assert read.unlisted == " ".join(printed.split())


def test_every_word_of_the_flat_form_is_named() -> None:
    assert {word for word in jira.FLAT if f"`{word}`" in TEXT} == set(jira.FLAT)


@pytest.mark.parametrize(
    ("variable", "names"),
    [
        ("STORYGATE_APPROVED_STATUSES", rules.APPROVED_STATUSES),
        ("STORYGATE_APPROVED_RESOLUTIONS", rules.APPROVED_RESOLUTIONS),
        ("STORYGATE_REJECTED_STATUSES", rules.REJECTED_STATUSES),
        ("STORYGATE_REJECTED_RESOLUTIONS", rules.REJECTED_RESOLUTIONS),
    ],
)
def test_the_usual_names_are_the_ones_in_the_code(variable: str, names: Any) -> None:
    assert f"| `{variable}` | {', '.join(sorted(names))} |" in TEXT


def test_the_lists_are_read_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    (lines,) = (block for block in blocks("json") if block.startswith('"STORYGATE_APPROVED'))
    for variable, value in json.loads(f"{{{lines}}}").items():
        monkeypatch.setenv(variable, value)
    read = rules.Rules.from_environment()
    assert read.approved == {"done", "freigegeben"}
    assert read.approved_resolutions == {"done", "fertig"}
    assert read.rejected == {"rejected", "abgelehnt"}
    assert read.rejected_resolutions == {"won't do", "wird nicht erledigt"}
    assert read.projects == {"PROJ", "PAY"}
    assert read.approvers == {"5b10ac8d82e05b22cc7d4ef5", "712020:0d3c7a4e-5f0b-4f6b-9d55-2f1f3c9b7a10"}
