"""A stage and its Jira, end to end: a story moved by a person, webhooks that are lost, and what the people see."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from localcloud.jira import documents
from localcloud.jira.site_data import PEOPLE
from storygate.runs.executions import Runs
from storygate.runs.history import History, follow
from storygate.runs.inputs import drop
from storygate.runs.result_files import read_result
from storygate.support.patience import Patience
from tests.e2e.conftest import SECONDS, Local


def eventually(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def waiting(local: Local, story: str) -> History:
    """A run that waits for its story."""
    request = {"jiraStoryId": story, "packageIds": ["pkg-001"], "metadata": {"environment": "production"}}
    s3, body = local.context.client("s3"), json.dumps(request).encode()
    name = drop(s3, local.context.stage.bucket, f"{story.lower()}.json", body).execution
    history = History(local.context.client("stepfunctions"), Runs(local.context).arn(name))
    assert follow(history, Patience(SECONDS), lambda _: None, until=lambda: history.waiting_since is not None)
    return history


def result(local: Local, history: History) -> Any:
    assert follow(history, Patience(SECONDS), lambda _: None)
    return read_result(local.context.client("s3"), local.context.stage.bucket, history.arn.rpartition(":")[2])


def sweep(local: Local) -> Any:
    name = local.context.stage.lambda_names["sweep"]
    answer = local.context.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    return json.loads(answer["Payload"].read())


@pytest.fixture
def lost(local: Local) -> Iterator[None]:
    """Every webhook is lost, and Jira may be made to fail."""
    local.jira.deliveries.enabled = False
    yield
    local.jira.deliveries.enabled = True
    local.jira.outage.begin(503, times=0)


def test_a_person_moves_the_story_and_reads_on_it_what_became_of_the_run(local: Local) -> None:
    history = waiting(local, "PROJ-700")
    local.jira.site.transition("PROJ-700", "Done", user=PEOPLE[1])
    told = result(local, history)
    assert (told["outcome"], told["decision"]["actor"]) == ("approved", "Noor Haddad")
    issue = local.jira.site.issue("PROJ-700")
    (comment,) = eventually(lambda: issue.comments)
    assert documents.plain(comment.body).splitlines()[:4] == [
        "Deployment approved",
        "PROJ-700 was approved by Noor Haddad: status Done, resolution Done.",
        "Packages: pkg-001",
        "Environment: production",
    ]
    (link,) = issue.links.values()
    assert link["globalId"] == f"storygate={told['execution']}"
    assert link["object"]["status"] == {"resolved": True}


@pytest.mark.usefixtures("alone", "lost")
def test_the_sweep_finds_what_webhooks_lost_with_jiras_own_time(local: Local) -> None:
    approved, rejected, undecided = waiting(local, "PROJ-701"), waiting(local, "PROJ-702"), waiting(local, "PROJ-703")
    first = sweep(local)
    assert (first["asked"], first["decided"], first["left"], first["errors"]) == (3, [], 0, [])
    (link,) = local.jira.site.issue("PROJ-701").links.values()
    assert link["object"]["title"] == "Deployment waits for this story"
    assert link["object"]["summary"] == "pkg-001; production"
    moved = local.jira.site.transition("PROJ-701", "Done", user=PEOPLE[0]).histories[-1]
    local.jira.site.transition("PROJ-702", "Rejected", user=PEOPLE[2])
    second = sweep(local)
    names = [history.arn.rpartition(":")[2] for history in (approved, rejected)]
    assert (sorted(second["decided"]), second["errors"]) == (sorted(names), [])
    told = result(local, approved)
    decided = datetime.fromisoformat(told["decision"]["decidedAt"]).timestamp()
    assert (told["outcome"], told["decision"]["actorId"]) == ("approved", PEOPLE[0].account_id)
    assert decided == pytest.approx(moved.at, abs=0.001)
    assert result(local, rejected)["outcome"] == "rejected"
    eventually(lambda: local.jira.site.issue("PROJ-702").comments)
    assert undecided.end is None
    assert len(local.jira.site.issue("PROJ-703").links) == 1
    local.jira.site.transition("PROJ-703", "Done")
    assert sweep(local)["decided"] == [undecided.arn.rpartition(":")[2]]
    result(local, undecided)


@pytest.mark.usefixtures("alone", "lost")
def test_jira_is_down_and_comes_back(local: Local) -> None:
    history = waiting(local, "PROJ-704")
    local.jira.site.transition("PROJ-704", "Done", user=PEOPLE[0])
    local.jira.outage.begin(503, times=1000)
    down = sweep(local)
    assert (down["asked"], down["left"], down["errors"]) == (0, 1, ["Jira answers HTTP 503"])
    local.jira.outage.begin(503, times=0)
    assert sweep(local)["decided"] == [history.arn.rpartition(":")[2]]
    assert result(local, history)["outcome"] == "approved"
