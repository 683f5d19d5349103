"""The state machine's definition, which people write as YAML and AWS gets as JSON, and the states the tool knows.

CloudFormation takes a JSON or a YAML file in `DefinitionS3Location` (user guide, AWS::StepFunctions::StateMachine) and
promises nothing about YAML's anchors. So storygate resolves them and uploads JSON.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from chalicelib.apis import APIS
from storygate.support.errors import OperatorError

DEFINITION = Path("statemachine", "workflow.asl.yaml")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first needs libyaml, and is ten times as fast
WAIT = "WaitForStory"
RELEASE = "release"
"""The optional fourth API, which is called after the verdict."""
RELEASE_ACTIONS = {"CallRelease": "release", "CallRollback": "rollback"}
"""The states that call it, and the action of each."""
NO_RELEASE = "https://release.invalid"  # the URL in the definition of a stage without a release API (workflow.yaml)


def call_state(api: str) -> str:
    """Return the state that calls an API: `CallValidation`."""
    return f"Call{api.capitalize()}"


def api_of_state(state: str) -> str | None:
    """Return the API that a state calls (`CallValidation`) or gives up (`ValidationGaveUp`); None for other states."""
    if state in RELEASE_ACTIONS:
        return RELEASE
    name = state.removeprefix("Call").removesuffix("GaveUp").lower()
    return name if name in APIS else None


def apis_of(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the APIs that a deployed definition calls, in order; the release API is one if the stage has it."""
    call = definition.get("States", {}).get("CallRelease", {})
    url = call.get("Arguments", {}).get("ApiEndpoint", NO_RELEASE)
    return APIS if url in (NO_RELEASE, "${ReleaseUrl}") else (*APIS, RELEASE)


def read_definition(project: Path) -> dict[str, Any]:
    """Return the definition with its anchors resolved. CloudFormation fills in its `${…}` later.

    Raises OperatorError if the file is missing or is not a YAML mapping.
    """
    try:
        text = (project / DEFINITION).read_text(encoding="utf-8")
        definition = yaml.load(text, LOADER)  # noqa: S506 - both loaders are safe
    except FileNotFoundError as error:
        raise OperatorError(f"{DEFINITION} is missing.", "Restore it from the repository.") from error
    except yaml.YAMLError as error:
        raise OperatorError(f"{DEFINITION} is not YAML: {error}.", "Correct it at that line.") from error
    if not isinstance(definition, dict):
        raise OperatorError(f"{DEFINITION} is not a YAML mapping.", "Restore it from the repository.")
    return definition


def definition_json(project: Path) -> str:
    """Return the definition as the JSON that `deploy` uploads: the same YAML gives the same text.

    Each expression is put on one line: the schema of AWS's own editor (amazon-states-language-service) takes no line
    break between `{%` and `%}`. Raises OperatorError as `read_definition` does.
    """
    return json.dumps(_on_one_line(read_definition(project)), indent=2, ensure_ascii=False) + "\n"


def _on_one_line(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _on_one_line(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_on_one_line(member) for member in value]
    if isinstance(value, str) and value.startswith("{%"):
        return re.sub(r"\s*\n\s*", " ", value)
    return value
