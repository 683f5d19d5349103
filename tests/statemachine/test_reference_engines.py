"""AWS's own tools agree with what these tests rely on: the JSONata of the workflow, and the definition as a whole."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from sfnx import testing
from sfnx.testing import Failure

from localcloud.expression_functions import QueryError
from localcloud.expressions import evaluate
from localcloud.gaps.registry import filled
from tests.engines import ask_node
from tests.statemachine.machine import (
    CANCELLED,
    MACHINE,
    REJECTED,
    REQUEST,
    VERDICT,
    InTurn,
    http,
    machine,
    play,
    refused,
    stored,
)
from tests.statemachine.machine import story as in_table

DROP = {"bucket": "b", "key": "inputs/x.json", "versionId": "1", "droppedAt": "2026-03-01T11:59:58.000Z"}
RELEASING = machine(ReleaseUrl="https://apis.example/release", RollbackOn="States.Timeout")
STRANGE = REQUEST | {
    "jiraStoryId": "  proj-7 ",
    "packageIds": ["pkg-001", "Ünï-☃", "a 'quoted' \"id\""],
    "metadata": {"environment": "production", "deep": [1, 2.5, None, {"empty": []}], "text": "\\ \n {% $x %}"},
}
RUNS: dict[str, Callable[[], Any]] = {
    "approved": lambda: play(STRANGE),
    "rejected": lambda: play(wait=REJECTED),
    "from a file": lambda: play(DROP, s3=stored(STRANGE)),
    "a file that is no JSON": lambda: play(DROP, s3=stored('{"jiraStoryId": ')),
    "no file": lambda: play(DROP, s3=Failure("S3.NoSuchKeyException", "no such key")),
    "many wrong fields": lambda: play({"jiraStoryId": 1, "packageIds": [], "metadata": 2, "timeoutSeconds": 0, "x": 1}),
    "an API that fails": lambda: play(deployment=refused(500)),
    "an API that says no": lambda: play(validation=http({"status": "failed", "message": "no"})),
    "an API without JSON": lambda: play(notification=http("<html>")),
    "an early verdict": lambda: play(
        wait=CANCELLED,
        story=in_table(decision="approved", decidedAt=VERDICT["decidedAt"], receivedAt=VERDICT["receivedAt"]),
    ),
    "a conflict": lambda: play(wait=InTurn(CANCELLED, VERDICT), story=in_table(decision="pending", decidedAt="2026")),
    "no verdict": lambda: play(wait=Failure("States.Timeout", "")),
    "a byte order mark": lambda: play(DROP, s3=stored("\ufeff" + json.dumps(REQUEST))),
    "a malformed date": lambda: play(DROP | {"droppedAt": "2026-03-01T11:59:58.2\nZ"}, s3=stored(REQUEST)),
    "a date without fraction": lambda: play(DROP | {"droppedAt": "2026-03-01T11:59:58Z"}, s3=stored(REQUEST)),
    "another project": lambda: play(machine=machine(Projects="PAY,OPS")),
    "a release": lambda: play(machine=RELEASING),
    "a failed release": lambda: play(machine=RELEASING, release=refused(500)),
    "a failed rollback": lambda: play(machine=RELEASING, wait=REJECTED, release=http({"status": "no"})),
    "a hundred packages": lambda: play(REQUEST | {"packageIds": [f"package-{n:03}" for n in range(100)]}),
}
# Functions that give something else each time, and what stands for them.
FIXED = {
    "$now()": "'2026-03-01T12:00:00.000Z'",
    "$millis()": "1772366400000",
    "$uuid()": "'a-uuid'",
    "$random()": "0.5",
}


@pytest.fixture(scope="module")
def evaluations() -> list[dict[str, Any]]:
    """Each different evaluation of these runs: the expression, its variables, and its value or that it failed."""
    found: dict[str, dict[str, Any]] = {}
    plain = testing.evaluate

    def recorded(code: str, variables: Any, states: Any) -> object:
        fixed = code
        for call, value in FIXED.items():
            fixed = fixed.replace(call, value)
        given = {"code": fixed, "variables": {**variables, "states": states}}
        key = json.dumps(given, sort_keys=True)
        if key not in found:
            try:
                found[key] = given | {"value": plain(fixed, variables, states)}
            except Failure:
                found[key] = given | {"failed": True}
        return plain(code, variables, states)

    with patch.object(testing, "evaluate", recorded):
        for run in RUNS.values():
            run()
    return list(found.values())


def test_the_reference_implementation_of_jsonata_gives_the_same_for_every_expression_of_the_workflow(
    evaluations: list[dict[str, Any]],
) -> None:
    answers = ask_node("evaluate.mjs", [{name: each[name] for name in ("code", "variables")} for each in evaluations])
    differing = [
        (each["code"], each.get("value"), answer)
        for each, answer in zip(evaluations, answers, strict=True)
        if ("error" in answer) != ("failed" in each) or answer.get("value") != each.get("value")
    ]
    assert differing == []
    assert len(answers) > 500


def test_the_local_cloud_gives_the_same_for_every_expression_of_the_workflow(evaluations: list[dict[str, Any]]) -> None:
    def value(each: dict[str, Any]) -> Any:
        try:
            return {"value": evaluate(each["code"], each["variables"])}
        except QueryError:
            return {"failed": True}

    with filled("stepfunctions.jsonata"):
        for each in evaluations:
            assert value(each) == {name: each[name] for name in ("value", "failed") if name in each}, each["code"]


def test_awss_own_language_service_finds_nothing_in_the_definition() -> None:
    text = json.dumps(MACHINE, indent=1)
    broken = text.replace('"Next": "WaitForStory"', '"Next": "Nowhere"', 1)
    nothing, something = ask_node("validate.mjs", [text, broken])
    assert nothing == []
    assert something
