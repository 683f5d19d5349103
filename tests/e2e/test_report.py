"""`report` draws a run of the local cloud while it waits and when it is over, and never its token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storygate.runs.history import History, follow
from storygate.support.patience import Patience
from tests.e2e.conftest import SECONDS

Command = Callable[..., Any]


def test_a_run_is_drawn_while_it_waits_and_when_it_is_over(storygate: Command, local: Any, tmp_path: Path) -> None:
    request = tmp_path / "drawn.json"
    request.write_text(json.dumps({"jiraStoryId": "PROJ-90", "packageIds": ["pkg-1"]}))
    started = storygate("start", str(request), "--json").json
    name = started["execution"]
    history = History(local.aws.client("stepfunctions"), started["executionArn"])
    assert follow(history, Patience(SECONDS), lambda _: None, until=lambda: history.waiting_since is not None)
    hidden = secrets(local, "PROJ-90", name)

    seen = storygate("report", name, "--json").json
    assert (seen["outcome"], seen["jiraStoryId"], seen["phases"]["WaitForStory"]) == ("waiting", "PROJ-90", "waiting")
    assert {api["statusCode"] for api in seen["apis"].values()} == {200}

    assert storygate("callback", "PROJ-90", "--status", "approved", "--flat", "--message", "go").code == 0
    assert follow(history, Patience(SECONDS), lambda _: None)
    graph = tmp_path / "graph.svg"
    assert storygate("report", name, "--svg", "-o", str(graph)).code == 0
    assert graph.read_text(encoding="utf-8").startswith("<svg")
    written = storygate("report", name)
    assert written.code == 0
    page = local.project / f"{name}.html"
    assert page.name in written.out
    drawn = page.read_text(encoding="utf-8")
    page.unlink()
    assert "<title>Approved: PROJ-90" in drawn
    for value in hidden:
        assert value not in drawn + json.dumps(seen)


def test_what_cannot_be_drawn_or_written_is_reported(storygate: Command, tmp_path: Path) -> None:
    assert storygate("report", "nope").code == 1
    assert storygate("report", "nope", "--json", "--svg").code == 2
    refused = storygate("report", "-o", str(tmp_path / "nowhere" / "newest.html"))
    assert refused.code == 1
    assert "cannot be written: No such file or directory" in refused.err


def secrets(local: Any, story: str, execution: str) -> set[str]:
    """Every value that must stay hidden: the run's task token and the stage's secrets."""
    stage = local.deployment.stage
    values = local.aws.client("secretsmanager").get_secret_value(SecretId=stage.secret)["SecretString"]
    item = local.aws.client("dynamodb").get_item(
        TableName=stage.table, Key={"story": {"S": story}, "entry": {"S": f"WAIT#{execution}"}}
    )["Item"]
    return {item["taskToken"]["S"], *json.loads(values).values()}
