"""Workflow: the billed transitions of each way, and the price of 1,000 approved runs.

Each way is played on the local cloud, deployed by the real deploy; billed is every state entered and every retry (Step
Functions pricing: "a state transition is counted each time a step of your workflow is executed", "including retries").
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from benchmarks.local_stage import LocalStage, awaited, local_stage
from benchmarks.table import Figure
from storygate.cost.bill import GIGABYTE, LOG_BYTES_PER_INVOCATION, MOCKS, MONTHLY, THOUSAND, USAGE, Bill
from storygate.cost.meter import Meter
from storygate.cost.prices import PRICES
from storygate.cost.usage import compute, count_transitions
from storygate.deployment.bring_up import deploy
from storygate.operations import jira_webhook
from storygate.operations.called_apis import read_apis
from storygate.stage.aws import isolated
from storygate.stage.context import Context
from storygate.support.terminal import Terminal

PATIENCE = 120.0
GOAL = Decimal("0.85")  # at least 15 percent cheaper
# The system that this one replaces (hoopdad/step-function-poc): what 1,000 executions a month cost there, all included.
# It has one secret, mocks as functions, logs, and neither alarms nor a dashboard.
REPLACED = {"dollarsPerMonth": Decimal("0.92"), "transitions": Decimal(15), "lambdaRequests": Decimal(5)}


@dataclass(frozen=True)
class Way:
    """A way through the workflow: its input, Jira's verdict, and its end."""

    name: str
    status: str | None
    request: dict[str, Any] | None = None
    early: bool = False
    ends: str = "FAILED"
    releases: bool = False  # with a release API


FLAKY = {"metadata": {"simulate": {"deployment": {"status": 503, "times": 1}}}}
FAILED = {"metadata": {"simulate": {"validation": {"result": "failed"}}}}
WAYS = (
    Way("approved", "approved", {}, ends="SUCCEEDED"),
    Way("approved, after one API call was retried", "approved", FLAKY, ends="SUCCEEDED"),
    Way("approved before it waits", "approved", {}, early=True, ends="SUCCEEDED"),
    Way("rejected", "rejected", {}),
    Way("timed_out", None, {"timeoutSeconds": 1}),
    Way("api_failed", None, FAILED),
    Way("invalid_input", None),
    Way("approved, with a release API", "approved", {}, ends="SUCCEEDED", releases=True),
    Way("rejected, with a release API", "rejected", {}, releases=True),
    Way("timed_out, with a release API", None, {"timeoutSeconds": 1}, releases=True),
)


def run(quick: bool) -> Sequence[Figure]:
    """Measure the transitions of each way, then dollars; `quick` plays only the approval and the invalid input."""
    figures = []
    with local_stage() as stage:
        aws = isolated(stage.cloud.client, stage.cloud.environment)
        context = Context(stage.cloud.project, stage.deployment.stage, aws)
        for number, way in enumerate(WAYS, 1):
            if quick and way.name not in ("approved", "invalid_input"):
                continue
            if way.releases and not context.stage.workflow_parameters:
                context = _with_release_api(context)
            execution, events = _play(stage, way, f"BENCH-{number}")
            figures.append(_transitions(way, events))
            if number == 1:
                bill = compute(events, Meter(context), execution)
    return [*figures, *_dollars(bill)]


def _with_release_api(context: Context) -> Context:
    """Deploy again with a release API, the mock of the notification; return the new context."""
    arguments = read_apis(context)[-1]
    parameters = {"ReleaseUrl": arguments.url, "ReleaseConnectionArn": arguments.connection}
    context = replace(context, stage=replace(context.stage, workflow_parameters=parameters))
    deploy(context, Terminal(io.StringIO()))
    return context


def _play(stage: LocalStage, way: Way, story: str) -> tuple[str, list[Any]]:
    """Drop an input, send Jira's verdict, return the run and its history; RuntimeError for another end."""
    request = {} if way.request is None else {"jiraStoryId": story, "packageIds": ["pkg-1"], **way.request}
    execution = stage.drop(f"{story.lower()}.json", json.dumps(request).encode())
    if way.early:  # the verdict is there before the run has called its APIs
        stage.call_back(_webhook(story, way))
    elif way.status:
        awaited(f"{way.name}: the run waits", lambda: execution in stage.waiting(), PATIENCE)
        stage.call_back(_webhook(story, way))
    awaited(f"{way.name}: the run has ended", lambda: _status(stage, execution) not in ("", "RUNNING"), PATIENCE)
    if _status(stage, execution) != way.ends:
        raise RuntimeError(f"{way.name}: the run is {_status(stage, execution)}, not {way.ends}")
    arn = stage.executions()[execution]["executionArn"]
    pages = stage.cloud.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return execution, [event for page in pages for event in page["events"]]


