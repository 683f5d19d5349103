"""Every command about runs, through the command line, against one local cloud: what it says, and its exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from chalicelib.drop import execution_name
from storygate.runs.history import History, await_run, follow
from storygate.runs.inputs import drop
from storygate.support.own_command import command_line
from storygate.support.patience import Patience
from tests import ROOT
from tests.e2e.conftest import SECONDS, Command, Local


@pytest.fixture
def request_file(tmp_path: Path) -> Any:
    """Writes an input; each test has a story of its own."""

    def write(story: str, name: str = "request", **more: Any) -> Any:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"jiraStoryId": story, "packageIds": ["pkg-1"], **more}))
        return str(path)

    return write


@pytest.fixture
def waiting(storygate: Command, local: Local, request_file: Any) -> Any:
    """Starts a run, and waits until it waits for its story; returns its name."""

    def start(story: str, **more: Any) -> Any:
        told = storygate("start", request_file(story, **more), "--json").json
        await_wait(local, told["executionArn"])
        return told["execution"]

    return start


def drop_invalid(storygate: Command, local: Local) -> str:
    """Upload an input that ends `invalid_input`, as another tool would; return its run's name."""
    name = drop(local.aws.client("s3"), local.deployment.stage.bucket, "invalid.json", b"{}").execution
    history = History(local.aws.client("stepfunctions"), arn_of(local, name))
    assert await_run(history, SECONDS)
    assert storygate("watch", name).code == 1
    return name


def await_wait(local: Local, arn: Any) -> None:
    history = History(local.aws.client("stepfunctions"), arn)
    assert follow(history, Patience(SECONDS), lambda _: None, until=lambda: history.waiting_since is not None)
    assert history.end is None


def entries(local: Local, story: str) -> Any:
    """A story's entries, but for those that say what Jira was told, which come whenever a status event does."""
    found = local.aws.client("dynamodb").query(
        TableName=local.deployment.stage.table,
        KeyConditionExpression="story = :story",
        ExpressionAttributeValues={":story": {"S": story}},
    )
    names = {item["entry"]["S"] for item in found["Items"]}
    return {name for name in names if not name.startswith(("TELLS#", "TOLD#"))}


def keys(local: Local) -> Any:
    listed = local.aws.client("s3").list_object_versions(Bucket=local.deployment.stage.bucket)
    return {version["Key"] for version in listed.get("Versions", []) + listed.get("DeleteMarkers", [])}


def test_a_run_is_started_watched_approved_and_read(storygate: Command, local: Local, request_file: Any) -> None:
    metadata = {"simulate": {"deployment": {"status": 503, "times": 1}}}
    started = storygate("start", request_file("PROJ-1", metadata=metadata), "--json")
    assert started.code == 0
    dropped = started.json["input"]
    name = started.json["execution"]
    assert name == execution_name(dropped["bucket"], dropped["key"], dropped["versionId"])
    await_wait(local, started.json["executionArn"])

    called = storygate("callback", "PROJ-1", "--status", "approved")
    assert called.code == 0
    assert "PROJ-1 is approved" in called.out
    assert f'HTTP 200: {{"story":"PROJ-1","decision":"approved","resumed":["{name}"]' in called.out

    watched = storygate("watch", name)
    assert watched.code == 0
    steps = (
        "state FindInput",
        "CallDeployment: attempt 1 failed: States.Http.StatusCode.503",
        "deployment API: success (HTTP 200, attempts: 2)",
        "state WaitForStory",
        ": PROJ-1 was approved by user/moto",
        "state WriteApprovedResult",
        "ended approved",
    )
    found = [watched.out.find(step) for step in steps]
    assert -1 not in found, steps[found.index(-1)]
    assert found == sorted(found)
    lines = storygate("watch", started.json["executionArn"], "--json").lines
    assert lines[-1]["outcome"] == "approved"
    assert [line["state"] for line in lines if line["event"] == "state"][-1] == "WriteApprovedResult"

    shown = storygate("results", name, "--log")
    assert shown.code == 0
    assert re.search(r"^outcome +approved$", shown.out, re.MULTILINE)
    assert re.search(r"^deployment +success +200 +2 +-$", shown.out, re.MULTILINE)
    assert "Waiting for PROJ-1" in shown.out
    raw = storygate("results", name, "--log", "--json").json
    assert raw["result"]["decision"]["actor"] == "user/moto"
    assert raw["log"]["events"][-1]["step"] == "approved"
    assert storygate("results", name, "--json").json == storygate("results", "--json").json == raw["result"]


