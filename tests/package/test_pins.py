"""Check the requirements files against pyproject.toml: complete, alike, and installable on any machine."""

import re
import tomllib
from typing import Any

import pytest

from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["local"]
TEST, BENCH = PROJECT["dependency-groups"]["test"], PROJECT["dependency-groups"]["bench"]
FILES = {"local": DEPENDENCIES, "test": DEPENDENCIES + TEST, "bench": DEPENDENCIES + TEST + BENCH}


def lines(kind: str) -> list[str]:
    text = (ROOT / f"requirements-{kind}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement.lower(), maxsplit=1)[0]


@pytest.mark.parametrize("kind", FILES)
def test_every_line_is_one_version_and_nothing_of_the_machine_it_was_written_on(kind: str) -> None:
    for line in lines(kind):
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; .+)?", line), line


@pytest.mark.parametrize("kind", FILES)
def test_every_dependency_has_a_version(kind: str) -> None:
    wanted = {name(requirement) for requirement in FILES[kind] if isinstance(requirement, str)}
    assert wanted <= {name(line) for line in lines(kind)}, "run: make pins"


@pytest.mark.parametrize("kind", FILES)
def test_an_exact_version_is_the_one_installed(kind: str) -> None:
    exact = {requirement for requirement in FILES[kind] if "==" in requirement}
    assert exact <= set(lines(kind)), "run: make pins"


@pytest.mark.parametrize(("smaller", "larger"), [("local", "test"), ("test", "bench")])
def test_what_is_installed_later_changes_no_version(smaller: str, larger: str) -> None:
    assert set(lines(smaller)) <= set(lines(larger)), "run: make pins"


def test_nothing_but_our_code_ships_to_lambda() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_changelog_tells_of_this_version() -> None:
    project: dict[str, Any] = PROJECT["project"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
