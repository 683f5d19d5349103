"""An input that is no JSON is refused before anything is uploaded; the run's name comes from the upload's version."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.drop import execution_name
from storygate.operations.start_run import read_json
from storygate.runs.inputs import drop
from storygate.stage.aws import Aws
from storygate.support.errors import OperatorError


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1', "line 1 column 8"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_the_reason(tmp_path: Path, content: Any, told: str) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match=told):
        read_json(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"gone\.json cannot be read: No such file"):
        read_json(tmp_path / "gone.json")


def test_what_json_it_is_the_workflow_says(tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(b'"text"')
    assert read_json(path) == b'"text"'


def test_the_runs_name_is_the_one_that_the_trigger_will_give_it(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="drops", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(OperatorError, match="keeps no versions"):
        drop(s3, "drops", "a.json", b"{}")
    s3.put_bucket_versioning(Bucket="drops", VersioningConfiguration={"Status": "Enabled"})
    first, second = drop(s3, "drops", "a.json", b"{}"), drop(s3, "drops", "a.json", b"{}")
    assert first.execution == execution_name("drops", "inputs/a.json", first.version)
    assert first.execution != second.execution
    assert s3.get_object(Bucket="drops", Key="inputs/a.json", VersionId=second.version)["Body"].read() == b"{}"
