"""What README and docs say is there: states, commands, files, and the AWS CLI's own operations and options."""

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from storygate.cli import COMMANDS, main
from storygate.commands.diagram import diagram
from storygate.report.coordinates import DRAWING
from storygate.stage.definition import DEFINITION as DEFINITION_FILE
from storygate.stage.definition import read_definition
from tests import ROOT
from tools.docs import commands

DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "samples").rglob("*.md")),
]
MADE = (".venv/", ".chalice/deployed/")  # named in the docs, and not in the repository
WRITTEN = {"result.json", "execution.json"}  # by each run
OTHERS = {"docs/design.md"}  # sfnx's
NAMES = {
    file.name
    for entry in ROOT.iterdir()
    if entry.name not in {".git", ".venv"}
    for file in (entry.rglob("*") if entry.is_dir() else [entry])
}
DEFINITION = read_definition(ROOT)
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])

# Commands of the AWS CLI that are not operations of a service, and options it spells otherwise than the API.
OWN_COMMANDS = {("cloudformation", "deploy"), ("logs", "tail")}
OWN_SERVICES = {"s3", "configure", "sso"}
OWN_OPTIONS = {"query", "output", "region", "profile", "no-cli-pager", "max-items"}
RENAMED = {
    ("sns", "subscribe"): {"notification-endpoint": "endpoint"},
    ("stepfunctions", "send-task-success"): {"task-output": "output"},
}
MODELS = {"s3api": "s3"}


def states(machine: Any) -> Iterator[str]:
    for name, state in machine["States"].items():
        yield name
        for branch in state.get("Branches", []):
            yield from states(branch)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_drawing_is_that_of_the_workflow() -> None:
    assert text_of(ROOT / "docs" / "workflow.svg") == diagram(ROOT) + "\n", "run: python -m storygate diagram --write"


def test_the_command_prints_the_drawing_and_puts_it_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("statemachine", ".chalice", "docs"):
        (tmp_path / name).mkdir()
    (tmp_path / ".chalice" / "config.json").write_text("{}")
    for path in (DEFINITION_FILE, DRAWING):
        (tmp_path / path).write_text(text_of(ROOT / path))
    monkeypatch.chdir(tmp_path)
    drawing = diagram(ROOT) + "\n"
    assert main(["diagram"]) == 0
    assert capsys.readouterr().out == drawing
    assert main(["diagram", "--write"]) == main(["diagram", "-o", "mine.svg"]) == 0
    assert text_of(tmp_path / "docs" / "workflow.svg") == text_of(tmp_path / "mine.svg") == drawing


def test_architecture_describes_each_state_once_and_no_other() -> None:
    table = re.search(r"^\| State \|.*?\n\n", text_of(ROOT / "docs" / "architecture.md"), re.M | re.S)
    assert table is not None
    described = re.findall(r"`([A-Z]\w+)`", " ".join(row.split("|")[1] for row in table.group().split("\n") if row))
    gave_up = {name for name in states(DEFINITION) if name.endswith("GaveUp")}  # told beside the state that leads there
    assert sorted(described) == sorted(set(states(DEFINITION)) - gave_up)
    assert set(re.findall(r"`([A-Z]\w+)`", table.group())) == set(states(DEFINITION))


@each_document
def test_states_that_are_called_states_exist(path: Path) -> None:
    assert set(re.findall(r"\b[Ss]tate `([A-Z]\w+)`", text_of(path))) <= set(states(DEFINITION))


@each_document
def test_commands_exist_with_the_options_given(path: Path) -> None:
    for name, rest in own_commands(text_of(path)):
        assert name in COMMANDS, name
        known = set(re.findall(r"--[a-z][a-z-]+", commands()[name].format_help()))
        assert set(re.findall(r"--[a-z][a-z-]+", rest)) <= known, (name, rest)


def own_commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and arguments of each of our commands in code, in blocks and in the line."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    .+$", text, re.MULTILINE)
    for code in (*"\n".join((*blocks, *indented)).splitlines(), *re.findall(r"`([^`\n]+)`", text)):
        found = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )?(?:\S*/)?(?:python -m )?storygate ([a-z][\w-]*)(.*)", code)
        if found:
            yield found[1], found[2]


def test_our_own_commands_are_really_found() -> None:
    found = [name for path in DOCUMENTS for name, _ in own_commands(text_of(path))]
    assert {"deploy", "smoke", "doctor", "rotate", "local"} <= set(found)
    assert len(found) > 50


@each_document
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^\$ )make ([a-z]+)", text_of(path), re.MULTILINE)) <= targets


@each_document
def test_links_to_files_and_headings_resolve(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", text_of(path), flags=re.MULTILINE | re.DOTALL)
    assert not re.findall(r"\]\([^)\s]*\n.*", text), "a link is broken over two lines"
    for target in (*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:src|srcset|href)="([^"\s]+)"', text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", text_of(linked), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, target


