"""An input that cannot succeed is refused before the upload; the run's name comes from the upload's version."""

from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.drop import execution_name
from storygate.operations.start_run import read_input, refuse_if_not_deployed
from storygate.runs.inputs import drop
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

ONE_STATE = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
GOOD = b'{"jiraStoryId": "proj-1", "packageIds": ["pkg-1"]}'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b" \n", "is empty"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1', "line 1 column 8"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"\xef\xbb\xbf", "not JSON"),
        (b'"text"', "must be one JSON object"),
        (b'{"jiraStoryId": "12345", "packageIds": ["a"]}', "jiraStoryId must be the key"),
        (b'{"jiraStoryId": "P-1", "packageIds": ["a"], "timeoutSecond": 1}', r"\(unknown: timeoutSecond\)"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_the_reason(tmp_path: Path, content: Any, told: str) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match=told):
        read_input(path, ())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"gone\.json cannot be read: No such file"):
        read_input(tmp_path / "gone.json", ())


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_good_file_is_uploaded_byte_by_byte(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(mark + GOOD)
    assert read_input(path, ()) == mark + GOOD


def test_a_story_of_a_project_that_the_stage_does_not_gate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(GOOD)
    assert read_input(path, ("PAY", "PROJ")) == GOOD
    with pytest.raises(OperatorError, match="STORYGATE_PROJECTS: PAY"):
        read_input(path, ("PAY",))


@pytest.mark.parametrize("name", ["x.JSON", "x.json.txt", "x", "json"])
def test_only_a_name_that_ends_in_json_starts_a_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(GOOD)
    with pytest.raises(OperatorError, match=r"does not end in \.json, and only a file that does starts a run"):
        read_input(path, ())


def test_a_stage_that_is_not_deployed_gets_no_upload(project: Path, stage: Stage, aws: Aws) -> None:
    context = Context(project, stage, aws)
    with pytest.raises(OperatorError, match="Stage dev is not deployed here"):
        refuse_if_not_deployed(context)
    role = "arn:aws:iam::123456789012:role/x"
    aws.client("stepfunctions").create_state_machine(name=stage.state_machine, definition=ONE_STATE, roleArn=role)
    refuse_if_not_deployed(context)


def test_who_may_only_upload_is_not_refused(project: Path, stage: Stage, aws: Aws) -> None:
    client = aws.client("stepfunctions")
    with Stubber(client) as denied:
        denied.add_client_error("list_executions", "AccessDeniedException")
        refuse_if_not_deployed(Context(project, stage, aws))


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