def _webhook(story: str, way: Way) -> bytes:
    """Return the webhook of the way's verdict, decided now."""
    decision: jira_webhook.Decision = "approved" if way.status == "approved" else "rejected"
    return jira_webhook.encode(jira_webhook.issue_updated(story, decision))


def _status(stage: LocalStage, execution: str) -> str:
    return str(stage.executions().get(execution, {"status": ""})["status"])


def _transitions(way: Way, events: list[Any]) -> Figure:
    entered, retries = count_transitions(events)
    dollars = (entered + retries) * THOUSAND * PRICES["transition"].each
    note = f"${dollars:.3f} per 1,000"
    return Figure(f"transitions, {way.name}", str(entered + retries), None, None, note)


def _dollars(bill: Bill) -> list[Figure]:
    """The price of 1,000 approved runs: of the two units known of the replaced system, then of everything."""
    known = [line for line in bill.lines if line.price in ("transition", "lambda request") and line.group != MONTHLY]
    ours = sum((line.dollars(THOUSAND) for line in known), Decimal())
    theirs = THOUSAND * (
        Decimal(str(REPLACED["transitions"])) * PRICES["transition"].each
        + Decimal(str(REPLACED["lambdaRequests"])) * PRICES["lambda request"].each
    )
    used = {
        price: sum(line.quantity for line in known if line.price == price) for price in ("transition", "lambda request")
    }
    secret = PRICES["secret"].dollars
    sweeps = sum(_sweeps(bill), Decimal())
    used_up, paid = bill.total(THOUSAND, [USAGE, MOCKS]), REPLACED["dollarsPerMonth"]
    return [
        _against(
            "1,000 runs, transitions and invocations alone",
            ours,
            theirs,
            f"{used['transition']} and {used['lambda request']} (mocks included) against {REPLACED['transitions']} and "
            f"{REPLACED['lambdaRequests']}",
        ),
        _against(
            "1,000 runs, all that they use",
            used_up,
            paid - secret,
            "with mocks, without the secret",
        ),
        _against("1,000 runs and a secret in a month", used_up + secret, paid, "with mocks"),
        _plain("the same with a month's sweeps", used_up + secret + sweeps),
        _plain("1,000 runs, without mocks and monthly costs", bill.total(THOUSAND, [USAGE])),
        _plain("of that, the status function, which also tells Jira", _of_status(bill)),
        _plain("the mocks, for 1,000 runs", bill.total(THOUSAND, [MOCKS])),
        _plain("paid by the month: secrets, alarms, metrics, a dashboard, sweeps", bill.total(0, [MONTHLY])),
        _plain("of that, the sweeps", sweeps),
    ]


def _sweeps(bill: Bill) -> list[Decimal]:
    prices = ("lambda request", "gb-second", "read unit", "log gb", "trace")
    return [line.dollars(0) for line in bill.lines if line.group == MONTHLY and line.price in prices]


def _of_status(bill: Bill) -> Decimal:
    """The price of the status function's part of 1,000 runs: what names it, a request, a trace and its log."""
    named = [line.dollars(THOUSAND) for line in bill.lines if "the status event" in line.basis]
    log = PRICES["log gb"].each * LOG_BYTES_PER_INVOCATION / GIGABYTE
    return sum(named, Decimal()) + THOUSAND * (PRICES["lambda request"].each + PRICES["trace"].each + log)


def _against(what: str, ours: Decimal, theirs: Decimal, note: str) -> Figure:
    ratio = ours / theirs
    compared = f"${ours:.3f} against ${theirs:.3f}: {note}"
    return Figure(f"{what}, to the replaced system", f"{ratio:.2f}", f"<= {GOAL}", ratio <= GOAL, compared)


def _plain(what: str, dollars: Decimal) -> Figure:
    return Figure(what, f"${dollars:.2f}", None, None)
