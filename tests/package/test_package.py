"""Run the package that `chalice deploy` uploads as Lambda runs it, unpacked into an empty folder."""

import hashlib
import hmac
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalice.cli.factory import CLIFactory
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from tests import ROOT
from tests.decision_table import make_table
from tests.package.runtime_api import invoke

SECRET = {name: f"{name}-secret" for name in ("callback", "automation", "validation", "deployment", "notification")}
ROUTE_ARN = "arn:aws:execute-api:us-east-1:123456789012:api/api/POST/mock/validation"


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package from a copy of what ships, so that nothing else of the checkout can get into it."""
    project = tmp_path_factory.mktemp("project")
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, project)
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".chalice", project / ".chalice", ignore=shutil.ignore_patterns("deploy*"))
    config = CLIFactory(str(project)).create_config_obj("local")
    os_utils = OSUtils()
    packager = LambdaDeploymentPackager(os_utils, DependencyBuilder(os_utils), UI())
    return Path(packager.create_deployment_package(str(project), config.lambda_python_version))


@pytest.fixture(scope="module")
def package(zipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Return the functions' environment, on an AWS with the secret, the table and a state machine."""
    moto_api_backend.reset()  # moto's state is the process's: another file's tests may have left theirs
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    where = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    session = boto3.Session("test", "test")
    session.client("secretsmanager", **where).create_secret(Name="storygate-local", SecretString=json.dumps(SECRET))
    make_table(session.client("dynamodb", **where), "storygate-local")
    session.client("stepfunctions", **where).create_state_machine(
        name="storygate-local",
        roleArn="arn:aws:iam::123456789012:role/any",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
    )
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    yield {**config["stages"]["local"]["environment_variables"], **keys, "AWS_ENDPOINT_URL": where["endpoint_url"]}
    server.stop()


def rest_event(path: str, body: str, headers: dict[str, str]) -> dict[str, Any]:
    """Return an API Gateway proxy event, with what Chalice reads of it."""
    return {
        "requestContext": {"resourcePath": path, "httpMethod": "POST", "identity": {"sourceIp": "192.0.2.1"}},
        "headers": headers,
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
    }


def test_it_holds_our_code_and_chalice_and_nothing_else(package: Path) -> None:
    assert {entry.name for entry in package.iterdir()} == {"app.py", "chalicelib", "chalice"}
    ours = {path.name for path in (ROOT / "chalicelib").glob("*.py")}
    assert {path.name for path in (package / "chalicelib").glob("*.py")} == ours


def test_it_stays_under_100_kilobytes(zipped: Path) -> None:
    assert zipped.stat().st_size < 100_000


def test_the_callback_records_a_signed_verdict(package: Path, environment: dict[str, str]) -> None:
    body = json.dumps({"jiraStoryId": "PROJ-1", "status": "approved", "timestamp": 1767261600000})
    digest = hmac.new(SECRET["callback"].encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature": f"sha256={digest}"}
    answer = invoke(package, "app.app", rest_event("/jira/callback", body, headers), environment)
    assert (answer["statusCode"], json.loads(answer["body"])) == (
        202,
        {"story": "PROJ-1", "decision": "approved", "resumed": []},
    )


def test_the_authorizer_lets_a_token_reach_its_own_api(package: Path, environment: dict[str, str]) -> None:
    event = {"type": "TOKEN", "methodArn": ROUTE_ARN, "authorizationToken": "Bearer deployment-secret"}
    answer = invoke(package, "app.api_token_authorizer", event, environment)
    assert answer["policyDocument"]["Statement"][0]["Resource"] == [
        ROUTE_ARN.replace("mock/validation", "mock/deployment")
    ]


def test_the_trigger_starts_an_execution(package: Path, environment: dict[str, str]) -> None:
    s3 = {"bucket": {"name": "storygate-local"}, "object": {"key": "inputs/a+b.json", "versionId": "v1"}}
    (name,) = invoke(package, "app.start_execution", {"Records": [{"s3": s3}]}, environment)
    where = {"endpoint_url": environment["AWS_ENDPOINT_URL"], "region_name": "us-east-1"}
    client = boto3.Session("test", "test").client("stepfunctions", **where)
    arn = f"arn:aws:states:us-east-1:123456789012:execution:storygate-local:{name}"
    assert json.loads(client.describe_execution(executionArn=arn)["input"]) == {
        "bucket": "storygate-local",
        "key": "inputs/a b.json",
        "versionId": "v1",
    }
