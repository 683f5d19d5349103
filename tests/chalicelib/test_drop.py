"""The S3 drop: one execution for each upload, none for a redelivered event."""

import contextlib
import hashlib
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from chalicelib import drop
from tests.chalicelib.fakes import StepFunctions, aws_error

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:gate-start_execution"
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:gate"


def record(key: str = "inputs/release.json", bucket: Any = "drop-box", **object_: Any) -> Any:
    return {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key, **object_}}}


def event(*records: Any, function: str = FUNCTION) -> Any:
    return drop.DropEvent({"Records": list(records)}, SimpleNamespace(invoked_function_arn=function))


def start(*records: Any, client: Any = None) -> Any:
    return drop.start_all(event(*records), "gate", client or StepFunctions())


def test_a_drop_starts_the_stages_state_machine_with_bucket_and_key() -> None:
    client = StepFunctions()
    (name,) = start(record(sequencer="0055"), client=client)
    machine, text = client.started[name]
    assert (machine, json.loads(text)) == (MACHINE, {"bucket": "drop-box", "key": "inputs/release.json"})


def test_when_and_by_whom_an_input_was_uploaded_goes_to_the_run() -> None:
    client = StepFunctions()
    uploaded = {"eventTime": "2026-03-01T11:59:58.250Z", "userIdentity": {"principalId": "AWS:AROAEXAMPLE:ada"}}
    (name,) = start(record() | uploaded, client=client)
    assert json.loads(client.started[name][1]) == {
        "bucket": "drop-box",
        "key": "inputs/release.json",
        "droppedAt": "2026-03-01T11:59:58.250Z",
        "startedBy": "AWS:AROAEXAMPLE:ada",
    }


@pytest.mark.parametrize("unknown", [{}, {"userIdentity": None}, {"userIdentity": {}, "eventTime": ""}])
def test_an_event_that_does_not_name_the_upload_starts_its_run_all_the_same(unknown: Any) -> None:
    client = StepFunctions()
    (name,) = start(record() | unknown, client=client)
    assert set(json.loads(client.started[name][1])) == {"bucket", "key"}


def test_a_versioned_object_is_read_as_the_version_that_was_dropped() -> None:
    client = StepFunctions()
    (name,) = start(record(versionId="v1"), client=client)
    assert json.loads(client.started[name][1])["versionId"] == "v1"


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("inputs/a+b.json", "inputs/a b.json"),
        ("inputs/a%2Bb.json", "inputs/a+b.json"),
        ("inputs/%C3%BCber.json", "inputs/über.json"),
        ("inputs/%E4%BE%A1%E6%A0%BC.json", "inputs/価格.json"),
        ("inputs/team%2Fa/x.json", "inputs/team/a/x.json"),
        ("inputs/100%25.json", "inputs/100%.json"),
    ],
)
def test_keys_arrive_form_encoded(sent: Any, key: str) -> None:
    client = StepFunctions()
    (name,) = start(record(sent), client=client)
    assert json.loads(client.started[name][1])["key"] == key


def test_every_record_of_an_event_starts_its_execution() -> None:
    client = StepFunctions()
    names = start(*(record(f"inputs/{number}.json", sequencer="1") for number in range(5)), client=client)
    assert len(set(names)) == 5
    assert set(client.started) == set(names)


@pytest.mark.parametrize("ended", [False, True])
def test_a_redelivered_event_starts_nothing_whether_its_run_goes_on_or_is_over(ended: Any) -> None:
    client = StepFunctions()
    first = start(record(versionId="v1"), client=client)
    client.ended = set(first) if ended else set()
    assert start(record(versionId="v1"), client=client) == first
    assert len(client.started) == 1


@pytest.mark.parametrize("field", ["versionId", "sequencer"])
def test_a_new_upload_to_the_same_key_starts_a_new_run(field: str) -> None:
    names = {start(record(**{field: value}))[0] for value in ("1", "2")}
    assert len(names) == 2


