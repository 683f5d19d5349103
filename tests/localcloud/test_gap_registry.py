"""The registry fills the gaps for one version of moto, and takes back all that it did."""

import re
import sys
from collections import Counter
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest
from moto.core.config import default_user_config
from moto.dynamodb.models import DynamoDBBackend

from localcloud import LocalCloudError, gaps
from localcloud.cloud import LocalCloud
from localcloud.gaps.patching import MISSING, Gap
from localcloud.gaps.registry import GAPS, MOTO, check_moto, filled, load
from tests import ROOT

PATCHED = ("moto", "jsonata")


def attributes() -> dict[tuple[str, str], dict[str, Any]]:
    """Return every attribute of every module and class of the packages that gaps patch, by module and class."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in PATCHED:
            _collect(name, module, found)
    return found


def _collect(name: str, owner: Any, found: dict[tuple[str, str], dict[str, Any]]) -> None:
    key = (name, getattr(owner, "__qualname__", ""))
    if key in found:
        return
    found[key] = dict(vars(owner))
    for member in found[key].values():
        if isinstance(member, type) and member.__module__.split(".")[0] in PATCHED:
            _collect(member.__module__, member, found)


def changed(before: dict[tuple[str, str], dict[str, Any]], after: dict[tuple[str, str], dict[str, Any]]) -> set[str]:
    return {
        f"{key}: {name}"
        for key in before.keys() & after.keys()  # the attribute that holds a class counts where the class was replaced
        for name in before[key].keys() | after[key].keys()
        if before[key].get(name, MISSING) is not after[key].get(name, MISSING)
    }


def test_the_end_of_the_block_restores_every_attribute_and_the_gaps_can_be_filled_again() -> None:
    for name in GAPS:
        load(name)  # to import a gap fills nothing
    settings, before = dict(default_user_config), attributes()
    for _ in range(2):
        with filled():
            assert len(changed(before, attributes())) > 80
            assert default_user_config["stepfunctions"] == {"execute_state_machine": True}
        assert changed(before, attributes()) == set()
        assert default_user_config == settings


def test_overlapping_blocks_fill_once_and_the_last_one_restores() -> None:
    before = attributes()
    first, second = filled(), filled()
    first.__enter__()
    once = attributes()
    second.__enter__()
    assert changed(once, attributes()) == set()
    first.__exit__(None, None, None)
    assert changed(once, attributes()) == set()
    second.__exit__(None, None, None)
    assert changed(before, attributes()) == set()


def test_a_local_cloud_that_stops_restores_plain_moto(tmp_path: Path) -> None:
    places = [(patch.owner, patch.name) for name in GAPS for patch in load(name).patches]

    def values() -> list[Any]:
        return [(owner if isinstance(owner, dict) else vars(owner)).get(name, MISSING) for owner, name in places]

    before = values()
    with LocalCloud(tmp_path):
        assert all(filled is not plain for filled, plain in zip(values(), before, strict=True))
    assert values() == before


def test_a_gap_that_cannot_be_filled_leaves_nothing_behind() -> None:
    before = attributes()
    with pytest.raises(ModuleNotFoundError), filled("server.memory", "server.missing"):
        pytest.fail("the block must not run")
    assert changed(before, attributes()) == set()


def test_every_gap_is_in_the_table_once() -> None:
    prefix = f"{gaps.__name__}."
    modules = {module.name.removeprefix(prefix) for module in walk_packages(gaps.__path__, prefix) if not module.ispkg}
    assert sorted(GAPS) == sorted(modules - {"patching", "registry"})


def test_only_the_documented_line_of_the_table_depends_on_its_place() -> None:
    places = Counter((id(patch.owner), patch.name) for name in GAPS for patch in load(name).patches)
    assert [place for place, count in places.items() if count > 1] == [(id(DynamoDBBackend), "transact_write_items")]
    assert GAPS.index("dynamodb.speed") < GAPS.index("dynamodb.isolation")


def test_another_moto_is_refused_with_what_to_run() -> None:
    with pytest.raises(LocalCloudError) as refused:
        check_moto("5.2.6")
    assert f"moto 5.2.6 is installed, but the local cloud works with moto {MOTO} only" in str(refused.value)
    assert f'pip install "moto=={MOTO}"' in str(refused.value)


def test_the_requirements_pin_the_moto_of_the_gaps() -> None:
    files = [ROOT / "pyproject.toml", *ROOT.rglob("requirements*.txt")]
    pins = {
        pin
        for file in files
        if ".venv" not in file.parts
        for pin in re.findall(r"^\W*moto(?:\[[\w,-]+\])?\s*([=<>~!]+\s*[\d.]+)", file.read_text(encoding="utf-8"), re.M)
    }
    assert pins == {f"=={MOTO}"}


class Parent:
    def plain(self) -> str:
        return "parent's"


class Child(Parent):
    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @staticmethod
    def static(text: str) -> str:
        return text

    @property
    def read(self) -> str:
        return "read"


def test_a_wrapper_has_the_kind_of_what_it_wraps_and_gets_it_as_first_argument() -> None:
    several = Gap()
    for name in ("plain", "of_class", "static", "read"):
        several.wraps(Child, name)(lambda original, *arguments: f"wrapped {original(*arguments)}")
    before = dict(vars(Child))
    undo = [patch.apply() for patch in several.patches]
    child = Child()
    found = [child.plain(), Child.of_class(), Child.static("static"), child.read]
    assert found == ["wrapped parent's", "wrapped Child", "wrapped static", "wrapped read"]
    for step in reversed(undo):
        step()
    assert dict(vars(Child)) == before
    assert "plain" not in vars(Child)
