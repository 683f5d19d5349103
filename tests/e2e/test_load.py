"""Thirty inputs at once and thirty callbacks at once: thirty approved results, none missing, none twice."""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from storygate.deployment.bring_up import Deployment
from storygate.deployment.stage_secret import read_field
from storygate.operations import jira_webhook
from tests.e2e.conftest import SECONDS, Local

RUNS = 30


@pytest.fixture
def cloud(local: Local) -> LocalCloud:
    return local.cloud


@pytest.fixture
def deployment(local: Local) -> Deployment:
    return local.deployment


def awaited(what: str, count: Callable[[], int], wanted: int) -> None:
    """Waits until `count()` has reached the wanted number."""
    deadline = time.monotonic() + SECONDS
    while (reached := count()) < wanted:
        assert time.monotonic() < deadline, f"{reached} of {wanted} {what} after {SECONDS} s"
        time.sleep(0.5)  # a look costs as much as a run


def keys(cloud: LocalCloud, bucket: str, prefix: str) -> set[str]:
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def waiting(cloud: LocalCloud, table: str) -> int:
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    entries = [(item["story"]["S"], item["entry"]["S"]) for page in pages for item in page["Items"]]
    return sum(story.startswith("LOAD-") and entry.startswith("WAIT#") for story, entry in entries)


def call_back(deployment: Deployment, story: str, secret: str) -> dict[str, Any]:
    body = jira_webhook.encode(jira_webhook.issue_updated(story, "approved"))
    headers = {"Content-Type": "application/json", "X-Hub-Signature": jira_webhook.sign(body, secret)}
    request = urllib.request.Request(deployment.callback_url, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200
        return dict(json.loads(answer.read()))


def test_thirty_drops_and_callbacks_at_once_give_thirty_approved_results(
    cloud: LocalCloud, deployment: Deployment
) -> None:
    stage = deployment.stage
    stories = [f"LOAD-{number}" for number in range(1, RUNS + 1)]
    secret = read_field(cloud.client("secretsmanager"), stage.secret, "callback")

    def drop(story: str) -> None:
        body = json.dumps({"jiraStoryId": story, "packageIds": ["pkg-001"]})
        cloud.client("s3").put_object(Bucket=stage.bucket, Key=f"inputs/{story}.json", Body=body)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(drop, stories))
        awaited("waiting runs", lambda: waiting(cloud, stage.table), RUNS)
        answers = list(pool.map(lambda story: call_back(deployment, story, secret), stories))
    resumed = Counter(execution for answer in answers for execution in answer["resumed"])
    assert len(resumed) == RUNS
    assert set(resumed.values()) == {1}

    wanted = {f"outputs/{execution}/result.json" for execution in resumed}
    awaited("results", lambda: len(wanted & keys(cloud, stage.bucket, "outputs/LOAD-")), RUNS)
    results = [
        json.loads(cloud.client("s3").get_object(Bucket=stage.bucket, Key=key)["Body"].read())
        for key in keys(cloud, stage.bucket, "outputs/LOAD-")
    ]
    assert sorted(result["jiraStoryId"] for result in results) == sorted(stories)
    assert {result["outcome"] for result in results} == {"approved"}
    assert {result["execution"] for result in results} == set(resumed)
    assert keys(cloud, stage.bucket, "logs/LOAD-") == {f"logs/{execution}/execution.json" for execution in resumed}
    assert waiting(cloud, stage.table) == 0


def test_two_uploads_to_one_key_are_two_runs_each_of_its_own_upload(cloud: LocalCloud, deployment: Deployment) -> None:
    bucket, key = deployment.stage.bucket, "inputs/same.json"
    before = keys(cloud, bucket, "outputs/")
    for story in ("", "  "):  # invalid inputs end by themselves
        body = json.dumps({"jiraStoryId": story, "packageIds": [], "metadata": {"upload": f"[{story}]"}})
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    awaited("results", lambda: len(keys(cloud, bucket, "outputs/") - before), 2)
    results = [
        json.loads(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        for key in keys(cloud, bucket, "outputs/") - before
    ]
    assert sorted(result["metadata"]["upload"] for result in results) == ["[  ]", "[]"]
