"""A stage's Jira: what is asked and told with its settings and credentials, and what goes wrong without harm."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.stage_jira import ASKING, Clients, StageJira
from chalicelib.sweep import Asked, WaitingStory
from chalicelib.verdicts import VerdictTable
from localcloud.jira.local_jira import LocalJira
from tests.chalicelib.fakes import DEFAULT_RULES, Hooked, SecretsManager, StepFunctions, aws_error, client

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:gate"
EVENT = {
    "executionArn": MACHINE.replace(":stateMachine:", ":execution:") + ":run-1",
    "name": "run-1",
    "status": "ABORTED",
    "stopDate": 1_767_268_800_000,
    "input": json.dumps({"jiraStoryId": "PROJ-1", "packageIds": ["pkg-001"]}),
}
WAITING = [WaitingStory("PROJ-1", ("run-1", "run-2"))]


class Described(StepFunctions):
    """Step Functions that knows each run's input, and refuses run-2."""

    def describe_execution(self, *, executionArn: str) -> Any:
        if executionArn.endswith("run-2"):
            raise aws_error("stepfunctions", "ExecutionDoesNotExist", "DescribeExecution")
        return {"input": EVENT["input"]}


@pytest.fixture
def jira() -> Iterator[LocalJira]:
    with LocalJira() as running:
        yield running


@pytest.fixture
def stage(jira: LocalJira, dynamodb: Hooked) -> StageJira:
    variables = {"STORYGATE_JIRA_SITE": jira.url}
    clients = Clients(SecretsManager(jira.credentials), dynamodb, client("s3"), Described())
    return StageJira(variables, clients, DEFAULT_RULES, "gate-jira", "verdicts", "drop-box")


def asked(stage: StageJira, seconds: float = 30.0) -> Asked:
    table = VerdictTable(stage.clients.dynamodb, stage.table, stage.clients.stepfunctions)
    return stage.ask(WAITING, table, seconds, MACHINE)


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def links(jira: LocalJira) -> list[str]:
    return [link["object"]["summary"] for link in jira.site.issue("PROJ-1").links.values()]


def test_it_asks_and_makes_the_link_of_each_waiting_run(
    jira: LocalJira, stage: StageJira, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replace(asked(stage), last="") == Asked(asked=2)
    assert links(jira) == ["pkg-001", "run-2"]  # run-2's request cannot be read
    assert stage.clients.secretsmanager.calls == ["gate-jira"]
    assert printed(capsys) == []


def test_a_run_that_was_just_decided_gets_no_link_that_says_it_waits(
    jira: LocalJira, stage: StageJira, dynamodb: Hooked
) -> None:
    dynamodb.wait("run-1", "PROJ-1")
    jira.site.issue("PROJ-1")
    jira.site.transition("PROJ-1", "Done")
    assert asked(stage).decided == ["run-1"]
    assert links(jira) == ["run-2"]


@pytest.mark.parametrize(
    ("changes", "value", "error"),
    [
        ({}, {"user": "ada", "token": "wrong"}, "Jira answers HTTP 401: it does not accept user and token"),
        ({}, "", 'secret gate-jira must be JSON with "user" and "token"'),
        ({"STORYGATE_JIRA_SITE": "http://example.com"}, None, "STORYGATE_JIRA_SITE must be an address"),
        ({"STORYGATE_JIRA_TELL": "perhaps"}, None, "STORYGATE_JIRA_TELL must be on or off"),
    ],
)
def test_what_keeps_it_from_jira_is_said_and_harms_nothing(
    jira: LocalJira, stage: StageJira, capsys: pytest.CaptureFixture[str], changes: Any, value: Any, error: str
) -> None:
    secrets = SecretsManager(jira.credentials if value is None else value)
    broken = replace(
        stage, variables={**stage.variables, **changes}, clients=replace(stage.clients, secretsmanager=secrets)
    )
    answer = asked(broken)
    assert answer.errors[0].startswith(error)
    assert answer.decided == []
    (line,) = printed(capsys)
    assert (line["log"], line["away"], line["error"]) == ("jira", True, answer.errors[0])
    broken.tell(EVENT)
    (line,) = printed(capsys)
    assert (line["log"], line["told"]) == ("tell", [])
    assert line["errors"][0].startswith(error) or error in line["errors"][0]
    assert jira.site.issue("PROJ-1").comments == []


def test_the_end_of_a_run_is_told_and_said_in_the_log(
    jira: LocalJira, stage: StageJira, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.tell(EVENT | {"status": "RUNNING"})
    stage.tell(EVENT)
    assert printed(capsys) == [{"log": "tell", "execution": "run-1", "told": ["link", "comment"], "errors": []}]
    assert len(jira.site.issue("PROJ-1").comments) == 1


def test_a_run_that_was_stopped_before_its_input_was_checked_tells_no_story_of_another_project(
    jira: LocalJira, stage: StageJira, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(stage, rules=DEFAULT_RULES._replace(projects=frozenset({"OTHER"}))).tell(EVENT)
    assert printed(capsys) == []
    assert jira.site.issue("PROJ-1").comments == []


def test_links_take_no_longer_than_the_time_that_is_left(stage: StageJira, dynamodb: Hooked) -> None:
    asked(stage)  # both links exist now
    now = [0.0]
    dynamodb.before["query"] = lambda _: now.__setitem__(0, 31.0)
    dynamodb.calls.clear()
    table = VerdictTable(dynamodb, stage.table, stage.clients.stepfunctions)
    replace(stage, clock=lambda: now[0]).ask([*WAITING, WaitingStory("PROJ-2", ("run-3",))], table, 30, MACHINE)
    assert [operation for operation, _ in dynamodb.calls] == ["query"]


def test_to_run_out_of_time_while_asking_is_no_absence_of_jira_and_leaves_time_for_links(
    jira: LocalJira, stage: StageJira, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([0.0])
    answer = asked(replace(stage, clock=lambda: next(times, 30 * ASKING)))
    assert (answer.left, answer.errors) == (2, ["the time to ask Jira is over; the next sweep goes on"])
    assert len(links(jira)) == 2
    assert printed(capsys) == []


def test_with_telling_off_jira_is_asked_and_nothing_written(jira: LocalJira, stage: StageJira) -> None:
    quiet = replace(stage, variables={**stage.variables, "STORYGATE_JIRA_TELL": "off"})
    assert asked(quiet).asked == 2
    quiet.tell(EVENT)
    issue = jira.site.issue("PROJ-1")
    assert (issue.links, issue.comments) == ({}, [])


def test_what_aws_refuses_while_telling_is_said_and_harms_nothing(
    stage: StageJira, dynamodb: Hooked, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Any) -> None:
        raise aws_error("dynamodb", "ProvisionedThroughputExceededException", "PutItem")

    dynamodb.before["put_item"] = refuse
    assert asked(stage).errors == ["Jira's links: ProvisionedThroughputExceededException"]
    stage.tell(EVENT)
    assert printed(capsys)[-1]["errors"] == ["ProvisionedThroughputExceededException"]


def test_a_stage_without_a_site_knows_no_jira(stage: StageJira) -> None:
    assert stage.is_known
    assert not replace(stage, variables=SimpleNamespace(get=lambda *_: " ")).is_known  # type: ignore[arg-type]
