"""Install the pinned packages and storygate itself into `.venv`: `python3 tools/install.py local|test|bench`.

`make` runs it. It installs with uv, in seconds: the one on PATH, else one that pip installs into `.venv`. If this
machine can have no uv, pip installs everything. This file needs only Python, and stops if that is too old.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
UV = os.path.join(ROOT, ".venv", "bin", "uv")
# What each requirements file is for, and how many megabytes it downloads where nothing is cached.
KINDS = {
    "local": ("storygate and the local cloud", 40),
    "test": ("storygate, the local cloud and the tests", 140),
    "bench": ("storygate, the local cloud, tests and benchmarks", 150),
}


def main(kind: str) -> None:
    """Bring `.venv` up to `requirements-<kind>.txt`."""
    began = time.monotonic()
    requirements = os.path.join(ROOT, f"requirements-{kind}.txt")
    with open(requirements, encoding="utf-8") as lines:
        count = sum("==" in line for line in lines)
    what, megabytes = KINDS[kind]
    print(f"Installing {what} into .venv, once: {count} packages, about {megabytes} MB to download.", flush=True)
    uv = shutil.which("uv")
    if not os.path.exists(PYTHON):
        make_environment(uv)
    packages = ["--no-deps", "-r", requirements, "-e", ROOT]  # the file names indirect dependencies, too
    uv = uv or uv_of_pip()
    if not uv or not shown([uv, "pip", "install", "--python", PYTHON, *packages]):
        print("Installing with pip, which takes longer than uv.", flush=True)
        pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
        if not shown([*pip, *packages]):
            sys.exit("The installation failed; what is above says why.")
    print(f"Installed in {time.monotonic() - began:.0f} s.")


def make_environment(uv: str | None) -> None:
    """Make an empty `.venv`: with uv, if it is there, else with Python's own parts, which Debian packages apart."""
    if uv:
        command = [uv, "venv", "--quiet", "--seed", "--python", sys.executable, os.path.join(ROOT, ".venv")]
    elif importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        command = [sys.executable, "-m", "venv", os.path.join(ROOT, ".venv")]
    else:
        sys.exit(
            f"{sys.executable} cannot make virtual environments: its modules venv or ensurepip are missing.\n"
            "On Debian and Ubuntu: apt install python3-venv. Or install uv. Then run make again."
        )
    if subprocess.call(command):
        sys.exit("Making .venv failed; what is above says why.")


def uv_of_pip() -> str | None:
    """Return the path of the uv in `.venv`, after pip has brought it; None where pip cannot."""
    if not os.path.exists(UV):
        command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "uv"]
        subprocess.call(command, stderr=subprocess.DEVNULL)  # not everywhere: then pip installs the rest as well
    return UV if os.path.exists(UV) else None


def shown(command: list[str]) -> bool:
    """Run a command, show its larger downloads as they begin, and all of its output if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None  # noqa: S101 - for mypy
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "Downloading " in line and ("MB)" in line or "MiB)" in line):
            print("  " + line.strip(), flush=True)
    if process.wait():
        print("".join(printed))
    return process.returncode == 0


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - any Python may run this file
        sys.exit("storygate needs Python 3.11 or newer; try: make PYTHON=python3.12")
    main(sys.argv[1])
