"""Commands that are printed can be copied: by name if the shell finds it, else by this installation's path."""

import sys
from pathlib import Path

import pytest

from storygate.support.own_command import command_line


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this process's Python, in a path with a blank and without scripts on PATH."""
    scripts = tmp_path / "my project" / ".venv" / "bin"
    scripts.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return scripts


def add_script(directory: Path) -> None:
    script = directory / "storygate"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)


def test_on_path_it_is_the_name(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_script(installation)
    monkeypatch.setenv("PATH", str(installation))
    assert command_line("list --stage dev") == "storygate list --stage dev"


def test_another_installation_on_path_is_not_meant(
    installation: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    add_script(other)
    add_script(installation)
    monkeypatch.setenv("PATH", str(other))
    monkeypatch.chdir(installation)
    assert command_line("list") == "./storygate list"


def test_else_it_is_the_script_from_here_if_it_lies_below(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_script(installation)
    monkeypatch.chdir(installation.parents[1])
    assert command_line("list --stage dev") == ".venv/bin/storygate list --stage dev"
    monkeypatch.chdir(installation.parents[2])
    assert command_line("list --stage dev") == "'my project/.venv/bin/storygate' list --stage dev"
    monkeypatch.chdir(installation)
    assert command_line("list --stage dev") == "./storygate list --stage dev"


def test_without_a_script_it_is_the_module(installation: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert command_line("list --stage dev") == f"'{installation}/python' -m storygate list --stage dev"
