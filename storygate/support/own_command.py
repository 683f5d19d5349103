"""This tool's commands as the operator can copy them, wherever the tool is installed."""

import shlex
import shutil
import sys
from pathlib import Path


def command_line(arguments: str) -> str:
    """Return a command to copy, e.g. `storygate watch NAME --stage dev` for `watch NAME --stage dev`."""
    return f"{_program()} {arguments}"


def _program() -> str:
    """`storygate` if PATH leads to this installation; else its script, else `python -m storygate`, each by its path."""
    # Not resolved: a virtual environment's Python is a link to one that does not have this package.
    python = Path(sys.executable)
    script, found = python.with_name("storygate"), shutil.which("storygate")
    if found and (not script.is_file() or script.samefile(found)):
        return "storygate"
    return _shown(script) if script.is_file() else f"{_shown(python)} -m storygate"


def _shown(path: Path) -> str:
    """A path as a shell takes it, relative to the current directory if it lies below."""
    here = Path.cwd()
    if not path.is_relative_to(here):
        return shlex.quote(str(path))
    below = path.relative_to(here)
    return shlex.quote(f"./{below}" if below.parent == Path() else str(below))  # a bare name is looked up in PATH
