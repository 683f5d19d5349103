"""docs/commands.md and the command line tell of the same commands, and its examples are right."""

import re
import shlex

import pytest

from storygate.cli import command_names, parser
from storygate.support.errors import OutOfPatience, WrongUsage
from tests import ROOT

TEXT = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_every_command_is_described_in_the_order_of_the_help():
    assert tuple(SECTIONS) == command_names()


@pytest.mark.parametrize("name", SECTIONS)
def test_a_description_is_short_names_its_exit_code_and_has_an_example_that_parses(name):
    description, _, example = SECTIONS[name].partition("\n\n")
    assert len(description.splitlines()) <= 6
    assert re.search(r"\b[01]\b", description)
    line = example.strip()
    assert line.startswith(f"python -m storygate {name}")
    assert callable(parser().parse_args(shlex.split(line)[3:]).run)


@pytest.mark.parametrize("name", SECTIONS)
def test_options_that_a_description_names_exist(name):
    known = {"--json", "--help"} | set(re.findall(r"--[a-z-]+", help_of(name)))
    assert set(re.findall(r"--[a-z][a-z-]+", SECTIONS[name])) <= known


def test_the_exit_codes_are_the_documented_ones():
    assert set(re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)) == {"0", "1", "2", "124", "130"}
    assert (WrongUsage.exit_code, OutOfPatience.exit_code) == (2, 124)


def help_of(name):
    subparsers = next(action for action in parser()._actions if action.choices)
    return subparsers.choices[name].format_help()
