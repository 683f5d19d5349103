"""A stage is read from config.json, and what is wrong there is named with its fix."""

import re
from pathlib import Path
from typing import Any

import pytest

from storygate.stage.config import FILLED, WORKFLOW_TEMPLATE, Stage, find_project, load_stage, template_parameters
from storygate.support.errors import OperatorError
from tests import ROOT
from tests.storygate.conftest import Configure


def dev(config: Any) -> Any:
    return config["stages"]["dev"]


def test_a_stage_has_the_four_names_and_what_follows_from_them(project: Path) -> None:
    stage = load_stage(project, "dev", "eu-west-1")
    assert (stage.bucket, stage.table, stage.secret, stage.state_machine) == ("storygate-dev",) * 4
    assert (stage.storage_stack, stage.workflow_stack) == ("storygate-dev-storage", "storygate-dev-workflow")
    assert stage.api_gateway_stage == "api"
    assert stage.region == "eu-west-1"
    assert stage.workflow_parameters == {}


def test_the_functions_have_the_names_that_chalice_gives_them(stage: Stage) -> None:
    assert stage.lambda_names == {
        "api_handler": "storygate-dev",
        "api_token_authorizer": "storygate-dev-api_token_authorizer",
        "start_execution": "storygate-dev-start_execution",
        "sweep": "storygate-dev-sweep",
        "run_status": "storygate-dev-run_status",
    }


def test_the_log_groups_of_a_stage_are_no_other_stages(stage: Stage) -> None:
    assert stage.log_groups == (
        "/aws/lambda/storygate-dev",
        "/aws/lambda/storygate-dev-api_handler",
        "/aws/lambda/storygate-dev-api_token_authorizer",
        "/aws/lambda/storygate-dev-run_status",
        "/aws/lambda/storygate-dev-start_execution",
        "/aws/lambda/storygate-dev-sweep",
    )


def test_a_setting_at_the_top_counts_for_every_stage(configure: Configure) -> None:
    def move(config: Any) -> None:
        config["environment_variables"] = {
            "STORYGATE_TABLE": dev(config)["environment_variables"].pop("STORYGATE_TABLE")
        }

    assert load_stage(configure(move), "dev", "eu-west-1").table == "storygate-dev"


def test_an_unknown_stage_is_answered_with_the_known_ones(project: Path) -> None:
    with pytest.raises(OperatorError, match='has no stage "qa"') as caught:
        load_stage(project, "qa", "eu-west-1")
    assert "dev, local, prod" in caught.value.hint


@pytest.mark.parametrize(
    "variable", ["STORYGATE_BUCKET", "STORYGATE_TABLE", "STORYGATE_SECRET", "STORYGATE_STATE_MACHINE"]
)
@pytest.mark.parametrize("value", [None, "", "  ", 5])
def test_a_missing_name_is_named_with_its_file(configure: Configure, variable: Any, value: Any) -> None:
    project = configure(lambda config: dev(config)["environment_variables"].update({variable: value}))
    with pytest.raises(
        OperatorError, match=rf"{variable} is missing in stage \"dev\" of \.chalice/config\.json"
    ) as caught:
        load_stage(project, "dev", "eu-west-1")
    assert variable in caught.value.hint


def test_a_real_api_is_a_url_and_a_connection_in_the_stage(configure: Configure) -> None:
    workflow = {"ValidationUrl": "https://api.example.com/validate", "ClockSkewSeconds": 9}
    project = configure(lambda config: dev(config).update(workflow=workflow))
    assert load_stage(project, "dev", "eu-west-1").workflow_parameters == {
        "ValidationUrl": "https://api.example.com/validate",
        "ClockSkewSeconds": "9",
    }


def test_a_stage_gates_every_project_or_those_of_its_list(configure: Configure) -> None:
    assert load_stage(ROOT, "dev", "eu-west-1").projects == ()
    project = configure(lambda config: dev(config)["environment_variables"].update(STORYGATE_PROJECTS=" proj, PAY_2,"))
    assert load_stage(project, "dev", "eu-west-1").projects == ("PROJ", "PAY_2")


@pytest.mark.parametrize(
    ("listed", "told"), [("PROJ,P-1", "has P-1, which is no project key"), ("2P", "has 2P"), (" , ", "names nothing")]
)
def test_a_list_of_projects_that_names_none_is_refused(configure: Configure, listed: str, told: str) -> None:
    project = configure(lambda config: dev(config)["environment_variables"].update(STORYGATE_PROJECTS=listed))
    with pytest.raises(OperatorError, match=told) as caught:
        load_stage(project, "dev", "eu-west-1")
    assert "STORYGATE_PROJECTS" in caught.value.message


@pytest.mark.parametrize("parameter", ["ValidationURL", *sorted(FILLED)])
def test_a_parameter_that_is_not_the_stages_to_choose_is_refused(configure: Configure, parameter: Any) -> None:
    project = configure(lambda config: dev(config).update(workflow={parameter: "x"}))
    with pytest.raises(OperatorError, match=f"unknown parameter {parameter}") as caught:
        load_stage(project, "dev", "eu-west-1")
    assert "ValidationUrl" in caught.value.hint


@pytest.mark.parametrize("value", [None, "", True, [], {"a": 1}])
def test_a_parameter_without_a_usable_value_is_refused(configure: Configure, value: Any) -> None:
    project = configure(lambda config: dev(config).update(workflow={"ValidationUrl": value}))
    with pytest.raises(OperatorError, match="ValidationUrl"):
        load_stage(project, "dev", "eu-west-1")


@pytest.mark.parametrize("given", [{"ReleaseUrl": "https://api.example.com"}, {"ReleaseConnectionArn": "arn:aws:x"}])
def test_a_release_api_needs_its_url_and_its_connection(configure: Configure, given: dict[str, str]) -> None:
    project = configure(lambda config: dev(config).update(workflow=given))
    with pytest.raises(OperatorError, match="has only one of ReleaseUrl and ReleaseConnectionArn"):
        load_stage(project, "dev", "eu-west-1")


def test_the_parameters_that_deploy_fills_exist_in_the_template(project: Path) -> None:
    declared = set(template_parameters((project / WORKFLOW_TEMPLATE).read_text()))
    assert declared >= FILLED
    assert {"ValidationUrl", "DeploymentConnectionArn", "ClockSkewSeconds", "LogRetentionDays"} <= declared
    assert not {"StateMachine", "Type", "Description"} & declared


@pytest.mark.parametrize("text", ["{", "[]", '{"stages": []}', "{}"])
def test_a_broken_config_is_no_traceback(project: Path, text: str) -> None:
    (project / ".chalice" / "config.json").write_text(text)
    with pytest.raises(OperatorError, match=re.escape(".chalice/config.json")):
        load_stage(project, "dev", "eu-west-1")


def test_the_project_is_the_current_directory_else_the_packages_own(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert find_project(project) == project
    elsewhere = find_project(tmp_path_factory.mktemp("elsewhere"))
    assert (elsewhere / "storygate" / "stage" / "config.py").is_file()
