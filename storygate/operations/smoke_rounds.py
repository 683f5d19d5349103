"""The rounds of the smoke test: one run each on a deployed stage, from the upload to the result, and its clean-up.

Each run has a story of its own, `SMOKE-<digits>`, or that number in the first project that the stage gates, so no other
run waits for it, and all its entries may be deleted. The name of its input keeps its outcome from the alarms.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.run_status import SMOKE
from storygate.operations.send_verdict import answer_line, refusal, send_verdict, webhook
from storygate.operations.start_run import await_start
from storygate.runs.executions import RUNNING, Runs
from storygate.runs.history import follow
from storygate.runs.inputs import Drop, drop
from storygate.runs.result_files import log_key, read_log, read_result, result_key
from storygate.stage.context import Context
from storygate.support.errors import AWS_ERRORS, OperatorError, explain
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

WANTED = ("approved", "rejected")


@dataclass
class SmokeRound:
    """One run of the smoke test and its outcome. `problem` is None if it went as wanted."""

    wanted: str
    story: str
    execution: str | None = None
    outcome: str | None = None
    seconds: float | None = None
    problem: str | None = None


def play_round(context: Context, wanted: str, timeout: float, terminal: Terminal) -> SmokeRound:
    """Play one round within `timeout` seconds and clean up, whatever happens; `wanted` is one of WANTED."""
    project = next(iter(context.stage.listed("STORYGATE_PROJECTS")), "SMOKE").upper()  # any other one is refused
    played = SmokeRound(wanted, f"{project}-{time.time_ns() // 1_000_000}{secrets.randbelow(1000):03}")
    terminal.step(f"{played.story}: should end {wanted}")
    began = time.monotonic()
    content = {
        "jiraStoryId": played.story,
        "packageIds": ["storygate-smoke"],
        "metadata": {"test": "storygate smoke"},
        "timeoutSeconds": max(1, round(timeout)),
    }
    dropped = None
    try:
        name, raw = f"{SMOKE}{played.story.rpartition('-')[2]}.json", json.dumps(content).encode()
        dropped = drop(context.client("s3"), context.stage.bucket, name, raw)
        played.execution = dropped.execution
        _drive(context, played, dropped, timeout, terminal)
    except (OperatorError, *AWS_ERRORS) as error:
        _note_problem(played, error, terminal)
    finally:
        played.seconds = round(time.monotonic() - began, 1)
        try:
            if dropped:
                clean_up(context, played.story, dropped)
                terminal.detail("cleaned up: input, result, log and the story's entries")
        except (OperatorError, *AWS_ERRORS) as error:
            _note_problem(played, error, terminal)
    return played


def clean_up(context: Context, story: str, dropped: Drop) -> None:
    """Stop the run if it still runs, then delete its input, result and log in all versions, and the story's entries."""
    runs, s3 = Runs(context), context.client("s3")
    try:
        if runs.describe(dropped.execution)["status"] == RUNNING:
            runs.stop(dropped.execution, "the smoke test is over")
    except OperatorError:
        pass  # it never started
    for key in (dropped.key, result_key(dropped.execution), log_key(dropped.execution)):
        _delete_versions(s3, dropped.bucket, key)
    table, dynamodb = context.stage.table, context.client("dynamodb")
    entries = dynamodb.query(
        TableName=table,
        ConsistentRead=True,
        KeyConditionExpression="story = :story",
        ProjectionExpression="story, entry",
        ExpressionAttributeValues={":story": {"S": story}},
    )["Items"]
    for entry in entries:
        dynamodb.delete_item(TableName=table, Key=entry)


def _drive(context: Context, played: SmokeRound, dropped: Drop, timeout: float, terminal: Terminal) -> None:
    patience = Patience(timeout)
    history = await_start(context, dropped, timeout)
    terminal.done(f"the upload started {dropped.execution}")

    def await_that(what: str, until: Callable[[], bool]) -> None:
        if not follow(history, patience, lambda moment: moment.show(terminal), until=until):
            state = history.path[-1] if history.path else "its start"
            raise OperatorError(
                f"The run did not {what} within {timeout:g} s; it is at {state}.", "Wait longer with --timeout."
            )

    await_that("wait", lambda: history.waiting_since is not None)
    if not history.end:
        _call_back(context, played, terminal)
    await_that("end", lambda: history.end is not None)
    _check_files(context, played, dropped)
    terminal.done(f"result and log are there, and say {played.outcome}")


def _call_back(context: Context, played: SmokeRound, terminal: Terminal) -> None:
    # With STORYGATE_APPROVERS, as the first of them: the story is the test's own, and nobody else's run waits for it.
    approver = next(iter(context.stage.listed("STORYGATE_APPROVERS")), None)
    answer = send_verdict(context, webhook(context, played.story, played.wanted, actor_id=approver))
    line = answer_line(answer)
    if problem := refusal(answer, played.wanted):
        raise OperatorError(problem, "See docs/troubleshooting.md, or the log of the function api_handler.")
    # The answer names the runs that it resumed. No other text is like an execution's name, so a search is enough.
    if answer.status != 200 or str(played.execution) not in answer.text:
        raise OperatorError(f"{line}; it should have resumed the run", "See the log of the function api_handler.")
    terminal.done(line)


def _check_files(context: Context, played: SmokeRound, dropped: Drop) -> None:
    s3 = context.client("s3")
    result = read_result(s3, dropped.bucket, dropped.execution) or {}
    played.outcome = result.get("outcome")
    decided = (result.get("decision") or {}).get("decision")
    if played.outcome != played.wanted or decided != played.wanted:
        raise OperatorError(
            f"The result says {played.outcome}, decision {decided}, not {played.wanted}: {result.get('reason')}",
            "Read the lines above; `watch` shows them again.",
        )
    if not read_log(s3, dropped.bucket, dropped.execution):
        raise OperatorError("The run wrote a result, but no log.", "Read the lines above.")


def _note_problem(played: SmokeRound, error: Exception, terminal: Terminal) -> None:
    explained = explain(error)
    played.problem = f"{played.problem}; {explained.message}" if played.problem else explained.message
    terminal.fail(f"{explained.message}\n  fix: {explained.hint}")


def _delete_versions(s3: Any, bucket: str, key: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            if entry["Key"] == key:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=entry["VersionId"])
