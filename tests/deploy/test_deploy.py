"""The deploy that users run against AWS, run against the local cloud: idempotent, resumable, and undone."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest

from storygate.aws import isolated
from storygate.demo import copy_project
from storygate.deploy import deploy
from storygate.destroy import destroy
from storygate.functions import rest_api_id
from storygate.local.cloud import LocalCloud
from storygate.secret import read_field
from storygate.stacks import stack_status
from storygate.terminal import Terminal

REPOSITORY = Path(__file__).resolve().parents[2]
FIELDS = ("callback", "validation", "deployment", "notification")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(REPOSITORY, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def cloud(project):
    with LocalCloud(project) as running:
        yield running


class Told:
    """Runs deploy or destroy, and keeps what the operator was told."""

    def __init__(self, project, cloud):
        self.project = project
        self.aws = isolated(cloud.client, cloud.environment)

    def deploy(self):
        stream = io.StringIO()
        deployment = deploy(self.project, "local", self.aws, Terminal(stream))
        return deployment, stream.getvalue()

    def destroy(self, stage, **options):
        stream = io.StringIO()
        destroy(self.project, stage, self.aws, Terminal(stream), **options)
        return stream.getvalue()


@pytest.fixture
def run(project, cloud):
    return Told(project, cloud)


def test_a_second_deploy_even_from_another_checkout_changes_nothing_and_says_so(run, project, cloud):
    first, told = run.deploy()
    assert first.changed
    secret = [read_field(cloud.client("secretsmanager"), first.stage.secret, field) for field in FIELDS]
    assert not any(value in told for value in secret)
    assert len(cloud.client("stepfunctions").list_state_machines()["stateMachines"]) == 1

    (project / ".chalice" / "deployed" / "local.json").unlink()  # as in a fresh clone
    second, told = run.deploy()
    assert not second.changed
    assert "found in AWS" in told
    assert len(cloud.client("apigateway").get_rest_apis()["items"]) == 1
    assert second.callback_url == first.callback_url
    assert told.count("no changes") == 2
    assert "same code and settings" in told
    assert secret == [read_field(cloud.client("secretsmanager"), first.stage.secret, field) for field in FIELDS]


def test_what_destroy_keeps_is_taken_up_again_and_purge_leaves_nothing(run, project, cloud):
    deployment, _ = run.deploy()
    stage = deployment.stage
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    s3.put_object(Bucket=stage.bucket, Key="outputs/kept.json", Body=b"{}")

    told = run.destroy(stage)
    assert f"Kept: bucket {stage.bucket}, table {stage.table}, secret {stage.secret}" in told
    assert "--purge" in told
    assert {stack_status(cloudformation, name) for name in (stage.storage_stack, stage.workflow_stack)} == {None}
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert rest_api_id(project, stage, run.aws) is None
    assert not s3.get_bucket_notification_configuration(Bucket=stage.bucket).get("LambdaFunctionConfigurations")

    secret = read_field(cloud.client("secretsmanager"), stage.secret, "callback")
    _, told = run.deploy()
    assert "kept from before, used as they are" in told
    assert s3.get_object(Bucket=stage.bucket, Key="outputs/kept.json")["Body"].read() == b"{}"
    assert read_field(cloud.client("secretsmanager"), stage.secret, "callback") == secret

    run.destroy(stage, purge=True)
    assert s3.list_buckets()["Buckets"] == []
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert cloud.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
    assert cloud.client("logs").describe_log_groups()["logGroups"] == []
    assert [role for role in cloud.client("iam").list_roles()["Roles"] if "storygate" in role["RoleName"]] == []

    again = run.destroy(stage, purge=True)
    assert "functions: not there" in again
    assert f"bucket {stage.bucket}: not there" in again


class Background:
    """`python -m storygate local` as a script would start it."""

    def __init__(self, project, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "storygate", "local", *arguments],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []

    def until_ready(self):
        overdue = threading.Timer(180, self.process.kill)
        overdue.start()
        try:
            for line in self.process.stdout:
                self.lines.append(line)
                if line.startswith("ready"):
                    return line
        finally:
            overdue.cancel()
        raise AssertionError("".join(self.lines))

    def exported(self):
        return dict(re.match(r"\s+export (\w+)=(\S+)", line).groups() for line in self.lines if "export " in line)


def is_free(url):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


def test_local_runs_in_the_background_until_sigterm_and_leaves_nothing(tmp_path):
    project = copy_project(REPOSITORY, tmp_path)
    stale = project / ".chalice" / "deployed" / "local.json"
    stale.parent.mkdir()
    stale.write_text('{"resources": [{"name": "rest_api", "rest_api_id": "gone"}], "schema_version": "2.0"}')
    local = Background(project, "--aws-port", "0", "--api-port", "0")
    try:
        urls = re.findall(r"http://127\.0\.0\.1:\d+", local.until_ready())
        environment = local.exported()
        assert urls[0] == environment["AWS_ENDPOINT_URL"]
        s3 = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_DEFAULT_REGION"],
        )
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["storygate-local"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{urls[1]}/jira/callback", b"{}", timeout=10)
        local.process.send_signal(signal.SIGTERM)
        rest, _ = local.process.communicate(timeout=60)
        assert local.process.returncode == 0, rest
        assert rest.endswith("stopped\n")
        assert not stale.exists()
        assert all(is_free(url) for url in urls)
    finally:
        local.process.kill()


def test_a_taken_port_is_named_with_its_flag():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "storygate", "local", "--aws-port", port, "--api-port", "0"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert ended.returncode == 1
    assert port in ended.stderr
    assert "--aws-port" in ended.stderr
    assert "Traceback" not in ended.stderr
