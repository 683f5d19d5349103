"""`storygate local`: in the background until a signal ends it, and a clear error for a taken port."""

import json
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
from typing import Any

import boto3
import pytest

from storygate.cli import main, parser
from storygate.commands.local import STEPS
from storygate.stage.project_copy import copy_project
from tests import ROOT


class Background:
    """`python -m storygate local` as a script would start it."""

    def __init__(self, project: Path, *arguments: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "storygate", "local", *arguments],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def until_ready(self) -> Any:
        overdue = threading.Timer(180, self.process.kill)
        overdue.start()
        try:
            for line in self.process.stdout or ():
                self.lines.append(line)
                if line.startswith("ready"):
                    return line
        finally:
            overdue.cancel()
        raise AssertionError("".join(self.lines))

    def exported(self) -> Any:
        return dict(re.findall(r"^\s+export (\w+)=(\S+)", "".join(self.lines), re.MULTILINE))


def is_free(url: Any) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


def test_local_runs_in_the_background_until_sigterm_and_leaves_nothing(tmp_path: Path) -> None:
    project = copy_project(ROOT, tmp_path)
    stale = project / ".chalice" / "deployed" / "local.json"
    stale.parent.mkdir()
    stale.write_text('{"resources": [{"name": "rest_api", "rest_api_id": "gone"}], "schema_version": "2.0"}')
    local = Background(project, "--aws-port", "0", "--api-port", "0", "--console-port", "0", "--jira-port", "0")
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
            urllib.request.urlopen(f"{urls[1]}/jira/callback", b"{}", timeout=60)
        assert b"<h1" in urllib.request.urlopen(urls[2], timeout=60).read()  # the console
        board = json.loads(urllib.request.urlopen(f"{urls[3]}/local/board", timeout=60).read())
        assert "PROJ-12345" in [story["key"] for story in board["stories"]]
        assert board["webhooks"]["registered"][0]["url"].endswith("/api/jira/callback")
        local.process.send_signal(signal.SIGTERM)
        rest, _ = local.process.communicate(timeout=60)
        assert local.process.returncode == 0, rest
        assert rest.endswith("stopped\n")
        assert not stale.exists()
        assert all(is_free(url) for url in urls)
    finally:
        local.process.kill()


def test_what_it_says_to_try_are_commands_that_exist_and_none_holds_a_secret() -> None:
    commands = [[*command.split(), "--stage", "local"] for _, command in STEPS]
    tried = [parser().parse_args(command) for command in commands]
    assert [command[0] for command in commands] == ["start", "watch", "callback", "results"]
    assert tried[2].story == json.loads((ROOT / tried[0].file).read_text())["jiraStoryId"]


def test_all_taken_ports_are_named_with_their_flags_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as aws, socket.create_server(("127.0.0.1", 0)) as served:
        ports = [str(taken.getsockname()[1]) for taken in (aws, served)]
        assert (
            main(["local", "--aws-port", ports[0], "--api-port", "0", "--console-port", ports[1], "--jira-port", "0"])
            == 1
        )
        told = capsys.readouterr()
        assert told.out == ""
        assert f"error: Ports {ports[0]} (AWS), {ports[1]} (the console) are taken. Another `" in told.err
        assert "local --aws-port 0 --console-port 0" in told.err
        assert (
            main(["local", "--aws-port", ports[0], "--api-port", "0", "--console-port", "0", "--jira-port", "0"]) == 1
        )
    assert "Another" not in capsys.readouterr().err
