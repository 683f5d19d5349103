"""The rooms of the house: which may import which, that no import runs in a circle, and that names are unique.

Read from the source by AST, so imports under TYPE_CHECKING and inside functions count as well.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import ROOT

# The rooms of the tool, from top to bottom; those on one floor may not import each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("storygate.__main__",),
    ("storygate.cli",),
    ("storygate.commands",),
    ("storygate.console",),
    ("storygate.report", "storygate.checks", "storygate.cost"),
    ("storygate.operations",),
    ("storygate.deployment",),
    ("storygate.runs",),
    ("storygate.stage",),
    ("storygate.support",),
)
HEIGHT = {room: height for height, floor in enumerate(FLOORS) for room in floor}
RUNTIME = ("app", "chalicelib")
LOCAL_CLOUD = "localcloud"

TOP = {"app", "chalicelib", "localcloud", "storygate", "tools"}


def modules() -> dict[str, Path]:
    """Every module of ours that is not a test, by its dotted name; a package by the package's name."""
    paths = [ROOT / "app.py", *(path for top in sorted(TOP - {"app"}) for path in (ROOT / top).rglob("*.py"))]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


MODULES = modules()


@cache
def imported(module: str, at_once: bool = False) -> frozenset[str]:
    """The modules of ours that a module imports, or only those that it imports when it is itself imported."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports are absolute here"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found for name in names if (found := _module_of(name)) and found != module)


def _module_of(name: str) -> str | None:
    """The longest beginning of a dotted name that is a module of ours."""
    parts = name.split(".")
    beginnings = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((beginning for beginning in beginnings if beginning in MODULES), None)


def room(module: str) -> str:
    """`storygate.runs` of `storygate.runs.history`; the module itself outside of rooms."""
    return ".".join(module.split(".")[:2]) if module.startswith("storygate.") else module.split(".")[0]


def imports() -> Iterator[tuple[str, str]]:
    """Each import of a module of ours by a module of ours."""
    return ((module, other) for module in MODULES for other in imported(module))


def test_every_room_has_its_floor() -> None:
    assert {room(module) for module in MODULES if module.startswith("storygate.")} == set(HEIGHT)


def test_imports_point_downwards() -> None:
    upwards = [
        f"{module} imports {other}"
        for module, other in imports()
        if room(module) in HEIGHT
        and room(other) in HEIGHT
        and room(module) != room(other)
        and HEIGHT[room(module)] >= HEIGHT[room(other)]
    ]
    assert upwards == []


def test_no_command_imports_another() -> None:
    commands = {module for module in MODULES if room(module) == "storygate.commands" and _has_register(module)}
    assert len(commands) > 10
    assert [pair for pair in imports() if commands.issuperset(pair)] == []


def _has_register(module: str) -> bool:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "register" for node in tree.body)


def test_the_runtime_ships_alone_and_the_local_cloud_knows_nothing_of_storygate() -> None:
    allowed = {"app": RUNTIME, "chalicelib": RUNTIME[1:], LOCAL_CLOUD: (LOCAL_CLOUD,)}
    for owner, rooms in allowed.items():
        assert [pair for pair in imports() if room(pair[0]) == owner and room(pair[1]) not in rooms] == []


def test_only_commands_and_tools_use_the_local_cloud_and_nothing_uses_tools() -> None:
    users = {room(module) for module, other in imports() if room(other) == LOCAL_CLOUD} - {LOCAL_CLOUD}
    assert users <= {"storygate.commands", "tools"}
    assert {room(module) for module, other in imports() if room(other) == "tools"} <= {"tools"}


def test_the_callback_loads_nothing_that_calls_jira() -> None:
    loaded, found = set(), {"app"}
    while found:
        module = found.pop()
        loaded.add(module)
        found |= imported(module, at_once=True) - loaded
    assert "chalicelib.callback" in loaded
    assert {
        "chalicelib.jira_api",
        "chalicelib.stage_jira",
        "chalicelib.jira_ask",
        "chalicelib.jira_tell",
    } & loaded == set()


def test_no_import_runs_in_a_circle() -> None:
    finished: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " imports ".join((*path[path.index(module) :], module))
        if module not in finished:
            for other in imported(module):
                visit(other, (*path, module))
            finished.add(module)

    for module in MODULES:
        visit(module, ())


def test_a_modules_name_says_which_it_is() -> None:
    """Exempt: commands, which have the names that the user types, and gaps, whose folder is the service's name."""
    named = [
        module.rpartition(".")[2]
        for module in MODULES
        if room(module) != "storygate.commands" and not module.startswith("localcloud.gaps.")
        if MODULES[module].name != "__init__.py"
    ]
    assert [name for name, count in Counter(named).items() if count > 1] == []


@pytest.mark.parametrize("folder", ["storygate", "localcloud", "chalicelib"])
def test_the_tests_mirror_the_rooms(folder: str) -> None:
    rooms = {path.name for path in (ROOT / "tests" / folder).iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= {path.name for path in (ROOT / folder).rglob("*") if path.is_dir()}
