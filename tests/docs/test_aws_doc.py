"""docs/aws.md: every fact has a source and tests that exist, and no gap and no fidelity test is left out."""

import re

import pytest

from localcloud.gaps.registry import GAPS
from tests import ROOT

TEXT = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### ([A-Z]\d+): (.*?)(?=^#|\Z)", TEXT, re.M | re.S))  # with all four parts
LINES = dict(re.findall(r"^- \*\*([A-Z]\d+)\*\* (.+)$", TEXT, re.M))
NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)
FILES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


def parts(line: str) -> dict[str, str]:
    """`{"Is": …, "From": …}` of a fact that is one line."""
    first, *rest = re.split(r" \*(From|Leans|Otherwise|Check|Here|Test)\* ", line)
    return {"Is": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def test_each_fact_has_an_id_of_its_own() -> None:
    ids = re.findall(r"^(?:### |- \*\*)([A-Z]\d+)\b", TEXT, re.M)
    assert len(ids) == len(set(ids)) == len(SECTIONS) + len(LINES) > 70


@pytest.mark.parametrize("fact", LINES)
def test_a_fact_has_a_source_and_a_test_or_a_difference(fact: str) -> None:
    said = parts(LINES[fact])
    assert said["Is"].endswith(".")
    assert said["From"].strip(". ")
    assert "Test" in said or "Here" in said
    if "Test" in said:
        assert re.fullmatch(r"`test_\w+\.py::test_\w+`(, `test_\w+\.py::test_\w+`)*", said["Test"])


@pytest.mark.parametrize("fact", SECTIONS)
def test_an_uncertain_fact_says_what_is_what_leans_on_it_what_happens_otherwise_and_how_to_check(fact: str) -> None:
    assert re.findall(r"^- \*\*(\w+)\*\*", SECTIONS[fact], re.M)[:4] == ["Is", "Leans", "Otherwise", "Check"]
    assert "```bash\naws " in SECTIONS[fact]


def test_each_difference_says_what_aws_does_and_what_is_here() -> None:
    differences = [said for line in LINES.values() if "Here" in (said := parts(line))]
    assert len(differences) > 10
    for said in differences:
        assert said["Is"]
        assert said["Here"].strip(". ")


def test_each_test_that_is_named_exists() -> None:
    for file, name in NAMED:
        assert any(path.name == file and f"def {name}(" in text for path, text in FILES.items()), (file, name)


def test_each_test_of_fidelity_is_named() -> None:
    for path, text in FILES.items():
        if path.name.startswith("test_fidelity_"):
            assert {(path.name, name) for name in re.findall(r"^def (test_\w+)", text, re.M)} <= set(NAMED)


def test_each_gap_is_named_in_one_part() -> None:
    played = re.findall(r"`([\w.]+)`", " ".join(re.findall(r"^Played by (.+?)\.$", TEXT, re.M | re.S)))
    assert set(played) == set(GAPS)
