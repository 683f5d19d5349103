"""docs/local-cloud.md: every fact has a source and tests that exist, and no gap and no fidelity test is left out."""

import re

import pytest

from localcloud.gaps.registry import GAPS
from tests import ROOT

TEXT = (ROOT / "docs" / "local-cloud.md").read_text(encoding="utf-8")
FACTS, DIFFERENCES = TEXT.split("## What differs from AWS")
ROWS = [line.strip("| ").split(" | ") for line in FACTS.splitlines() if re.match(r"\| [A-Z]\d", line)]
NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)
FILES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_fact_has_a_source_and_a_test(row: list[str]) -> None:
    _, fact, source, tests = row
    assert fact
    assert source
    assert re.fullmatch(r"`test_\w+\.py::test_\w+`(, `test_\w+\.py::test_\w+`)*", tests)


def test_each_fact_has_an_id_of_its_own() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS)


def test_each_test_that_is_named_exists() -> None:
    for file, name in NAMED:
        assert any(path.name == file and f"def {name}(" in text for path, text in FILES.items()), (file, name)


def test_each_test_of_fidelity_is_named() -> None:
    for path, text in FILES.items():
        if path.name.startswith("test_fidelity_"):
            assert {(path.name, name) for name in re.findall(r"^def (test_\w+)", text, re.M)} <= set(NAMED)


def test_each_gap_is_named_in_one_part() -> None:
    played = re.findall(r"`([\w.]+)`", " ".join(re.findall(r"^Played by (.+?)\.$", FACTS, re.M | re.S)))
    assert set(played) == set(GAPS)


def test_each_difference_says_what_aws_does_and_what_is_here() -> None:
    rows = [line for line in DIFFERENCES.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        aws, here, _ = (cell.strip() for cell in row[1:-1].split("|"))
        assert aws
        assert here
