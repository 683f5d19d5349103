"""The commands by which docs/aws.md checks Step Functions in an account give in the local cloud what they must give."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.gaps.registry import filled
from tests import ROOT
from tests.decision_table import make_table
from tests.localcloud.stepfunctions_cloud import Cloud

TEXT = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
COMMAND = re.compile(
    r"(?:must print|prints|must answer) `(?P<expected>[^`]+)`"
    r"|aws stepfunctions (?P<command>test-state|validate-state-machine-definition) (?P<options>[^`]+)"
)


def checks() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield what each command must print, the command, and its options."""
    expected = ""
    for found in COMMAND.finditer(TEXT):
        expected = found["expected"] or expected
        if found["command"] and "file://" not in found["options"]:
            words = shlex.split(found["options"])
            yield expected, found["command"], dict(zip(words[::2], words[1::2], strict=True))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        cloud.s3.create_bucket(Bucket="storygate-dev")
        make_table(cloud.dynamodb, "storygate-dev")
        yield cloud


@pytest.mark.parametrize(("expected", "command", "options"), list(checks()))
def test_a_check_gives_what_it_must(cloud: Cloud, expected: str, command: str, options: dict[str, str]) -> None:
    if command == "validate-state-machine-definition":
        answer: Any = cloud.states.validate_state_machine_definition(definition=options["--definition"])
        assert answer[options["--query"]] == expected
        return
    state = json.loads(options["--definition"])
    named = [way["Next"] for way in (state, *state.get("Catch", [])) if "Next" in way]
    machine = {"StartAt": "State", "States": {"State": state, **{name: {"Type": "Succeed"} for name in named}}}
    execution = cloud.start(cloud.machine(machine, "JSONata"), json.loads(options["--input"]))
    ended = cloud.ended(execution)
    given = {"error": ended.get("error"), "output": ended.get("output"), "nextState": cloud.path(execution)[-1]}
    assert given[options["--query"]] == expected


def test_the_checks_are_found() -> None:
    found = [expected for expected, _, _ in checks()]
    assert found == ["OK", "States.QueryEvaluationError", "Caught", "S3.NoSuchKeyException"]
