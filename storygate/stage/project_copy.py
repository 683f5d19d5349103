"""A copy of the project to deploy from, for an AWS that lives as long as one command or one test."""

import shutil
from pathlib import Path


def copy_project(project: Path, target: Path) -> Path:
    """Copy what `deploy` reads into an existing directory, without Chalice's records of other deployments.

    Returns `target`. So neither a running `local` nor the project's other stages notice what is deployed from it.
    """
    for name in ("app.py", "requirements.txt"):
        shutil.copy2(project / name, target)
    unwanted = shutil.ignore_patterns("deployed", "deployments", "venv", "__pycache__")
    for name in ("chalicelib", ".chalice", "statemachine"):
        shutil.copytree(project / name, target / name, ignore=unwanted)
    if (project / "vendor").is_dir():  # Chalice's place for libraries that pip cannot fetch
        shutil.copytree(project / "vendor", target / "vendor", ignore=unwanted)
    return target
