"""A stage called `prod` needs its projects named and no mock; every other stage may do without."""

from typing import Any

import pytest

from storygate.deployment.production import is_mock, warnings_before_deploy
from storygate.stage.config import load_stage
from tests.storygate.conftest import REGION, Configure

REAL = {f"{api}Url": f"https://packages.example.com/{api}" for api in ("Validation", "Deployment", "Notification")}


@pytest.mark.parametrize(
    ("stage", "projects", "workflow", "told"),
    [
        ("prod", None, {}, ["STORYGATE_PROJECTS", "ValidationUrl, DeploymentUrl, NotificationUrl"]),
        ("prod", "PROJ", {}, ["ValidationUrl, DeploymentUrl, NotificationUrl"]),
        ("prod", None, REAL, ["STORYGATE_PROJECTS"]),
        ("prod", "PROJ", REAL | {"DeploymentUrl": "https://x.example/api/mock/deployment"}, ["set DeploymentUrl in"]),
        ("prod", "PROJ", REAL, []),
        ("dev", None, {}, []),
    ],
)
def test_deploy_warns_of_what_a_production_stage_lacks(
    configure: Configure, stage: str, projects: str | None, workflow: dict[str, str], told: list[str]
) -> None:
    def change(config: Any) -> None:
        own = config["stages"][stage]
        own["workflow"] = workflow
        own["environment_variables"] |= {"STORYGATE_PROJECTS": projects} if projects else {}

    found = warnings_before_deploy(load_stage(configure(change), stage, REGION))
    assert len(found) == len(told)
    for warning, text in zip(found, told, strict=True):
        assert text in warning
        assert f"deploy --stage {stage}" in warning


@pytest.mark.parametrize(
    ("url", "mock"),
    [
        ("https://x1.execute-api.eu-west-1.amazonaws.com/api/mock/validation", True),
        ("http://127.0.0.1:8000/mock/notification/", True),
        ("https://packages.example.com/v1/validate", False),
        ("https://mock.example.com/validation", False),
    ],
)
def test_a_mock_is_known_by_its_path(url: str, mock: bool) -> None:
    assert is_mock(url) is mock
