"""The definition as YAML for people and as JSON for AWS."""

import json
from pathlib import Path

import pytest
import yaml

from storygate.cli import main
from storygate.stage.definition import DEFINITION, definition_json, read_definition
from storygate.support.errors import OperatorError
from tests import ROOT


def written(project: Path, text: str) -> Path:
    (project / DEFINITION.parent).mkdir()
    (project / DEFINITION).write_text(text)
    return project


def test_the_command_prints_the_json_that_deploy_uploads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["definition"]) == 0
    printed = capsys.readouterr().out
    assert printed == definition_json(ROOT)
    assert json.loads(printed).keys() == read_definition(ROOT).keys()


def test_each_expression_is_put_on_one_line_and_no_other_text(tmp_path: Path) -> None:
    project = written(
        tmp_path, "A: |-\n  {% (\n    $one := 1;\n    $one + 2\n  ) %}\nB: |-\n  a text\n  of two lines\n"
    )
    assert json.loads(definition_json(project)) == {"A": "{% ( $one := 1; $one + 2 ) %}", "B": "a text\nof two lines"}
    assert "\\n" not in definition_json(ROOT)


def test_anchors_and_merges_are_resolved(tmp_path: Path) -> None:
    project = written(tmp_path, "A: &a {x: 1, y: [é]}\nB: *a\nC: {<<: *a, x: 2}\n")
    assert json.loads(definition_json(project)) == {
        "A": {"x": 1, "y": ["é"]},
        "B": {"x": 1, "y": ["é"]},
        "C": {"x": 2, "y": ["é"]},
    }


def test_the_file_is_plain_yaml() -> None:
    assert yaml.safe_load((ROOT / DEFINITION).read_text(encoding="utf-8")) == read_definition(ROOT)


@pytest.mark.parametrize("text", [None, "A: [", "- a list"])
def test_a_file_that_is_no_definition_is_named(tmp_path: Path, text: str | None) -> None:
    project = tmp_path if text is None else written(tmp_path, text)
    with pytest.raises(OperatorError, match=r"workflow\.asl\.yaml") as raised:
        definition_json(project)
    assert raised.value.hint
