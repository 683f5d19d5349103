"""`demo`: play one whole run on this machine and show each step as it happens."""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storygate.commands.arguments import add_command, exit_code
from storygate.commands.local_aws import local_cloud
from storygate.commands.local_jira import SITE, connect, local_jira
from storygate.deployment.bring_up import deploy
from storygate.operations.jira_webhook import ClosedAs, Decision, closed_as
from storygate.operations.play_demo import APPROVED, SAMPLES, play_sample
from storygate.report.follow_run import follow_live
from storygate.stage.aws import LOCAL, LOCAL_REGION, isolated
from storygate.stage.config import find_project, load_stage
from storygate.stage.context import load_context
from storygate.stage.project_copy import copy_project
from storygate.support.errors import Interrupted, OperatorError
from storygate.support.own_command import command_line
from storygate.support.patience import Patience
from storygate.support.signals import stopped_by_signals
from storygate.support.terminal import Terminal

if TYPE_CHECKING:
    from localcloud.jira.local_jira import LocalJira

WEBHOOK_PATIENCE = 30.0  # seconds; Jira itself gives a delivery 20


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "demo",
        run,
        help="play one whole run on this machine",
        description="Brings up an AWS and a Jira on this machine, deploys, drops a sample, moves its story in that "
        "Jira, and shows the result. Needs no account. Exits 0 only if the run is approved; a rejected one fails here "
        "as on AWS.",
        example="--outcome rejected",
        stage=False,
        json=False,
    )
    parser.add_argument("--outcome", choices=SAMPLES, default=APPROVED, help="how the run should end")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Play the sample and compare its outcome with the requested one; 0 only if the run was approved."""
    began = time.monotonic()
    try:
        with stopped_by_signals():
            outcome = _play(find_project(), args.outcome, terminal)
    except KeyboardInterrupt:
        again = command_line(f"demo --outcome {args.outcome}")
        raise Interrupted("The demo was stopped; nothing of it is left.", f"Play it from its start: {again}") from None
    seconds = time.monotonic() - began
    if outcome == args.outcome:
        red = "" if outcome == APPROVED else ". Exit code 1: only an approved run is a success"
        terminal.done(f"outcome {outcome}, as requested, after {seconds:.1f} s{red}")
        terminal.say(f"The demo's AWS and Jira are gone. To keep them and move stories yourself: {command_line(LOCAL)}")
    else:
        terminal.warn(f"outcome {outcome}, but {args.outcome} was requested, after {seconds:.1f} s")
    return exit_code(outcome)


def _play(project: Path, outcome: str, terminal: Terminal) -> str:
    """Play `samples/<outcome>.json` in a cloud of its own, deployed from a copy of the project."""
    with tempfile.TemporaryDirectory(prefix="storygate-demo-") as directory:
        stage = load_stage(project, LOCAL, LOCAL_REGION)
        with local_jira(stage) as jira:
            copy = copy_project(project, Path(directory), {SITE: jira.url})
            with local_cloud(copy) as cloud:
                context = load_context(copy, LOCAL, isolated(cloud.client, cloud.environment))
                terminal.step(f"deploying to an AWS on this machine, {cloud.endpoint_url}")
                deploy(context, terminal)
                cloud.start_api()
                connect(context, jira)
                terminal.done(f"a Jira on this machine sends its webhooks to the stage: {jira.url}")

                def decide(story: str, decision: Decision) -> None:
                    move_story(jira, closed_as(stage), story, decision, terminal)

                sample = project / "samples" / f"{outcome}.json"
                ended = play_sample(context, sample, decide, follow_live, terminal)
                if ended != "invalid_input":  # whose story nobody was asked about
                    show_comment(jira, json.loads(sample.read_bytes())["jiraStoryId"], terminal)
                return ended


def show_comment(jira: "LocalJira", story: str, terminal: Terminal) -> None:
    """Show what storygate has written on the story, once the status event of the run's end has come."""
    from localcloud.jira import documents

    patience = Patience(WEBHOOK_PATIENCE)
    while not (comments := jira.site.issue(story).comments):
        if not patience.pause():
            terminal.warn(f"there is no comment on {story} after {WEBHOOK_PATIENCE:.0f} s")
            return
    terminal.done(f"in Jira, {story} has a comment")
    for line in documents.plain(comments[0].body).splitlines():
        terminal.say(f"  {line}")


def move_story(jira: "LocalJira", closed: ClosedAs, story: str, decision: Decision, terminal: Terminal) -> None:
    """Move a story in the local Jira as a person would, and show what the callback answers to Jira's webhook."""
    from localcloud.jira.site_data import PEOPLE

    status = closed.status if decision == "approved" else "Rejected"
    terminal.step(f"in Jira, {PEOPLE[0].name} moves {story} to {status}: {jira.url}/browse/{story}")
    jira.site.transition(story, status, user=PEOPLE[0])
    told = jira.deliveries.await_attempt(story, WEBHOOK_PATIENCE)
    if told is None or told.outcome not in {"200", "202"}:
        answer = f"{told.outcome} {told.answer}" if told else f"nothing within {WEBHOOK_PATIENCE:.0f} s"
        raise OperatorError(
            f"Jira's webhook was answered {answer}.",
            "The approval did not arrive; read the lines above, then run the demo again.",
        )
    terminal.done(f"Jira's webhook: the callback answered HTTP {told.outcome}: {told.answer.strip()}")
