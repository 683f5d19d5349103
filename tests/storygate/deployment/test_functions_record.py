"""The REST API is found by what it calls, whatever Chalice's record says, and a failing chalice says why."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storygate.deployment.functions import api_url, rest_api_id, run_chalice
from storygate.stage.aws import Aws, isolated
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from tests.storygate.conftest import Screen


@pytest.fixture
def make_api(aws: Aws) -> Any:
    """An API as Chalice imports it: all stages' APIs are named after the app."""

    def make(function: Any, name: str = "storygate") -> Any:
        client = aws.client("apigateway")
        api = client.create_rest_api(name=name)["id"]
        root = client.get_resources(restApiId=api)["items"][0]["id"]
        client.put_method(restApiId=api, resourceId=root, httpMethod="POST", authorizationType="NONE")
        lambda_ = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}"
        client.put_integration(
            restApiId=api,
            resourceId=root,
            httpMethod="POST",
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{lambda_}/invocations",
        )
        return api

    return make


def record(project: Path, api: Any) -> None:
    path = project / ".chalice" / "deployed" / "dev.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"resources": [{"name": "rest_api", "rest_api_id": api}]}))


def test_before_the_first_deploy_there_is_none(context: Context) -> None:
    assert rest_api_id(context) is None
    assert api_url(context) is None


def test_without_a_record_it_is_the_one_that_calls_this_stages_function(context: Context, make_api: Any) -> None:
    make_api("storygate-prod")
    ours = make_api("storygate-dev")
    make_api("storygate-dev-two")
    make_api("storygate-dev", name="another-app")
    assert rest_api_id(context) == ours


def test_the_recorded_one_counts_as_long_as_aws_has_it(project: Path, context: Context, make_api: Any) -> None:
    make_api("storygate-dev")
    recorded = make_api("storygate-dev")
    record(project, recorded)
    assert rest_api_id(context) == recorded


@pytest.mark.parametrize("text", ["", "{", "[]", '{"resources": [{"name": "rest_api", "rest_api_id": "gone"}]}'])
def test_a_stale_or_broken_record_is_no_record(project: Path, context: Context, make_api: Any, text: str) -> None:
    ours = make_api("storygate-dev")
    record(project, "gone")
    (project / ".chalice" / "deployed" / "dev.json").write_text(text)
    assert rest_api_id(context) == ours


def test_two_apis_of_one_stage_are_for_the_operator_to_decide(context: Context, make_api: Any) -> None:
    apis = [make_api("storygate-dev"), make_api("storygate-dev")]
    with pytest.raises(OperatorError, match="several REST APIs") as caught:
        rest_api_id(context)
    assert all(api in caught.value.message for api in apis)


def test_the_url_on_aws_has_the_region_and_the_stage(context: Context, make_api: Any) -> None:
    api = make_api("storygate-dev")
    assert api_url(context) == f"https://{api}.execute-api.eu-west-1.amazonaws.com/api"


def test_the_url_elsewhere_is_a_path_at_the_endpoint(context: Context, make_api: Any) -> None:
    api = make_api("storygate-dev")
    local = replace(context.aws, environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/"})
    assert api_url(replace(context, aws=local)) == f"http://127.0.0.1:4566/_aws/execute-api/{api}/api"


@pytest.fixture
def apart(context: Context) -> Any:
    """The same context, but its child processes know no AWS."""
    return replace(context, aws=isolated(context.aws.make_client, {"AWS_DEFAULT_REGION": "eu-west-1"}))


def test_chalice_really_runs_and_its_lines_are_shown(apart: Any, screen: Screen) -> None:
    run_chalice(apart, ["--version"], screen.terminal)
    assert "chalice: chalice 1." in screen.text


def test_a_failing_chalice_is_reported_with_its_last_line(apart: Any, screen: Screen) -> None:
    with pytest.raises(OperatorError, match="chalice deploy failed: exit code"):
        run_chalice(apart, ["deploy", "--no-such-flag"], screen.terminal)


def test_a_chalice_that_hangs_is_ended(apart: Any, screen: Screen) -> None:
    hangs = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(OperatorError, match="did not finish within 0 s"):
        run_chalice(apart, [""], screen.terminal, patience=0.3, chalice=hangs)


def test_an_isolated_child_sees_nothing_of_the_operators_aws(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "real")
    child = isolated(aws.client, {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local"}).environment
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & child.keys()
    assert child["AWS_ACCESS_KEY_ID"] == "local"
    assert child["PATH"]
