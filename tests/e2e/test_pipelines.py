"""The three ways into a pipeline, as docs/pipelines.md shows them: each sample on the local cloud."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from storygate.operations.send_verdict import send_verdict, webhook
from storygate.runs.executions import Runs
from storygate.runs.history import History, await_run, follow
from storygate.support.patience import Patience
from tests import ROOT
from tests.e2e.conftest import SECONDS, Local

SAMPLES = ROOT / "samples" / "pipelines"
Made = dict[str, str]


@pytest.fixture
def stack(local: Local) -> Iterator[Callable[[str], Made]]:
    """A function that deploys a sample for the stage and returns the stack's outputs. The stacks are deleted after."""
    client, names = local.aws.client("cloudformation"), []

    def deploy(sample: str) -> Made:
        machine = local.deployment.stage.state_machine
        client.create_stack(
            StackName=sample,
            TemplateBody=(SAMPLES / f"{sample}.yaml").read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": "StorygateStateMachine", "ParameterValue": machine}],
            Capabilities=["CAPABILITY_IAM"],
        )
        names.append(sample)
        (made,) = client.describe_stacks(StackName=sample)["Stacks"]
        assert made["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}

    yield deploy
    for name in names:
        client.delete_stack(StackName=name)


def awaited(what: str, look: Callable[[], Any]) -> Any:
    patience = Patience(SECONDS)
    while not (found := look()):
        assert patience.pause(), f"no {what} within {SECONDS:g} s"
    return found


def decide(local: Local, run: str, story: str, verdict: str) -> None:
    """Decide the story once the run waits for it."""
    history = History(local.aws.client("stepfunctions"), Runs(local.context).arn(run))
    assert await_run(history, SECONDS)
    assert follow(history, Patience(SECONDS), lambda _: None, until=lambda: history.waiting_since is not None)
    answer = send_verdict(local.context, webhook(local.context, story, verdict, message=None))
    assert run in json.loads(answer.text)["resumed"]


@pytest.mark.parametrize(("verdict", "story"), [("approved", "PIPE-1"), ("rejected", "PIPE-2")])
def test_a_parent_state_machine_goes_on_only_after_an_approval(
    local: Local, stack: Callable[[str], Made], verdict: str, story: str
) -> None:
    client, name = local.aws.client("stepfunctions"), f"pipeline-{verdict}"
    parent = stack("parent")["PipelineArn"]
    request = json.dumps({"jiraStoryId": story, "packageIds": ["pkg-1"], "buildNumber": 7})
    arn = client.start_execution(stateMachineArn=parent, name=name, input=request)["executionArn"]
    decide(local, name, story, verdict)
    ended = awaited(
        "end of the parent",
        lambda: (found := client.describe_execution(executionArn=arn))["status"] != "RUNNING" and found,
    )
    if verdict == "approved":
        result = f"s3://{local.deployment.stage.bucket}/outputs/{name}/result.json"
        assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"approved": result})
    else:
        assert (ended["status"], ended["error"]) == ("FAILED", "rejected")
        assert ended["cause"].startswith(f"{story} was rejected by ")


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..SQS..QueuePolicy")  # moto passes over it: it asks no one
def test_the_end_of_a_run_is_an_event_that_a_rule_sends_on(local: Local, stack: Callable[[str], Made]) -> None:
    sqs, queue = local.aws.client("sqs"), stack("on-end")["QueueUrl"]
    Runs(local.context).start("noticed", json.dumps({"jiraStoryId": "PIPE-3", "packageIds": ["pkg-1"]}))
    decide(local, "noticed", "PIPE-3", "rejected")

    def received() -> Any:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        details = [json.loads(message["Body"])["detail"] for message in messages]
        return next((detail for detail in details if detail["name"] == "noticed"), None)

    detail = awaited("event", received)
    assert (detail["status"], detail["error"]) == ("FAILED", "rejected")


class Job:
    """A job of GitHub Actions in which action.sh runs."""

    def __init__(self, local: Local, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.environment = {
            **local.aws.environment,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(local.project),
            "RUNNER_TEMP": str(folder),
            **{name: str(folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")},
        }

    def start(self, request: Any) -> subprocess.Popen[str]:
        file = self.folder / f"{self.folder.name}.json"
        file.write_text(json.dumps(request))
        inputs = {"INPUT_FILE": file.name, "INPUT_STAGE": "local", "INPUT_TIMEOUT": f"{SECONDS:g}"}
        return subprocess.Popen(
            [ROOT / "action.sh"], cwd=self.folder, env=self.environment | inputs, stderr=subprocess.PIPE, text=True
        )

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "GITHUB_OUTPUT").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


def test_a_ci_job_is_green_only_after_an_approval(local: Local, tmp_path: Path) -> None:
    ways = {"approved": ("PIPE-4", 0), "rejected": ("PIPE-5", 1)}
    jobs = {verdict: Job(local, tmp_path / verdict) for verdict in ways}
    started = {
        verdict: job.start({"jiraStoryId": ways[verdict][0], "packageIds": ["pkg-1"]}) for verdict, job in jobs.items()
    }
    try:
        runs = {verdict: awaited("run of the job", partial(running, local, verdict)) for verdict in ways}
        for verdict, (story, _) in ways.items():
            decide(local, runs[verdict], story, verdict)
        for verdict, (story, code) in ways.items():
            _, err = started[verdict].communicate(timeout=SECONDS)
            assert started[verdict].returncode == code, err
            outputs = jobs[verdict].outputs
            report = Path(outputs.pop("report"))
            assert outputs == {"outcome": verdict, "execution": runs[verdict]}
            assert f"<title>{verdict.capitalize()}: {story}" in report.read_text(encoding="utf-8")
            summary = (jobs[verdict].folder / "GITHUB_STEP_SUMMARY").read_text()
            assert summary.startswith(f"### storygate: {verdict}\n")
            assert (f"<p>{story} was rejected by " in summary) is (verdict == "rejected")
    finally:
        for process in started.values():
            process.kill()


def running(local: Local, name: str) -> str | None:
    return next((run.name for run in Runs(local.context).latest("RUNNING") if run.name.startswith(f"{name}-")), None)


def test_a_ci_job_whose_input_is_refused_says_why_and_hands_nothing_on(local: Local, tmp_path: Path) -> None:
    job = Job(local, tmp_path)
    process = job.start({"jiraStoryId": "12345", "packageIds": ["pkg-1"]})
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "jiraStoryId must be the key of a Jira story" in err
    assert not (tmp_path / "GITHUB_OUTPUT").exists()


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing_in_the_actions_script() -> None:
    subprocess.run(["shellcheck", ROOT / "action.sh"], check=True)


@pytest.mark.parametrize(
    ("schema", "path"), [("github-actions", "action.yml"), ("github-workflows", "samples/pipelines/github.yml")]
)
def test_what_github_reads_fits_githubs_schema(schema: str, path: str) -> None:
    from check_jsonschema import main  # importing it takes half a second, in every worker that collects this file

    checked = CliRunner().invoke(main, ["--builtin-schema", f"vendor.{schema}", str(ROOT / path)])
    assert checked.exit_code == 0, checked.output