@pytest.mark.parametrize(
    ("story", "arguments", "code", "outcome"),
    [
        ("PROJ-10", ["--status", "done", "--flat", "--message", "looks good"], 0, "approved"),
        ("PROJ-11", ["--status", "rejected"], 1, "rejected"),
    ],
)
def test_start_and_wait_exits_0_only_if_the_run_is_approved(
    storygate: Command, local: Local, request_file: Any, story: str, arguments: Any, code: Any, outcome: str
) -> None:
    # In a process of its own, as a pipeline runs it: it waits while another one calls back.
    process = subprocess.Popen(
        [sys.executable, "-m", "storygate", "start", request_file(story), "--stage", "local", "--wait", "--json"],
        cwd=local.project,
        env=environment(local),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        await_listed(storygate, story)
        called = storygate("callback", story, *arguments, "--json").json
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert called["httpStatus"] == 200
    assert process.returncode == code, err
    ended = json.loads(out)
    assert (ended["outcome"], ended["execution"]) == (outcome, called["answer"]["resumed"][0])
    result = storygate("results", ended["execution"], "--json")
    assert result.code == code
    assert result.json["decision"]["message"] in ("looks good", "status Done, resolution Won't Do")


def test_a_wait_that_reaches_its_bound_exits_124_and_the_run_goes_on(
    storygate: Command, local: Local, request_file: Any
) -> None:
    ended = storygate("start", request_file("PROJ-20"), "--wait", "--timeout", "1", "--json")
    assert ended.code == 124
    assert "outcome" not in ended.json
    name = ended.json["execution"]
    assert name in ended.err
    await_wait(local, ended.json["executionArn"])
    watched = storygate("watch", "--timeout", "0.2")
    assert watched.code == 124
    assert name in watched.out, "without a name it is the newest run"
    assert re.search(r"WaitForStory, waiting for \d+ s, since", watched.out)
    assert "it is still at WaitForStory, waiting for" in watched.err
    assert f"watch {name} --stage local" in watched.err
    assert storygate("cancel", name).code == 0


def test_ctrl_c_ends_the_watching_and_not_the_run(storygate: Command, local: Local, waiting: Any) -> None:
    name = waiting("PROJ-21")
    process = subprocess.Popen(
        [sys.executable, "-m", "storygate", "watch", name, "--stage", "local"],
        cwd=local.project,
        env=environment(local),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells start what they put into the background with Ctrl-C switched off, and tests may run there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    overdue = threading.Timer(SECONDS, process.kill)
    overdue.start()
    assert process.stdout
    try:
        for line in process.stdout:
            if "waiting for the story" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    finally:
        overdue.cancel()
        process.kill()
    assert process.returncode == 130
    assert f"the run continues.\n  fix: To watch it again: {command_line(f'watch {name} --stage local')}" in err
    assert storygate("cancel", name).code == 0


def test_an_input_that_is_no_json_uploads_nothing(storygate: Command, local: Local, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{'jiraStoryId': 1}")
    ended = storygate("start", str(path))
    assert ended.code == 1
    assert "is not JSON" in ended.err
    assert "inputs/broken.json" not in keys(local)


def test_the_list_names_story_and_outcome_and_those_that_wait(
    storygate: Command, local: Local, waiting: Any, request_file: Any
) -> None:
    name = waiting("PROJ-30")
    refused = storygate("start", request_file("", name="invalid"))
    assert (refused.code, "Nothing was uploaded" in refused.err) == (1, True)
    invalid = drop_invalid(storygate, local)
    rows = {row["execution"]: row for row in storygate("list", "--json").json}
    assert (rows[name]["story"], rows[name]["outcome"]) == ("PROJ-30", "waiting")
    assert rows[invalid]["outcome"] == "invalid_input"
    assert name in [row["execution"] for row in storygate("list", "--waiting", "--json").json]
    assert invalid not in storygate("list", "--waiting").out
    assert len(storygate("list", "--limit", "1", "--json").json) == 1
    shown = storygate("list").out
    assert shown.startswith("RUN ")
    assert re.search(rf"^{name} +PROJ-30 +waiting +\d\d:\d\d:\d\d +\d+ s +local$", shown, re.MULTILINE)
    assert storygate("cancel", name).code == 0


def test_a_cancelled_run_leaves_no_entry_and_writes_no_files(storygate: Command, local: Local, waiting: Any) -> None:
    name = waiting("PROJ-40")
    assert entries(local, "PROJ-40") == {f"WAIT#{name}"}
    cancelled = storygate("cancel", name, "--reason", "wrong packages")
    assert cancelled.code == 0
    assert "is cancelled; it writes no result and no log" in cancelled.out
    assert "its entry for PROJ-40: removed" in cancelled.out
    assert entries(local, "PROJ-40") == set()

    described = local.aws.client("stepfunctions").describe_execution(executionArn=arn_of(local, name))
    assert described["cause"] == "cancelled by user/moto: wrong packages"
    result = storygate("results", name)
    assert result.code == 1
    assert "wrong packages. A stopped run writes no files." in result.err
    assert f"retry {name} --stage local" in result.err
    assert storygate("watch", name).code == 1

    again = storygate("cancel", name, "--json")
    assert (again.code, again.json["entryRemoved"]) == (0, False)


def test_a_run_that_is_over_cannot_be_cancelled(storygate: Command, local: Local) -> None:
    name = drop_invalid(storygate, local)
    ended = storygate("cancel", name)
    assert ended.code == 1
    assert "has already ended: invalid_input. Nothing was cancelled." in ended.err


def test_a_retry_reads_the_version_that_the_first_run_read(
    storygate: Command, local: Local, waiting: Any, request_file: Any
) -> None:
    name = waiting("PROJ-50")
    refused = storygate("retry", name)
    assert refused.code == 1
    assert "still runs" in refused.err
    assert storygate("cancel", name).code == 0
    later = storygate("start", request_file("PROJ-51"), "--json").json["execution"]

    retried = storygate("retry", name, "--json").json
    assert retried["retryOf"] == name
    await_wait(local, retried["executionArn"])
    assert entries(local, "PROJ-50") == {f"WAIT#{retried['execution']}"}
    for run in (later, retried["execution"]):
        assert storygate("cancel", run).code == 0


def test_an_unknown_run_is_reported_with_the_stage_and_the_list(storygate: Command) -> None:
    for command in ("watch", "results", "retry", "cancel"):
        ended = storygate(command, "nope")
        assert ended.code == 1
        assert "Stage local has no run nope" in ended.err
        assert command_line("list --stage local") in ended.err


def test_any_decision_but_the_one_asked_for_exits_1_with_its_reason(storygate: Command, local: Local) -> None:
    path = local.project / ".chalice" / "config.json"
    before = path.read_text()
    config = json.loads(before)
    config["stages"]["local"]["environment_variables"]["STORYGATE_APPROVED_STATUSES"] = "Shipped, Live"
    path.write_text(json.dumps(config))  # and not deployed
    try:
        decided = storygate("callback", "PROJ-61", "--status", "approved")
    finally:
        path.write_text(before)
    assert decided.code == 1
    assert "The callback decided pending, not approved: " in decided.out
    assert "Shipped" in decided.out


def test_nothing_unknown_is_sent(storygate: Command) -> None:
    assert storygate("callback", "12345", "--status", "approved").code == 2
    assert storygate("callback", "PROJ-60", "--status", "approved").code == 0, "202: recorded, and nothing waits"
    assert storygate("callback", "PROJ-60", "--status", "great").code == 2
    assert storygate("callback", "PROJ-60", "--status", "pending", "--flat").code == 2


def test_each_api_takes_its_own_credentials_and_no_others(storygate: Command) -> None:
    ended = storygate("test-apis")
    assert ended.code == 0, ended.out + ended.err
    assert "6 passed, 0 failed, 0 not tested" in ended.out
    checks = storygate("test-apis", "--json").json
    assert [(check["api"], check["credentials"], check["passed"]) for check in checks] == [
        (api, which, True) for api in ("validation", "deployment", "notification") for which in ("right", "wrong")
    ]


def test_an_api_that_refuses_its_own_token_fails_the_test(storygate: Command, local: Local) -> None:
    secrets, name = local.aws.client("secretsmanager"), local.deployment.stage.secret
    right = secrets.get_secret_value(SecretId=name)["SecretString"]
    values = {**json.loads(right), "validation": "a token that was never deployed"}
    # Put where the authorizer does not look.
    stage = local.project / ".chalice" / "config.json"
    before = stage.read_text()
    secrets.create_secret(Name="stale", SecretString=json.dumps(values))
    stage.write_text(before.replace('"STORYGATE_SECRET": "storygate-local"', '"STORYGATE_SECRET": "stale"'))
    try:
        ended = storygate("test-apis", "--json")
    finally:
        stage.write_text(before)
    assert ended.code == 1
    failed = [(check["api"], check["result"]) for check in ended.json if not check["passed"]]
    assert failed == [("validation", "HTTP 403, but 2xx was expected")]


def test_smoke_plays_both_verdicts_and_leaves_nothing(storygate: Command, local: Local) -> None:
    before = keys(local)
    ended = storygate("smoke", "--json")
    assert ended.code == 0, ended.out + ended.err
    runs = ended.json["runs"]
    assert ended.json["passed"]
    assert [(run["wanted"], run["outcome"], run["problem"]) for run in runs] == [
        ("approved", "approved", None),
        ("rejected", "rejected", None),
    ]
    assert keys(local) == before
    for run in runs:
        assert re.fullmatch(r"SMOKE-\d+", run["story"])
        assert entries(local, run["story"]) == set()


def test_smoke_says_what_failed_and_cleans_up_all_the_same(storygate: Command, local: Local) -> None:
    before = keys(local)
    bucket = local.deployment.stage.bucket
    s3 = local.aws.client("s3")
    trigger = s3.get_bucket_notification_configuration(Bucket=bucket)
    trigger.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        ended = storygate("smoke", "--timeout", "0.3")
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=trigger)
    assert ended.code == 1
    assert "has started no run within 0.3 s" in ended.out
    assert "aws logs tail /aws/lambda/storygate-local-start_execution" in ended.out
    assert "FAILED" in ended.out
    assert keys(local) == before


def test_no_command_shows_a_secret(storygate: Command, local: Local, waiting: Any) -> None:
    client, stage = local.aws.client("secretsmanager"), local.deployment.stage
    hidden = set(json.loads(client.get_secret_value(SecretId=stage.secret)["SecretString"]).values())
    name = waiting("PROJ-70")
    item = local.aws.client("dynamodb").get_item(
        TableName=stage.table, Key={"story": {"S": "PROJ-70"}, "entry": {"S": f"WAIT#{name}"}}
    )["Item"]
    hidden.add(item["taskToken"]["S"])
    assert len(hidden) == 6
    told = [
        storygate(*command, *form)
        for form in ((), ("--json",))
        for command in (
            ("watch", name, "--timeout", "0.1"),
            ("list",),
            ("list", "--waiting"),
            ("results", name),
            ("retry", name),
            ("test-apis",),
        )
    ]
    told += [storygate("callback", "PROJ-70", "--status", "approved"), storygate("watch", name)]
    told += [storygate("results", name, "--log"), storygate("smoke"), storygate("cancel", name)]
    for ended in told:
        assert not [value for value in hidden if value in ended.out + ended.err]
        assert "Bearer" not in ended.out + ended.err


def environment(local: Local) -> dict[str, Any]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**own, **local.aws.environment, "PYTHONPATH": str(ROOT)}


def arn_of(local: Local, name: str) -> str:
    stage = local.deployment.stage
    return f"arn:aws:states:{stage.region}:123456789012:execution:{stage.state_machine}:{name}"


def await_listed(storygate: Command, story: str) -> None:
    """Waits until a run waits for the story."""
    patience = Patience(SECONDS)
    while story not in [row["story"] for row in storygate("list", "--waiting", "--json").json]:
        assert patience.pause(), f"no run waits for {story}"
