"""The generated pages are up to date, and the examples in docs/commands.md are right."""

import re
import shlex

import pytest

from storygate.cli import COMMANDS, parser
from storygate.support.errors import OutOfPatience, WrongUsage
from tools import docs

TEXT = docs.COMMANDS.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([a-z]\S+)\n\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_the_pages_are_what_the_commands_the_checks_and_the_prices_say() -> None:
    assert docs.commands_page() == TEXT, "stale: run python -m tools.docs"
    page = docs.OPERATE.read_text(encoding="utf-8")
    assert docs.operate_page(page) == page, "stale: run python -m tools.docs"


def test_each_command_has_its_rights_and_exit_codes_in_the_one_table() -> None:
    assert set(docs.FACTS) == set(COMMANDS)
    assert {rights for rights, _ in docs.FACTS.values()} == set(docs.RIGHTS)


def test_every_command_is_described_in_the_order_of_the_help() -> None:
    assert tuple(SECTIONS) == COMMANDS


@pytest.mark.parametrize("name", SECTIONS)
def test_a_description_is_short_names_its_exit_code_and_has_an_example_that_parses(name: str) -> None:
    description, _, rest = SECTIONS[name].partition("\n\n")
    assert len(description) <= 600
    assert re.search(r"^Exit codes: 0\b", rest, re.MULTILINE)
    words = shlex.split(rest.strip().splitlines()[-1])
    given = words[words.index(name) :]
    assert callable(parser().parse_args(given).run)


@pytest.mark.parametrize("name", SECTIONS)
def test_options_that_a_description_names_exist(name: str) -> None:
    known = {"--json", "--help"} | set(re.findall(r"--[a-z-]+", docs.commands()[name].format_help()))
    assert set(re.findall(r"--[a-z][a-z-]+", SECTIONS[name])) <= known


def test_the_exit_codes_are_the_documented_ones() -> None:
    assert set(re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)) == {"0", "1", "2", "124", "130"}
    assert (WrongUsage.exit_code, OutOfPatience.exit_code) == (2, 124)
