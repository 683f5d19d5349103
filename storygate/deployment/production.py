"""What a production stage needs, and a stage to try things out does not: its projects named, and no mock called."""

from collections.abc import Iterable

from chalicelib.apis import APIS
from storygate.deployment.connections import url_parameter
from storygate.stage.config import CONFIG, PROJECTS, Stage

PRODUCTION = "prod"
"""The stage that these rules are for, by its name in config.json."""
MOCK_PATHS = tuple(f"/mock/{api}" for api in APIS)


def is_production(stage: Stage) -> bool:
    """Return whether this is the stage called `prod`."""
    return stage.name == PRODUCTION


def name_projects(stage: Stage) -> str:
    """Return what to do about a stage without STORYGATE_PROJECTS."""
    return (
        f'add "{PROJECTS}": "PROJ,PAY" (your project keys) to "environment_variables" of stage "{stage.name}" in '
        f"{CONFIG}, then {stage.command('deploy')}"
    )


def name_real_apis(stage: Stage, parameters: Iterable[str]) -> str:
    """Return what to do about APIs that are mocks, by their parameters of workflow.yaml."""
    return (
        f'set {", ".join(parameters)} in "workflow" of stage "{stage.name}" in {CONFIG} (docs/real-apis.md), then '
        f"{stage.command('deploy')}"
    )


def is_mock(url: str) -> bool:
    """Return whether a URL is that of a mock: `https://…/api/mock/validation`."""
    return url.rstrip("/").endswith(MOCK_PATHS)


def warnings_before_deploy(stage: Stage) -> list[str]:
    """Return what a production stage still lacks by its configuration, with the fix; nothing for another stage."""
    if not is_production(stage):
        return []
    given = stage.workflow_parameters
    mocks = [url_parameter(api) for api in APIS if is_mock(given.get(url_parameter(api), f"/mock/{api}"))]
    mocks += [name for name, value in given.items() if name.endswith("Url") and name not in mocks and is_mock(value)]
    found = []
    if not stage.projects:
        found.append(f"stage {stage.name} gates the stories of every project: {name_projects(stage)}")
    if mocks:
        found.append(f"stage {stage.name} calls mocks, which deploy nothing: {name_real_apis(stage, mocks)}")
    return found
