"""Each gap that localcloud.gaps fills in moto's Step Functions is still there in the moto that is pinned.

If a test fails here after an upgrade of moto, moto has closed the gap: delete its file, or that part of it.
"""

import json
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from localcloud import gaps
from localcloud.gaps.registry import GAPS
from tests import ROOT

NAMES = [name for name in GAPS if name.startswith(("stepfunctions.", "server."))]


@pytest.fixture(scope="module")
def bare() -> dict[str, Any]:
    """Run the probes in a process of their own, where no gap is filled."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.localcloud.bare_moto"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("gap", "probe", "wrong"),
    [
        ("stepfunctions.jsonata", "evaluator", None),
        ("stepfunctions.jsonata", "quoted", '$x:="a"b";'),
        ("stepfunctions.http", "http", "Unknown service 'http'"),
        ("stepfunctions.clients", "client shared", False),
        ("stepfunctions.sdk", "body", None),
        ("stepfunctions.errors", "error", "s3.NoSuchKeyException"),
        ("stepfunctions.attempts", "output caught", "FAILED"),
        ("stepfunctions.assign", "assigned at once", "new"),
        ("stepfunctions.choice", "chosen", "default"),
        ("stepfunctions.wait", "waited an hour", False),
        ("stepfunctions.tokens", "answers taken", [True, True]),
        ("stepfunctions.execution", "unnamed", "None"),
        ("stepfunctions.definition", "refused with", ""),
        ("stepfunctions.definition", "parsed once", False),
        ("stepfunctions.definition", "all twice", True),
        ("stepfunctions.definition", "mistaken", [False, True]),
        ("stepfunctions.assign", "literal", '\\"'),
        ("stepfunctions.jsonata", "variable", "TypeError('NoneType' object is not callable)"),
        ("stepfunctions.nested", "child started", "FAILED"),
        ("stepfunctions.branches", "aborted", False),
        ("stepfunctions.describing", "redrivable", False),
        ("stepfunctions.evaluation", "location", False),
        ("stepfunctions.status_events", "announced", False),
        ("stepfunctions.execution", "long input", "SUCCEEDED"),
        ("stepfunctions.sdk", "type", "binary/octet-stream"),
        ("stepfunctions.speed", "path parsed once", False),
        ("stepfunctions.speed", "urls kept", False),
        ("server.speed", "listings", 2),
        ("server.memory", "objects kept", True),
    ],
)
def test_moto_still_has_the_gap(bare: dict[str, Any], gap: str, probe: str, wrong: object) -> None:
    assert gap in NAMES
    assert bare[probe] == wrong


def test_moto_still_writes_times_as_python_does(bare: dict[str, Any]) -> None:
    assert "stepfunctions.context" in NAMES
    assert bare["entered"].endswith("+00:00")


@pytest.mark.parametrize("name", NAMES)
def test_each_gap_says_what_aws_does_and_what_moto_does(name: str) -> None:
    documentation = import_module(f"{gaps.__name__}.{name}").__doc__ or ""
    assert "AWS" in documentation
    assert "\nmoto 5.2.5" in documentation
