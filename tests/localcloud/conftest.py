"""A local cloud without the app, a moto without the gaps filled, and a tiny Chalice app that is deployed."""

import contextlib
import io
import json
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from localcloud.cloud import LocalCloud
from tests import ROOT
from tests.localcloud.chalice_project import Project

BREAKS = (ClientError, ResponseParserError)
"""What boto3 raises when moto refuses, and when it answers 500 with a page of HTML."""

BARE_MOTO = """
import sys
import localcloud.light  # fills no gap
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


class Bare:
    """A server of plain moto, in its own process."""

    def __init__(self, port: int) -> None:
        self.endpoint_url = f"http://127.0.0.1:{port}"

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="bare",
            aws_secret_access_key="bare",
            config=Config(retries={"total_max_attempts": 1}),  # some gaps answer 500
        )


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("project")) as cloud:
        yield cloud


def create_function(cloud: LocalCloud, name: str, code: str, **settings: Any) -> None:
    """Create a function with the handler `app.handler`, and its role if there is none yet."""
    iam = cloud.client("iam")
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role="arn:aws:iam::123456789012:role/function",
        Code={"ZipFile": zipped(code)},
        **settings,
    )


@pytest.fixture(scope="session")
def bare_moto() -> Iterator[Bare]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(BARE_MOTO)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    yield Bare(int(process.stdout.readline()))
    process.kill()
    process.wait(10)


@pytest.fixture
def stack(cloud: LocalCloud) -> Iterator[Callable[..., dict[str, str]]]:
    """A function that creates or updates a stack and returns its outputs. The stacks are deleted after the test."""
    client, names = cloud.client("cloudformation"), set()

    def deploy(template: dict[str, Any], *, name: str = "stack", **parameters: str) -> dict[str, str]:
        request = {
            "StackName": name,
            "TemplateBody": json.dumps(template),
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        }
        if name in names:
            client.update_stack(**request)
        else:
            names.add(name)
            client.create_stack(**request)
        found = client.describe_stacks(StackName=name)["Stacks"][0]
        assert found["StackStatus"].endswith("_COMPLETE"), client.describe_stack_events(StackName=name)
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    yield deploy
    for name in names:
        client.delete_stack(StackName=name)


@pytest.fixture(scope="module")
def project(cloud: LocalCloud) -> Project:
    """The tiny app, deployed to a versioned bucket."""
    bucket = "drops"
    cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    cloud.client("dynamodb").create_table(
        TableName=bucket,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    queue_url = cloud.client("sqs").create_queue(QueueName="notes")["QueueUrl"]
    project = Project(cloud, bucket, queue_url)
    project.chalice("deploy")
    return project


def zipped(code: str) -> bytes:
    """Return a Lambda package of one module, `app`."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", code)
    return package.getvalue()


def eventually(what: Callable[[], Any], *, within: float = 60.0) -> Any:
    """Return the first true answer of `what`, or fail after `within` seconds."""
    deadline = time.monotonic() + within
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return answer
