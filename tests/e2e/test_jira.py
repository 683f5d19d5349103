"""A stage and its Jira, end to end: a story moved by a person, webhooks that are lost, and what the people see."""

import json
import time
from collections.abc import Callable
from typing import Any

from localcloud.jira import documents
from localcloud.jira.site_data import PEOPLE
from storygate.runs.executions import Runs
from storygate.runs.history import History, follow
from storygate.runs.inputs import drop
from storygate.runs.result_files import read_result
from storygate.support.patience import Patience
from tests.e2e.conftest import Local

SECONDS = 30.0


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
