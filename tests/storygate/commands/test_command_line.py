"""Usage errors, things to mend, and success each have their exit code; nothing ends in a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storygate.cli import COMMANDS, main, parser
from storygate.support.own_command import command_line
from tests import ROOT


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """No AWS in reach: a test that forgets its own fails fast and touches nothing."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.chdir(project)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"storygate {name}" in capsys.readouterr().out.partition("Example:")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["deplyo"],
        ["deploy"],
        ["destroy", "--purge"],
        ["demo", "--outcome", "great"],
        ["local", "--aws-port", "70000"],
        ["local", "--api-port", "http"],
    ],
)
def test_wrong_usage_exits_2(arguments: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_without_a_command_it_shows_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert all(f"    {name}" in shown for name in COMMANDS)


def test_a_story_that_is_no_key_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["callback", "12345", "--stage", "dev", "--status", "approved"]) == 2
    assert "Give a key such as PROJ-123." in capsys.readouterr().err


def test_the_usual_ports_are_the_documented_ones() -> None:
    args = parser().parse_args(["local"])
    assert (args.aws_port, args.api_port) == (4566, 8000)


def test_no_region_exits_1_with_the_fix(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--stage", "dev"]) == 1
    assert "AWS_DEFAULT_REGION" in capsys.readouterr().err


def test_no_credentials_exits_1_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert main(["deploy", "--stage", "dev"]) == 1
    assert "fix: Run `aws configure`" in capsys.readouterr().err


def test_only_a_command_that_continues_says_so_after_ctrl_c() -> None:
    stage = ["--stage", "dev"]
    staged = ("deploy", "destroy", "rotate", "redrive", "smoke")
    commands: dict[str, list[str]] = dict.fromkeys(staged, stage) | {"demo": [], "local": []}
    continues = [name for name, flags in commands.items() if parser().parse_args([name, *flags]).continues]
    assert continues == ["deploy", "destroy", "rotate", "redrive"]


def test_an_unreachable_aws_exits_1_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert main(["destroy", "--stage", "dev", "--yes"]) == 1
    assert command_line("local") in capsys.readouterr().err


def test_an_unknown_stage_exits_1_and_names_the_file_though_no_region_is_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["deploy", "--stage", "qa"]) == 1
    told = capsys.readouterr().err
    assert 'error: .chalice/config.json has no stage "qa"' in told
    assert "dev, local, prod" in told


@pytest.mark.parametrize("flags", [[], ["--purge"]])
def test_destroying_without_a_terminal_needs_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert main(["destroy", "--stage", "dev", *flags]) == 1
    assert "--yes" in capsys.readouterr().err


def test_commands_for_aws_start_without_importing_the_local_cloud() -> None:
    code = "import sys, storygate.cli; storygate.cli.parser(); sys.exit('moto' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("in_background", [False, True])
def test_make_fails_too_and_adds_no_line_where_it_can(tmp_path: Path, in_background: bool) -> None:
    script = tmp_path / "storygate"
    script.write_text("#!/bin/sh\necho outcome rejected, as requested\nexit 1\n")
    script.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # not of `make test`
    handler = signal.SIG_IGN if in_background else signal.SIG_DFL  # as shells start what they put into the background
    ended = subprocess.run(
        ["make", "--old-file=.venv/local", f"BIN={tmp_path}", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=own,
        preexec_fn=lambda: signal.signal(signal.SIGQUIT, handler),
    )
    assert ended.returncode != 0
    assert ended.stdout == "outcome rejected, as requested\n"
    assert bool(ended.stderr) == in_background


def test_a_package_that_is_not_installed_is_named_with_what_to_run() -> None:
    code = "import sys; sys.modules['rich.console'] = None; from storygate.cli import main; sys.exit(main(['list']))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"error: the Python package rich.console is not installed for {sys.executable}.\n"
        "  fix: run `make demo`, which installs it into .venv, or use .venv/bin/storygate\n"
    )
