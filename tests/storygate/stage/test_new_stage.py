"""`new-stage` writes what a stage lacks, and nothing else of config.json changes, not even a blank."""

import json
from pathlib import Path
from typing import Any

import pytest

from storygate.stage import policies
from storygate.stage.config import CONFIG, load_stage
from storygate.stage.json_insert import inserted
from storygate.stage.new_stage import write_stage
from storygate.support.errors import OperatorError
from tests.storygate.conftest import REGION, Configure


def config_of(project: Path) -> Any:
    return json.loads((project / CONFIG).read_text())


def test_a_new_stage_has_devs_functions_names_of_its_own_and_its_policies(project: Path) -> None:
    before = (project / CONFIG).read_text()
    written = write_stage(project, "qa")
    after = (project / CONFIG).read_text()
    assert written.is_new
    start = next(place for place, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    assert after.endswith(before[start:]), "the rest is as it was"
    stage, dev = load_stage(project, "qa", REGION), load_stage(project, "dev", REGION)
    assert {stage.bucket, stage.table, stage.secret, stage.state_machine} == {"storygate-qa"}
    assert stage.api_gateway_stage == "qa"
    assert stage.functions == dev.functions
    assert set(stage.policy_files.values()) == set(written.files)
    assert policies.missing(project, "qa") == []
    for function, file in stage.policy_files.items():
        of_dev = (project / ".chalice" / dev.policy_files[function]).read_text()
        assert (project / ".chalice" / file).read_text() == of_dev.replace("storygate-dev", "storygate-qa")


def test_run_again_it_changes_nothing(project: Path) -> None:
    write_stage(project, "qa", bucket="releases-qa")
    text = (project / CONFIG).read_text()
    again = write_stage(project, "qa")
    assert (again.is_new, again.functions, again.files, again.bucket) == (False, [], [], "releases-qa")
    assert (project / CONFIG).read_text() == text
    with pytest.raises(OperatorError, match="has its bucket"):
        write_stage(project, "qa", bucket="another")


@pytest.mark.parametrize("lost", [["start_execution"], None])
def test_a_stage_of_an_older_version_gets_the_functions_it_lacks(configure: Configure, lost: list[str] | None) -> None:
    def age(config: Any) -> None:
        own = config["stages"]["prod"]
        own["workflow"] = {"LogRetentionDays": 30}
        for function in lost or list(own["lambda_functions"]):
            del own["lambda_functions"][function]
        if lost is None:
            del own["lambda_functions"]

    project = configure(age)
    (project / ".chalice" / "policy-prod-trigger.json").unlink()
    assert any("start_execution" in text for text in policies.missing(project, "prod"))
    written = write_stage(project, "prod")
    assert written.functions == (lost or list(config_of(project)["stages"]["dev"]["lambda_functions"]))
    assert written.files == ["policy-prod-trigger.json"]
    assert config_of(project)["stages"]["prod"]["workflow"] == {"LogRetentionDays": 30}
    assert policies.missing(project, "prod") == []


@pytest.mark.parametrize("name", ["", "Q", "QA", "q", "1a", "q_a", "-qa", "qa-", "a" * 21, "q/a", "q a"])
def test_a_name_that_aws_would_refuse_is_refused_and_nothing_is_written(project: Path, name: str) -> None:
    before = (project / CONFIG).read_text()
    with pytest.raises(OperatorError, match="cannot be a stage"):
        write_stage(project, name)
    assert (project / CONFIG).read_text() == before


def test_without_dev_there_is_no_model(configure: Configure) -> None:
    with pytest.raises(OperatorError, match='no stage "dev"'):
        write_stage(configure(lambda config: config["stages"].pop("dev")), "qa")


@pytest.mark.parametrize(
    ("config", "lacks"),
    [
        ({}, False),  # Chalice makes the policies up
        ({"autogen_policy": False}, True),
        ({"autogen_policy": False, "iam_policy_file": "policy-dev-api.json"}, False),
        ({"autogen_policy": False, "iam_policy_file": "gone.json"}, True),
    ],
)
def test_a_policy_is_looked_for_where_chalice_does(configure: Configure, config: dict[str, Any], lacks: bool) -> None:
    def change(whole: Any) -> None:
        for key in ("autogen_policy", "stages"):
            del whole[key]
        whole.update(config, stages={"bare": {}})

    assert bool(policies.missing(configure(change), "bare")) is lacks


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('{"a": {}}', ["a"], '{"a": {\n  "k": 1\n}}'),
        ('{\n    "a": {\n        "b": "}",\n        "c": {"d": 1}\n    }\n}\n', ["a"],
         '{\n    "a": {\n        "b": "}",\n        "c": {"d": 1},\n        "k": 1\n    }\n}\n'),
        ('{ "a" : [{"a": {}}], "x": {"y": {"z": true}} }', ["x", "y"],
         '{ "a" : [{"a": {}}], "x": {"y": {"z": true,\n"k": 1}} }'),
    ],
)  # fmt: skip
def test_a_member_is_added_and_the_rest_of_the_text_stays(text: str, path: list[str], expected: str) -> None:
    assert inserted(text, path, "k", 1) == expected
    json.loads(expected)


@pytest.mark.parametrize("path", [["b"], ["a", "b"]])
def test_what_is_no_object_takes_no_member(path: list[str]) -> None:
    with pytest.raises(KeyError):
        inserted('{"a": {"b": 1}}', path, "k", 1)
