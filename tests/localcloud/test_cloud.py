"""The local cloud starts, answers, stops, and leaves nothing behind."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.cloud import LocalCloud, LocalCloudError
from tests import ROOT
from tests.localcloud.conftest import create_function, eventually

APP = "from chalice import Chalice\napp = Chalice(app_name='one')\n\n@app.route('/')\ndef root():\n    return {}\n"

FUNCTION = "def handler(event, context): return 1"

# The API, and one warm Lambda function.
WHOLE_CLOUD = f"""
import json, sys
from pathlib import Path
from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import create_function

cloud = LocalCloud(Path(sys.argv[1]))
cloud.start()
cloud.start_api()
create_function(cloud, "one", {FUNCTION!r})
cloud.client("lambda").invoke(FunctionName="one")
print(json.dumps([cloud.endpoint_url, cloud.api_url]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text('{"version": "2.0", "app_name": "one", "stages": {"local": {}}}')
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def listens(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def children(parent: int) -> set[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    return {pid for pid, ppid in pairs if ppid == parent and is_alive(pid)}


def is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_stop_leaves_no_process_and_no_port_and_the_next_start_is_empty(app: Path) -> None:
    before = children(os.getpid())
    with LocalCloud(app) as cloud:
        cloud.start_api()
        create_function(cloud, "one", FUNCTION)
        cloud.client("lambda").invoke(FunctionName="one")
        cloud.client("s3").create_bucket(Bucket="first")
        urls = cloud.endpoint_url, cloud.api_url
        assert all(listens(url) for url in urls)
        assert len(children(os.getpid()) - before) == 2  # the dev server and the function's worker
    assert not children(os.getpid()) - before
    assert not any(listens(url) for url in urls)
    cloud.stop()  # does nothing
    with LocalCloud(app) as second:
        assert second.client("s3").list_buckets()["Buckets"] == []


def test_nothing_outlives_a_cloud_that_is_killed(app: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WHOLE_CLOUD, str(app)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(app)},  # a kill leaves the functions' unpacked code there
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    urls = json.loads(process.stdout.readline())
    started = children(process.pid)
    assert len(started) == 2
    process.kill()
    process.wait(10)
    eventually(lambda: not any(is_alive(pid) for pid in started))
    assert not any(listens(url) for url in urls)


def test_a_second_one_in_the_same_process_is_refused(app: Path) -> None:
    with LocalCloud(app) as first, pytest.raises(LocalCloudError, match=first.endpoint_url):
        LocalCloud(app).start()
    with LocalCloud(app):
        """The refused start did not block this one."""


@pytest.mark.parametrize(("name", "flag"), [("aws_port", "--aws-port"), ("api_port", "--api-port")])
def test_a_taken_port_is_named_with_its_flag_and_nothing_stays(app: Path, name: str, flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalCloudError, match=f"{port} is taken.*{flag}"):
            LocalCloud(app, **{name: port}).start()
    with LocalCloud(app, **{name: port}) as cloud:
        assert f":{port}" in cloud.endpoint_url + cloud.api_url


def test_an_app_that_does_not_load_is_told_with_its_own_words(app: Path) -> None:
    (app / "app.py").write_text("raise RuntimeError('no such setting: STORYGATE_TABLE')")
    with LocalCloud(app) as cloud, pytest.raises(LocalCloudError, match="no such setting: STORYGATE_TABLE"):
        cloud.start_api()


def test_running_executions_end_with_the_cloud(app: Path) -> None:
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    with LocalCloud(app) as cloud:
        states = cloud.client("stepfunctions")
        machine = states.create_state_machine(
            name="waits", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/any"
        )
        states.start_execution(stateMachineArn=machine["stateMachineArn"], name="one")


def test_clients_leave_the_environment_alone(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with LocalCloud(app) as cloud:
        assert cloud.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert cloud.client("sts") is cloud.client("sts")
        assert cloud.environment["AWS_REGION"] == "us-east-1"
        assert "AWS_ENDPOINT_URL" not in os.environ
    assert os.environ["AWS_REGION"] == "eu-west-1"
