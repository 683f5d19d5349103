"""Build storygate's wheel, and look into it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import ROOT

PACKAGES = ("storygate", "localcloud", "chalicelib")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("storygate-*.whl")))


def test_it_holds_the_packages_with_their_templates_and_styles_and_no_more(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    assert inside == {
        str(path.relative_to(ROOT)) for path in files if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in inside} >= {".py", ".html", ".css", ".js"}


def test_it_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    texts = {Path(name).name: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}
    assert "storygate = storygate.cli:main" in texts["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in texts["METADATA"]
    assert texts["LICENSE"] == (ROOT / "LICENSE").read_text(encoding="utf-8")
