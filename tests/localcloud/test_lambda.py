"""Lambda functions run as on AWS: results, errors, timeouts, isolation, retries, new code."""

import inspect
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto.awslambda.models import LambdaFunction

from localcloud import lambda_functions
from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import create_function, eventually, zipped

CODE = """
import os, sys, time

def s3():
    import boto3  # here, because it takes a third of a second and most tests do not need it
    return boto3.client("s3")

def handler(event, context):
    match event.get("do"):
        case "raise":
            raise ValueError("of no use")
        case "hang":
            time.sleep(60)
        case "exit":
            os._exit(3)
        case "set":
            return {1, 2}
        case "meet":  # returns when as many are running as the event says
            client = s3()
            client.put_object(Bucket="meeting", Key=context.aws_request_id)
            while client.list_objects_v2(Bucket="meeting")["KeyCount"] < event["guests"]:
                time.sleep(0.01)
            return os.getpid()
        case "fail":
            s3().put_object(Bucket="attempts", Key=str(time.time_ns()))
            raise ValueError("every time")
    print("working")
    return {
        "colour": os.environ.get("COLOUR"), "arn": context.invoked_function_arn, "name": context.function_name,
        "left": context.get_remaining_time_in_millis(), "memory": context.memory_limit_in_mb,
        "root": os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(), "token": os.environ.get("AWS_SESSION_TOKEN"),
        "stdin": sys.stdin.read(),
    }
"""


@pytest.fixture
def function(cloud: LocalCloud) -> Any:
    """A function that creates a Lambda function and returns how to invoke it: event to (payload, function error)."""
    client = cloud.client("lambda")
    names: list[str] = []

    def create(code: str = CODE, **settings: Any) -> Callable[..., tuple[Any, str | None]]:
        names.append(f"function-{len(names)}")
        create_function(cloud, names[-1], code, **settings)

        def invoke(name: str = names[-1], **event: Any) -> tuple[Any, str | None]:
            answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
            return json.loads(answer["Payload"].read()), answer.get("FunctionError")

        return invoke

    yield create
    for name in names:
        client.delete_function(FunctionName=name)


def test_a_function_answers_and_knows_who_it_is(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of production")
    invoke = function(Environment={"Variables": {"COLOUR": "blue"}}, MemorySize=256, Timeout=20)
    answer, error = invoke()
    assert error is None
    assert 15_000 < answer.pop("left") <= 20_000
    assert answer == {
        "colour": "blue",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:function-0",
        "name": "function-0",
        "memory": "256",
        "root": True,
        "token": None,
        "stdin": "",
    }


def test_what_it_raises_is_described_and_the_next_event_is_served(function: Any) -> None:
    invoke = function()
    answer, error = invoke(do="raise")
    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "of no use")
    assert "raise ValueError" in answer["stackTrace"][-1]
    assert invoke(do="set")[0]["errorType"] == "TypeError"
    assert invoke(do="exit")[0]["errorType"] == "Runtime.ExitError"
    assert invoke()[1] is None


def test_a_function_that_overruns_its_timeout_is_killed(function: Any) -> None:
    answer, error = function(Timeout=1)(do="hang")
    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert answer["errorMessage"].endswith("Task timed out after 1.00 seconds")


def test_code_that_does_not_import_says_what_is_missing(function: Any) -> None:
    answer, _ = function("import nothing_of_that_name")()
    assert answer["errorType"] == "Runtime.ImportModuleError"
    assert "nothing_of_that_name" in answer["errorMessage"]


def test_events_at_once_run_in_a_process_each(cloud: LocalCloud, function: Any) -> None:
    cloud.client("s3").create_bucket(Bucket="meeting")
    invoke = function(Timeout=20)
    with ThreadPoolExecutor(3) as three:
        answers = list(three.map(lambda _: invoke(do="meet", guests=3), range(3)))
    assert [error for _, error in answers] == [None] * 3
    assert len({process for process, _ in answers}) == 3


def test_new_code_and_new_variables_count_at_once(cloud: LocalCloud, function: Any) -> None:
    invoke = function(
        "import os\ndef handler(event, context): return os.environ['COLOUR'] + ' 1'",
        Environment={"Variables": {"COLOUR": "red"}},
    )
    assert invoke()[0] == "red 1"
    client = cloud.client("lambda")
    client.update_function_configuration(FunctionName="function-0", Environment={"Variables": {"COLOUR": "blue"}})
    assert invoke()[0] == "blue 1"
    code = "import os\ndef handler(event, context): return os.environ['COLOUR'] + ' 2'"
    client.update_function_code(FunctionName="function-0", ZipFile=zipped(code))
    assert invoke()[0] == "blue 2"


def test_a_function_that_is_deleted_and_made_again_begins_anew(cloud: LocalCloud, function: Any) -> None:
    code = "import os\ndef handler(event, context): return os.getpid()"
    invoke = function(code)
    before = invoke()
    assert invoke() == before
    cloud.client("lambda").delete_function(FunctionName="function-0")
    create_function(cloud, "function-0", code)
    assert invoke() != before


def test_an_event_that_fails_three_times_goes_to_the_on_failure_queue(cloud: LocalCloud, function: Any) -> None:
    cloud.client("s3").create_bucket(Bucket="attempts")
    queue = cloud.client("sqs").create_queue(QueueName="failed")["QueueUrl"]
    function(Timeout=10)
    client = cloud.client("lambda")
    destination = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:failed"}}
    client.put_function_event_invoke_config(FunctionName="function-0", DestinationConfig=destination)
    answer = client.invoke(FunctionName="function-0", InvocationType="Event", Payload=b'{"do": "fail"}')
    assert answer["StatusCode"] == 202
    message = eventually(lambda: cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages"))[0]
    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"do": "fail"}
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorMessage"] == "every time"
    assert cloud.client("s3").list_objects_v2(Bucket="attempts")["KeyCount"] == 3


def test_without_one_it_is_dropped_with_a_warning(
    cloud: LocalCloud, function: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.client("s3").create_bucket(Bucket="attempts")
    function()
    cloud.client("lambda").invoke(FunctionName="function-0", InvocationType="Event", Payload=b'{"do": "fail"}')
    eventually(lambda: "dropped after 3 attempts" in caplog.text)
    assert len(lambda_functions.RETRY_DELAYS_SECONDS) == 2


def test_what_it_prints_is_in_cloudwatch(cloud: LocalCloud, function: Any) -> None:
    function()()
    logs = cloud.client("logs")

    def lines() -> list[str]:
        events = logs.filter_log_events(logGroupName="/aws/lambda/function-0")["events"]
        return [event["message"].split(" ")[0] for event in events]

    eventually(lambda: lines()[-4:-1] == ["START", "working", "END"])


def test_moto_still_needs_docker_and_waits_for_every_event() -> None:
    # Read, not run: with Docker installed moto would fetch an image of some hundred megabytes.
    assert "docker_client.containers.run" in inspect.getsource(LambdaFunction._invoke_lambda)
    assert "container.wait" in inspect.getsource(LambdaFunction._invoke_lambda)
