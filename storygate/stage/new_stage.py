"""Write a new stage's part of config.json and its policies, or what an existing stage lacks of them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storygate.stage import policies
from storygate.stage.config import CONFIG, VARIABLES, read_config
from storygate.stage.json_insert import inserted
from storygate.support.errors import OperatorError

# Part of the names of buckets (lower case, at most 63 characters) and functions (at most 64).
NAME = re.compile(r"[a-z][a-z0-9-]{0,18}[a-z0-9]")
MODEL = "dev"
"""The stage whose functions a new one has."""


@dataclass(frozen=True)
class NewStage:
    """What was written: whether the stage is new, the functions that it lacked, and the policy files."""

    name: str
    bucket: str
    is_new: bool
    functions: list[str]
    files: list[str]


def write_stage(project: Path, name: str, bucket: str | None = None) -> NewStage:
    """Write what the stage `name` lacks; run again, this changes nothing.

    The new stage has `dev`'s functions with their settings, names of its own, and an `api_gateway_stage` of its own, so
    that it shares no metric with another stage of the account. Raises OperatorError for a name that AWS would refuse,
    for a `bucket` of an existing stage, and if config.json cannot be the model.
    """
    config = read_config(project)
    text = (project / CONFIG).read_text(encoding="utf-8")
    stages = config.get("stages")
    if not isinstance(stages, dict) or not isinstance(stages.get(MODEL), dict):
        raise OperatorError(f'{CONFIG} has no stage "{MODEL}" to copy from.', "Take it from the repository's.")
    is_new = name not in stages
    if is_new and not NAME.fullmatch(name):
        raise OperatorError(
            f'"{name}" cannot be a stage: bucket and functions are named after it.',
            "Use 2 to 20 lower-case letters, digits and hyphens, with a letter first, such as qa.",
        )
    if bucket and not is_new:
        raise OperatorError(f"Stage {name} exists and has its bucket.", f"Leave out --bucket, or edit {CONFIG}.")
    if is_new:
        own = _stage(f"{config.get('app_name', 'storygate')}-{name}", name, bucket)
        text = inserted(text, ["stages"], name, own)
        stages[name] = own
    models: dict[str, Any] = stages[MODEL].get("lambda_functions", {})
    if "lambda_functions" not in stages[name]:
        stages[name]["lambda_functions"] = {}
        text = inserted(text, ["stages", name], "lambda_functions", {})
    functions = stages[name]["lambda_functions"]
    lacking = [function for function in models if function not in functions]
    for function in lacking:
        functions[function] = {**models[function], "iam_policy_file": policies.file_name(name, function)}
        text = inserted(text, ["stages", name, "lambda_functions"], function, functions[function])
    if json.loads(text) != config:
        raise OperatorError(f"{CONFIG} has a form that this cannot edit.", "Add the stage by hand, as dev is written.")
    (project / CONFIG).write_text(text, encoding="utf-8")
    files = policies.write(project, config, name)
    return NewStage(name, stages[name]["environment_variables"]["STORYGATE_BUCKET"], is_new, lacking, files)


def _stage(named: str, name: str, bucket: str | None) -> dict[str, Any]:
    variables = dict.fromkeys(VARIABLES, named) | ({"STORYGATE_BUCKET": bucket} if bucket else {})
    return {"api_gateway_stage": name, "environment_variables": variables, "lambda_functions": {}}
