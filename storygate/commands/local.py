"""`local`: an AWS, the REST API, the console and a Jira here, with storygate deployed, until Ctrl-C."""

import argparse
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storygate.commands.arguments import add_command, port
from storygate.commands.local_aws import local_cloud
from storygate.commands.local_jira import RUN_URL, SITE, connect, local_jira
from storygate.deployment.bring_up import deploy
from storygate.deployment.functions import forget_record
from storygate.stage.aws import LOCAL, LOCAL_REGION, LOCAL_URL, isolated
from storygate.stage.config import find_project, load_stage
from storygate.stage.context import load_context
from storygate.stage.project_copy import copy_project
from storygate.support.errors import OperatorError
from storygate.support.http import is_taken
from storygate.support.own_command import command_line
from storygate.support.signals import stopped_by_signals
from storygate.support.terminal import Terminal

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud

AWS_PORT = 4566  # LocalStack's, which other tools expect
API_PORT = 8000  # that of `chalice local`
CONSOLE_PORT = 8001
JIRA_PORT = 8002  # as stage local names it in config.json

PORTS = (
    ("--aws-port", AWS_PORT, "AWS"),
    ("--api-port", API_PORT, "the REST API"),
    ("--console-port", CONSOLE_PORT, "the console"),
    ("--jira-port", JIRA_PORT, "the Jira"),
)
"""Flag, usual port, and what is served there."""
STEPS = (
    ("In another shell: drop an input, and follow the run that it starts", "start samples/approved.json"),
    (None, "watch"),
    ("move its story to Done on Jira's board, or approve it as Jira would", "callback PROJ-12345 --status approved"),
    ("and read the run's result, by the name that `start` printed", "results RUN --log"),
)
"""A first run: each line of explanation with its command, which needs `--stage` added."""


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "local",
        run,
        help="run an AWS on this machine, with storygate deployed to it, until Ctrl-C",
        description="Brings up an AWS, the REST API, the console and a Jira on this machine and deploys stage local. "
        "Needs no account; nothing in it outlives the command. With another --jira-port or --console-port, start it "
        "again to deploy a change: `deploy` takes both addresses from config.json.",
        example="--aws-port 4567",
        stage=False,
        json=False,
    )
    for flag, usual, what in PORTS:
        parser.add_argument(
            flag, type=port, default=usual, help=f"the port of {what}, 0 for a free one (default {usual})"
        )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Start, deploy, stay, stop: 0. Ctrl-C and SIGTERM are the normal end."""
    project = find_project()
    _check_ports({flag: getattr(args, flag[2:].replace("-", "_")) for flag, _, _ in PORTS})
    with stopped_by_signals():
        try:
            _serve(project, args, terminal)
        except KeyboardInterrupt:
            terminal.say("stopped")
    return 0


def _check_ports(ports: Mapping[str, int]) -> None:
    """Raise OperatorError, which names all of them, if ports are taken. `ports` is by flag; 0 means any free one."""
    taken = [(flag, ports[flag], what) for flag, _, what in PORTS if ports[flag] and is_taken(ports[flag])]
    if not taken:
        return
    several = len(taken) > 1
    flags = " ".join(f"{flag} 0" for flag, _, _ in taken)
    named = ", ".join(f"{port} ({what})" for _, port, what in taken)
    raise OperatorError(
        f"Port{'s' if several else ''} {named} {'are' if several else 'is'} taken."
        + (f" Another `{command_line('local')}` seems to run." if several else ""),
        f'Stop it, or take free ones: {command_line("local")} {flags}; or make local ARGS="{flags}"',
    )


def _serve(project: Path, args: argparse.Namespace, terminal: Terminal) -> None:
    from storygate.console.serving import console, reserved  # Flask takes a while to import, like moto

    terminal.step("AWS on this machine")
    # The console starts last, but its port is taken before anything is done.
    with (
        reserved(args.console_port, "--console-port") as listener,
        local_jira(load_stage(project, LOCAL, LOCAL_REGION), args.jira_port) as jira,
        _knowing(project, jira.url, listener.getsockname()[1]) as deployed,
        local_cloud(deployed, args.aws_port, args.api_port) as cloud,
    ):
        context = load_context(deployed, LOCAL, isolated(cloud.client, cloud.environment))
        terminal.done(f"AWS: {cloud.endpoint_url}")
        for stale in (context, replace(context, project=project)):  # of an earlier local cloud, which is gone
            forget_record(stale)
        try:
            deploy(context, terminal)
            terminal.step("REST API")
            cloud.start_api()
            terminal.done(f"REST API: {cloud.api_url}")
            connect(context, jira)
            terminal.done(f"Jira: {jira.url}")
            # Without a key: whoever reaches this AWS can do everything in it anyway.
            with console(context, listener, locked=False) as console_url:
                terminal.done(f"console: {console_url}")
                _show(cloud, console_url, jira.url, terminal)
                threading.Event().wait()
        finally:
            forget_record(context)


@contextmanager
def _knowing(project: Path, jira_url: str, console_port: int) -> Iterator[Path]:
    """Yield the project, or a copy whose stage `local` knows where Jira and console are, if config.json does not."""
    here = {SITE: jira_url, RUN_URL: f"http://127.0.0.1:{console_port}/runs/{{execution}}"}
    if here.items() <= load_stage(project, LOCAL, LOCAL_REGION).variables.items():
        yield project
        return
    with tempfile.TemporaryDirectory(prefix="storygate-local-") as directory:
        yield copy_project(project, Path(directory), here)


def _show(cloud: "LocalCloud", console_url: str, jira_url: str, terminal: Terminal) -> None:
    terminal.say()
    terminal.say("For the AWS CLI and boto3, in every other shell")
    for name, value in cloud.environment.items():
        terminal.say(f"  export {name}={value}")
    if cloud.endpoint_url != LOCAL_URL:
        terminal.say("storygate's commands need only the first of them; without it they use port 4566.")
    else:
        terminal.say("storygate's commands with `--stage local` need none of them.")
    for explanation, command in STEPS:
        if explanation:
            terminal.say(explanation)
        terminal.say("  " + command_line(f"{command} --stage {LOCAL}"))
    terminal.say()
    addresses = f"AWS {cloud.endpoint_url}, REST API {cloud.api_url}, console {console_url}, Jira {jira_url}"
    terminal.say(f"ready: {addresses}, stage {LOCAL}; Ctrl-C stops it")
