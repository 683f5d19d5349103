"""A copy of the project to deploy from, for an AWS that lives as long as one command or one test."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from storygate.stage.aws import LOCAL
from storygate.stage.config import CONFIG


def copy_project(project: Path, target: Path, variables: Mapping[str, str] | None = None, stage: str = LOCAL) -> Path:
    """Copy what `deploy` reads into an existing directory, without Chalice's records of other deployments.

    Returns `target`. So neither a running `local` nor the project's other stages notice what is deployed from it.
    `variables` are set in a stage of the copy's config.json.
    """
    for name in ("app.py", "requirements.txt"):
        shutil.copy2(project / name, target)
    unwanted = shutil.ignore_patterns("deployed", "deployments", "venv", "__pycache__")
    for name in ("chalicelib", ".chalice", "statemachine"):
        shutil.copytree(project / name, target / name, ignore=unwanted)
    if (project / "vendor").is_dir():  # Chalice's place for libraries that pip cannot fetch
        shutil.copytree(project / "vendor", target / "vendor", ignore=unwanted)
    if variables:
        config = json.loads((target / CONFIG).read_text(encoding="utf-8"))
        config["stages"][stage]["environment_variables"].update(variables)
        (target / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
    return target
