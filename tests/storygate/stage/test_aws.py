"""Stage local is the local cloud, whatever the shell has; any other stage is the account of the shell."""

import os
import socket
from collections.abc import Iterator

import pytest

from storygate.stage.aws import LOCAL_URL, of_stage
from storygate.support.errors import OperatorError


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A shell that works on a real account, through a proxy."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": "https://s3.eu-west-1.amazonaws.com",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def endpoint() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "http://127.0.0.1:{}".format(*server.getsockname()[1:])


def test_stage_local_is_on_this_machine_with_made_up_keys(shell: pytest.MonkeyPatch, endpoint: str) -> None:
    shell.setenv("AWS_ENDPOINT_URL", endpoint + "/")
    aws = of_stage("local")
    for service in ("s3", "sts", "stepfunctions"):
        client = aws.client(service)
        assert client.meta.endpoint_url == endpoint
        assert client.meta.region_name == "us-east-1"
        assert client._request_signer._credentials.access_key == "local"
        assert client._request_signer._credentials.token is None
    assert aws.endpoint_url == endpoint
    assert {name: value for name, value in aws.environment.items() if "real" in value.lower()} == {}
    assert "AWS_PROFILE" not in aws.environment
    assert "AWS_ENDPOINT_URL_S3" not in aws.environment


def test_without_a_local_cloud_it_says_how_to_start_one(shell: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and nobody listens
        shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:{}".format(*unused.getsockname()[1:]))
        with pytest.raises(OperatorError, match="No local cloud answers at") as refused:
            of_stage("local")
    assert refused.value.hint.startswith("Start it in another shell: ")
    assert LOCAL_URL == "http://127.0.0.1:4566"


def test_any_other_stage_is_the_account_of_the_shell(shell: pytest.MonkeyPatch) -> None:
    shell.delenv("AWS_PROFILE")
    aws = of_stage("dev")
    assert aws.region == "eu-west-1"
    assert aws.client("sts").meta.endpoint_url.startswith("https://sts.")
    assert aws.endpoint_url is None
