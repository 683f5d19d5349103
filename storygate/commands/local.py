"""`local`: an AWS and the REST API on this machine, with storygate deployed to it, until Ctrl-C."""

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from storygate.commands.arguments import Place
from storygate.deployment.bring_up import deploy
from storygate.deployment.functions import forget
from storygate.stage.aws import isolated
from storygate.stage.config import Stage, find_project, load_stage
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud

STAGE = "local"
AWS_PORT = 4566  # LocalStack's, which other tools expect
API_PORT = 8000  # that of `chalice local`
CONSOLE_PORT = 8001

TRY = """\
Then, in that shell: drop an input, and follow the run that this starts
  python -m storygate start samples/approved.json --stage {stage}
  python -m storygate watch --stage {stage}
approve its story from a third one, signed as Jira signs
  python -m storygate callback PROJ-12345 --stage {stage} --status approved
and read what became of it, by the name that `start` told
  python -m storygate results RUN --stage {stage} --log
"""


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "local",
        help="an AWS on this machine, with storygate deployed to it, until Ctrl-C",
        description="Brings up an AWS, the REST API and the console on this machine and deploys stage local to it. "
        "Needs no account; nothing in it outlives the command.",
        epilog="Example: python -m storygate local --aws-port 4567",
    )
    parser.add_argument("--aws-port", type=port, default=AWS_PORT, help=f"where AWS listens (default {AWS_PORT})")
    parser.add_argument("--api-port", type=port, default=API_PORT, help=f"where the API listens (default {API_PORT})")
    parser.add_argument(
        "--console-port", type=port, default=CONSOLE_PORT, help=f"where the console listens (default {CONSOLE_PORT})"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: up, deploy, stay, down. Ctrl-C and SIGTERM are its normal end."""
    project = find_project()
    with stopped_by_signals():
        try:
            _serve(project, args.aws_port, args.api_port, args.console_port, terminal)
        except KeyboardInterrupt:
            terminal.say("stopped")
    return 0


def port(text: str) -> int:
    """A port's number as an argument; 0 takes a free one."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not a port: 0 to 65535")
    return number


@contextmanager
def local_cloud(project: Path, aws_port: int = 0, api_port: int = 0) -> Iterator["LocalCloud"]:
    """A local cloud while the block runs; OperatorError if it cannot start, such as for a taken port."""
    # moto takes seconds to import, which the commands that work on AWS shall not pay.
    from localcloud.cloud import LocalCloud, LocalCloudError

    try:
        with LocalCloud(project, aws_port=aws_port, api_port=api_port, stage=STAGE) as cloud:
            yield cloud
    except LocalCloudError as error:
        raise OperatorError(f"The local cloud: {error}", "Mend what it names, then run this again.") from error


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Makes SIGTERM end the block like Ctrl-C, and Ctrl-C work in the background, where shells switch it off."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # What stops is bounded, so a second signal need not, and must not, cut the cleaning up short.
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(project: Path, aws_port: int, api_port: int, console_port: int, terminal: Terminal) -> None:
    from storygate.console.serving import console, reserved  # Flask takes a while to import, like moto

    terminal.step("AWS on this machine")
    # The console comes last, but a port that is taken is told before anything is done.
    with reserved(console_port, "--console-port") as listener, local_cloud(project, aws_port, api_port) as cloud:
        aws = isolated(cloud.client, cloud.environment)
        stage = load_stage(project, STAGE, aws.region)
        terminal.done(f"AWS: {cloud.endpoint_url}")
        forget(project, stage)  # it tells of an earlier local cloud, which is gone
        try:
            deploy(project, STAGE, aws, terminal)
            terminal.step("REST API")
            cloud.start_api()
            terminal.done(f"REST API: {cloud.api_url}")
            # Without a key: whoever reaches this AWS, may do everything in it anyway.
            place = Place(project, stage, aws)
            with console(place, listener, locked=False) as console_url:
                terminal.done(f"console: {console_url}")
                _tell(cloud, stage, console_url, terminal)
                threading.Event().wait()
        finally:
            forget(project, stage)


def _tell(cloud: "LocalCloud", stage: Stage, console_url: str, terminal: Terminal) -> None:
    terminal.say()
    terminal.say("To use it, in another shell")
    for name, value in cloud.environment.items():
        terminal.say(f"  export {name}={value}")
    terminal.say(TRY.format(stage=stage.name))
    addresses = f"AWS {cloud.endpoint_url}, REST API {cloud.api_url}, console {console_url}"
    terminal.say(f"ready: {addresses}, stage {stage.name}; Ctrl-C stops it")
