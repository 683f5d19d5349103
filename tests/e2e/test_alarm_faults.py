"""Faults on a deployed stage leave the log lines that set off their alarms, in the log groups that the filters read."""

import json
import time
from typing import Any

from storygate.deployment.functions import callback_url
from storygate.runs.executions import Runs
from storygate.runs.history import History, follow
from storygate.runs.inputs import drop
from storygate.support.http import post
from storygate.support.patience import Patience
from tests.alarms import counted, goes_off
from tests.e2e.conftest import SECONDS, Local


def metrics(local: Local, function: str, of: dict[str, Any]) -> dict[str, float]:
    """The metrics of the line with these fields in a function's log, once it is there."""
    group = f"/aws/lambda/{local.context.stage.lambda_names[function]}"
    logs, deadline = local.context.client("logs"), time.monotonic() + SECONDS
    while True:
        for event in logs.filter_log_events(logGroupName=group)["events"]:
            if event["message"].startswith("{") and of.items() <= json.loads(event["message"]).items():
                return counted(event["message"], group, "local")
        assert time.monotonic() < deadline, f"no such line in {group}"
        time.sleep(0.05)


def end(local: Local, name: str, **simulated: Any) -> str:
    """Drop an input that ends by itself, and return the run's name."""
    request = {"jiraStoryId": "PROJ-880", "packageIds": ["pkg-001"], "metadata": {"simulate": simulated}}
    body = json.dumps(request if simulated else {}).encode()
    run = drop(local.context.client("s3"), local.context.stage.bucket, name, body).execution
    history = History(local.context.client("stepfunctions"), Runs(local.context).arn(run))
    assert follow(history, Patience(SECONDS), lambda _: None)
    return run


def test_a_run_that_an_api_failed_wakes_a_person_and_an_invalid_input_does_not(local: Local) -> None:
    failed = end(local, "fault.json", validation={"result": "failed"})
    assert goes_off("runs-faulted", metrics(local, "run_status", {"log": "end", "execution": failed}))
    invalid = end(local, "no-fault.json")
    assert metrics(local, "run_status", {"log": "end", "execution": invalid}) == {"invalid_input": 1.0}


def test_a_delivery_with_a_wrong_credential_is_counted(local: Local) -> None:
    headers = {"Authorization": "Bearer wrong", "X-Atlassian-Webhook-Identifier": "fault-1"}
    assert post(callback_url(local.context), b"{}", headers, timeout=SECONDS, what="the callback").status == 401
    assert goes_off("deliveries-refused", metrics(local, "api_handler", {"log": "callback", "webhook": "fault-1"}))


def test_a_sweep_is_counted_when_it_ends(local: Local) -> None:
    local.context.client("lambda").invoke(FunctionName=local.context.stage.sweep, Payload=b"{}")
    assert not goes_off("sweep-missing", metrics(local, "sweep", {"log": "sweep"}))
