"""The CloudFormation templates as data: YAML with the short forms of CloudFormation's functions."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from storygate.stage.definition import LOADER
from storygate.support.errors import OperatorError


class _Loader(LOADER):  # type: ignore[misc]
    """YAML whose `!Sub x` becomes `{"Fn::Sub": "x"}` (CloudFormation user guide, intrinsic function reference)."""

    def function(self, name: str, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            value: Any = self.construct_scalar(node)
            value = value.split(".", 1) if name == "GetAtt" else value
        elif isinstance(node, yaml.SequenceNode):
            value = self.construct_sequence(node, deep=True)
        else:
            value = self.construct_mapping(node, deep=True)
        return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _Loader.function)


def read_template(project: Path, template: Path) -> dict[str, Any]:
    """Return a template of the project, with CloudFormation's functions in their long form.

    Raises OperatorError if the file is missing or is no YAML.
    """
    try:
        text = (project / template).read_text(encoding="utf-8")
        read: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - it is a safe loader
    except (OSError, yaml.YAMLError) as error:
        raise OperatorError(f"{template} cannot be read: {error}", "Restore it from the repository.") from error
    return read


def resolved(value: Any, names: Mapping[str, str]) -> Any:
    """Return a part of a template with `Ref`, `Fn::GetAtt` and `Fn::Sub` replaced by what `names` says.

    The names are as in `Fn::Sub`: `StateMachineName`, `NotStarted.QueueName`. Raises KeyError for another one.
    """
    if isinstance(value, list):
        return [resolved(part, names) for part in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": str(name)}:
            return names[name]
        case {"Fn::GetAtt": [*path]}:
            return names[".".join(path)]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w.:]+)\}", lambda found: names[found.group(1)], text)
    return {key: resolved(part, names) for key, part in value.items()}