@each_document
def test_files_that_are_named_exist(path: Path) -> None:
    top = "|".join(re.escape(entry.name) for entry in ROOT.iterdir() if entry.is_dir())
    text = re.sub(r"https?://\S+", "", text_of(path))
    for name in re.findall(rf"(?<![\w/:.-])((?:{top})/(?:[\w./*-]|<\w+>)+)", text):
        pattern = re.sub(r"<\w+>", "*", name).rstrip("/.")
        assert name.startswith(MADE) or name in OTHERS or list(ROOT.glob(pattern)), name
    if path.name == "CHANGELOG.md":
        return  # it also names what is gone
    for name in re.findall(r"`([\w.-]+\.(?:py|ya?ml|json|svg|md|mjs|toml|css|js|html|sh))`", text):
        assert name in NAMES or name in WRITTEN, name


@each_document
def test_modules_that_are_run_exist(path: Path) -> None:
    for module in re.findall(r"python3? -m ([\w.]+)", text_of(path)):
        assert find_spec(module), module


def test_messages_that_are_quoted_exist() -> None:
    page = text_of(ROOT / "docs" / "troubleshooting.md")
    section = page.partition("## Deploy refuses\n")[2].partition("\n## ")[0]
    code = "".join(map(text_of, (ROOT / "storygate" / "deployment").glob("*.py")))
    quoted = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert len(quoted) > 4
    for part in (part.strip() for message in quoted for part in message.split("…")):
        assert part in code, part


@each_document
def test_settings_that_are_named_exist(path: Path) -> None:
    text = text_of(path)
    runtime = "".join(
        map(text_of, [ROOT / "app.py", *(ROOT / "chalicelib").glob("*.py"), ROOT / "storygate" / "stage" / "config.py"])
    )
    for variable in re.findall(r"\bSTORYGATE_[A-Z_]+[A-Z]\b", text):
        assert variable in runtime, variable
    template = text_of(ROOT / "statemachine" / "workflow.yaml").partition("\nConditions:")[0]
    for block in re.findall(r'"workflow": \{(.*?)\}', text, re.S):
        for parameter in re.findall(r'"(\w+)": "', block):
            assert f"\n  {parameter}:" in template, parameter


@pytest.mark.parametrize(
    "room", ["*", "chalicelib", "localcloud", "storygate", "statemachine", "tests", "tools", "benchmarks"]
)
def test_pages_that_the_code_cites_exist(room: str) -> None:
    paths = ROOT.glob("*") if room == "*" else (ROOT / room).rglob("*")
    for path in paths:
        if path.suffix in {".py", ".yaml", ".toml"} or path.name == "Makefile":
            for page in set(re.findall(r"\bdocs/[\w-]+\.md\b", text_of(path))) - {"docs/design.md"}:  # that is sfnx's
                assert (ROOT / page).exists(), (path, page)


def slug(heading: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@each_document
def test_aws_commands_name_operations_and_options_that_exist(path: Path) -> None:
    session = botocore.session.get_session()
    for service, operation, options in aws_commands(text_of(path)):
        if service in OWN_SERVICES or (service, operation) in OWN_COMMANDS:
            continue
        model = session.get_service_model(MODELS.get(service, service))
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        assert operation in operations, (service, operation)
        shape = model.operation_model(operations[operation]).input_shape
        known = {xform_name(name, "-") for name in shape.members} if shape else set()
        renamed = RENAMED.get((service, operation), {})
        unknown = {renamed.get(option, option) for option in options} - known - OWN_OPTIONS
        assert not unknown, (service, operation, unknown)


def aws_commands(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Service, operation and options of each command of the AWS CLI, in blocks and in the line."""
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in (*blocks, *re.findall(r"`(aws [^`]+)`", rest)):
        words: list[str] = []
        for word in [*tokens(code), "\n"]:
            if re.fullmatch(r"[|;&()<>\n]+", word):
                if words[:1] == ["aws"] and len(words) > 2 and words[2].islower():
                    options = [given[2:].partition("=")[0] for given in words[3:] if given.startswith("--")]
                    yield words[1], words[2], options
                words = []
            elif words or word == "aws":
                words.append(word)


def tokens(code: str) -> Iterator[str]:
    lexer = shlex.shlex(code.replace("\\\n", " "), posix=True, punctuation_chars="|;&()<>\n")
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    yield from lexer


def test_the_commands_of_the_aws_cli_are_really_found() -> None:
    found = list(aws_commands("".join(map(text_of, DOCUMENTS))))
    assert (
        "events",
        "create-connection",
        ["name", "description", "authorization-type", "auth-parameters", "query", "output"],
    ) in found
    assert ("stepfunctions", "validate-state-machine-definition", ["query", "definition"]) in found
    assert len(found) > 30