def test_the_same_key_in_another_bucket_or_folder_is_another_run() -> None:
    names = [start(record(key, bucket))[0] for key in ("inputs/a.json", "inputs/b/a.json") for bucket in ("one", "two")]
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    "key",
    [
        "inputs/a.json",
        "inputs/.json",
        "inputs/über größe.json",
        "inputs/価格🚀.json",
        f"inputs/{'x' * 900}.json",
        "a",
        "",
    ],
)
def test_a_name_is_one_that_step_functions_takes(key: str) -> None:
    name = drop.execution_name("bucket", key, "v1")
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", name)
    assert name == drop.execution_name("bucket", key, "v1")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("inputs/team/Release 12.json", "Release-12-KEY"),
        ("inputs/.json.json", "-json-KEY"),
        ("a", "a-KEY"),
    ],
)
def test_a_name_is_the_files_stem_and_a_digest_that_no_later_version_of_the_code_may_change(
    key: str, name: str
) -> None:
    digest = hashlib.sha256(f"bucket\n{key}\nv1".encode()).hexdigest()[:16]
    assert drop.execution_name("bucket", key, "v1") == name.replace("KEY", digest)


def test_long_names_that_differ_only_at_their_end_stay_apart() -> None:
    names = {drop.execution_name("bucket", f"inputs/{'x' * 200}{end}.json", "") for end in "abc"}
    assert len(names) == 3


@pytest.mark.parametrize("raw", [{}, {"Service": "Amazon S3", "Event": "s3:TestEvent"}, {"Records": []}])
def test_an_event_without_records_starts_nothing(raw: bytes) -> None:
    client = StepFunctions()
    empty = drop.DropEvent(raw, SimpleNamespace(invoked_function_arn=FUNCTION))
    assert drop.start_all(empty, "gate", client) == []
    assert client.started == {}


@pytest.mark.parametrize(
    "failure",
    [
        aws_error("stepfunctions", "ExecutionLimitExceeded"),
        aws_error("stepfunctions", "ThrottlingException"),
        aws_error("stepfunctions", "StateMachineDoesNotExist"),
        ConnectTimeoutError(endpoint_url="https://states"),
    ],
)
def test_an_aws_error_is_raised_after_every_record_was_tried_so_that_lambda_sends_it_again(failure: Any) -> None:
    client = StepFunctions()
    records = [record(f"inputs/{number}.json") for number in range(3)]
    refused = drop.execution_name("drop-box", "inputs/1.json", "")
    client.refused = {refused: failure}
    with pytest.raises(type(failure)):
        start(*records, client=client)
    assert len(client.started) == 2
    client.refused = {}
    assert refused in start(*records, client=client)
    assert len(client.started) == 3


@pytest.mark.parametrize(
    ("function", "machine"),
    [
        (FUNCTION, MACHINE),
        (FUNCTION + ":live", MACHINE),
        (
            "arn:aws-us-gov:lambda:us-gov-west-1:210987654321:function:f",
            "arn:aws-us-gov:states:us-gov-west-1:210987654321:stateMachine:gate",
        ),
    ],
)
def test_the_state_machine_is_the_one_beside_the_function(function: str, machine: str) -> None:
    assert drop.state_machine_arn(function, "gate") == machine


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (None, {"started": True}),
        (aws_error("stepfunctions", "ExecutionAlreadyExists"), {"started": False}),
        (aws_error("stepfunctions", "ThrottlingException"), {"started": False, "error": "ClientError"}),
        (ConnectTimeoutError(endpoint_url="https://states"), {"started": False, "error": "ConnectTimeoutError"}),
    ],
)
def test_one_line_says_what_became_of_a_drop(refusal: Any, said: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client, name = StepFunctions(), drop.execution_name("drop-box", "inputs/a b.json", "v1")
    client.refused = {name: refusal} if refusal else {}
    with contextlib.suppress(ClientError, ConnectTimeoutError):
        start(record("inputs/a+b.json", versionId="v1"), client=client)
    (line,) = capsys.readouterr().out.splitlines()
    expected = {"log": "trigger", "execution": name, "key": "inputs/a b.json", "versionId": "v1"} | said
    assert json.loads(line) == expected
