"""Each gap that storygate.local.gaps fills in moto's Step Functions is still there in the moto that is pinned.

A test that fails here after a new moto is good news: delete the gap's file, or the part that this line stands for.
"""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from storygate.local import gaps

ROOT = Path(__file__).parents[2]
NAMES = [module.name for module in iter_modules(gaps.__path__) if module.name.startswith(("stepfunctions_", "server_"))]


@pytest.fixture(scope="module")
def bare() -> dict[str, Any]:
    """What moto does in a process in which nobody has filled anything."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.local.bare_moto"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("gap", "probe", "wrong"),
    [
        ("stepfunctions_jsonata", "evaluator", None),
        ("stepfunctions_jsonata", "quoted", '$x:="a"b";'),
        ("stepfunctions_http", "http", "Unknown service 'http'"),
        ("stepfunctions_clients", "client shared", False),
        ("stepfunctions_sdk", "body", None),
        ("stepfunctions_errors", "error", "s3.NoSuchKeyException"),
        ("stepfunctions_attempts", "output caught", "FAILED"),
        ("stepfunctions_assign", "assigned at once", "new"),
        ("stepfunctions_choice", "chosen", "default"),
        ("stepfunctions_wait", "waited an hour", False),
        ("stepfunctions_tokens", "answers taken", [True, True]),
        ("stepfunctions_execution", "unnamed", "None"),
        ("stepfunctions_definition", "refused with", ""),
        ("stepfunctions_definition", "parsed once", False),
        ("stepfunctions_definition", "all twice", True),
        ("stepfunctions_execution", "long input", "SUCCEEDED"),
        ("stepfunctions_sdk", "type", "binary/octet-stream"),
        ("stepfunctions_speed", "path parsed once", False),
        ("stepfunctions_speed", "urls kept", False),
        ("server_speed", "listings", 2),
        ("server_memory", "objects kept", True),
    ],
)
def test_moto_still_has_the_gap(bare: dict[str, Any], gap: str, probe: str, wrong: object) -> None:
    assert gap in NAMES
    assert bare[probe] == wrong


def test_moto_still_writes_times_as_python_does(bare: dict[str, Any]) -> None:
    assert "stepfunctions_context" in NAMES
    assert bare["entered"].endswith("+00:00")


@pytest.mark.parametrize("name", NAMES)
def test_each_gap_says_what_aws_does_and_what_moto_does(name: str) -> None:
    documentation = import_module(f"{gaps.__name__}.{name}").__doc__ or ""
    assert "AWS" in documentation
    assert "\nmoto 5.2.5" in documentation


def test_filling_twice_changes_nothing() -> None:
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.responses import StepFunctionResponse

    gaps.fill_all()
    before = (Environment.set_stop.__wrapped__, StepFunctionResponse.describe_execution)
    gaps.fill_all()
    assert (Environment.set_stop.__wrapped__, StepFunctionResponse.describe_execution) == before
