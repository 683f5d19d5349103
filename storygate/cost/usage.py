"""The use of one execution, of everything that AWS charges for.

The execution's history gives its state transitions, retries and AWS calls; the functions' logs give their durations and
their own calls. What neither gives is assumed, and each assumption is part of the bill.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from storygate.cost.bill import GIGABYTE, LOG_BYTES_PER_INVOCATION, MOCKS, USAGE, Bill
from storygate.cost.meter import ASSUMED_MS, Meter
from storygate.cost.standing import count_standing
from storygate.runs.executions import Runs, name_of
from storygate.stage.config import API_HANDLER, AUTHORIZER, STATUS, TRIGGER
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

LOG_BYTES_PER_EVENT = 600  # a history event in the state machine's log, without execution data
LOG_BYTES_PER_REQUEST = 350  # an access log line
# A verdict for one waiting run (chalicelib/verdicts.py), by a function that has just started.
USUAL_CALLBACK = Counter(GetSecretValue=1, PutItem=1, Query=1, SendTaskSuccess=1, DeleteItem=1)
# Each request is traced; X-Ray's default rule traces one a second and 5 % of the rest.
TRACES = 4
# The types of states that can have a Retry, and the events with which their attempts begin.
ATTEMPTS = {
    "Task": ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled"),
    "Parallel": ("ParallelStateStarted",),
    "Map": ("MapStateStarted",),
}


def approved_run(context: Context, execution: str | None) -> str:
    """Return the ARN of the run to compute from: the given one, or the newest approved one.

    Raises OperatorError if there is none, or the given one was not approved.
    """
    runs, stage = Runs(context), context.stage
    if execution is None:
        newest = next(runs.latest("SUCCEEDED"), None)
        if newest is None:
            raise OperatorError(
                f"Stage {stage.name} has no run that was approved.", f"Make one: {stage.command('smoke')}"
            )
        return newest.arn
    described = runs.describe(execution)
    if described["status"] != "SUCCEEDED":
        raise OperatorError(
            f"{name_of(execution)} is {described['status']}, and cost is computed only from approved runs.",
            f"Give another one ({stage.command('list')}), or leave it out for the newest.",
        )
    return str(described["executionArn"])


def bill_of(context: Context, arn: str) -> Bill:
    """Return the bill of one ended execution."""
    pages = context.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return compute([event for page in pages for event in page["events"]], Meter(context), name_of(arn))


def compute(events: list[Any], meter: Meter, execution: str) -> Bill:
    """Return the bill of one execution, from its history's events and the stage's logs."""
    bill = Bill()
    scheduled = [event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled"]
    transitions, retries = count_transitions(events)
    bill.add(USAGE, "transition", transitions + retries, f"history: {transitions} states entered, {retries} retries")
    http = [json.loads(task["parameters"])["ApiEndpoint"] for task in scheduled if task["resourceType"] == "http"]
    bill.add(USAGE, "http task", len(http), "history")
    _count_functions(bill, events, meter, execution)
    _count_s3(bill, events, scheduled)
    mocks = sum("/mock/" in endpoint for endpoint in http)
    _count_mocks(bill, mocks, meter)
    logged = len(events) * LOG_BYTES_PER_EVENT + 3 * LOG_BYTES_PER_INVOCATION + LOG_BYTES_PER_REQUEST
    bill.add(USAGE, "log gb", Decimal(logged) / GIGABYTE, f"history: {len(events)} events, sizes assumed")
    bill.assumptions.append(
        f"A log holds {LOG_BYTES_PER_EVENT} bytes for each event of the history, {LOG_BYTES_PER_INVOCATION} for an "
        f"invocation, {LOG_BYTES_PER_REQUEST} for a REST request."
    )
    bill.add(USAGE, "trace", TRACES, "upload, execution, callback, status event")
    bill.assumptions.append("Every request is traced; X-Ray's default rule takes one a second and 5 % of the rest.")
    count_standing(bill, meter)
    if meter.is_local:
        bill.assumptions.append(
            "The local cloud's task tokens are short; on AWS a waiting run may take 2 KB, three write units more."
        )
    return bill


def count_transitions(events: Iterable[Any]) -> tuple[int, int]:
    """Return the states entered and the retries: AWS bills both (Step Functions pricing, "including retries")."""
    kinds = Counter(event["type"] for event in events)
    entered = sum(count for kind, count in kinds.items() if kind.endswith("StateEntered"))
    retries = sum(
        max(0, sum(kinds[begun] for begun in attempts) - kinds[f"{state}StateEntered"])
        for state, attempts in ATTEMPTS.items()
    )
    return entered, retries


def write_units(request: Mapping[str, Any]) -> list[int]:
    """Return the write units of each item of a TransactWriteItems: two for each begun KB (DynamoDB developer guide)."""
    changes = [change for action in request["TransactItems"] for change in action.values()]
    return [2 * math.ceil(max(1, item_size(change.get("Item", {}))) / 1024) for change in changes]


def index_writes(request: Mapping[str, Any]) -> int:
    """Return the write units that a TransactWriteItems costs in the index of waiting runs.

    Each item with `startedAt` is one, of one unit: its keys are under a KB (developer guide, "Write capacity" of global
    secondary indexes).
    """
    return sum(
        "startedAt" in change.get("Item", {}) for action in request["TransactItems"] for change in action.values()
    )


def item_size(item: Mapping[str, Any]) -> int:
    """Return the bytes of an item of strings and numbers: names and values in UTF-8 (developer guide, item sizes)."""
    return sum(len(name.encode()) + len(next(iter(value.values())).encode()) for name, value in item.items())


def _count_functions(bill: Bill, events: list[Any], meter: Meter, execution: str) -> None:
    """Count requests, GB-seconds and calls of the three functions, and the workflow's own use of the table."""
    dropped = "versionId" in json.loads(events[0]["executionStartedEventDetails"]["input"])
    trigger = meter.trigger(events[0]["timestamp"]) if dropped else None
    callback = meter.callback(execution, events[-1]["timestamp"])
    status = meter.status(execution, events[-1]["timestamp"])
    basis = "upload, callback, status event" if dropped else "callback, status event"
    bill.add(USAGE, "lambda request", int(dropped) + 2, basis)
    for name, function, found, needed in (
        ("the upload", TRIGGER, trigger, dropped),
        ("the callback", API_HANDLER, callback, True),
        ("the status event", STATUS, status, True),
    ):
        if needed:
            measured = found.milliseconds if found else None
            milliseconds = measured or ASSUMED_MS
            memory = meter.memory_mb(function)
            basis = f"{name}: {milliseconds} ms at {memory} MB, {'its log' if measured else 'assumed'}"
            bill.add(USAGE, "gb-second", milliseconds / 1000 * memory / 1024, basis)
            if not measured:
                bill.assumptions.append(f"The function of {name} runs for {ASSUMED_MS} ms: its log does not say.")
    bill.add(USAGE, "rest request", 1, "the callback")
    calls = callback.calls if callback and callback.calls else USUAL_CALLBACK
    if calls is USUAL_CALLBACK:
        bill.assumptions.append(f"The callback calls {', '.join(USUAL_CALLBACK)}, once each: its log does not say.")
    requests = [
        (task["resource"].partition(".")[0], json.loads(task["parameters"]))
        for task in (event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled")
        if task["resourceType"] == "aws-sdk:dynamodb"
    ]
    transactions = [request for resource, request in requests if resource == "transactWriteItems"]
    written = [write_units(request) for request in transactions]
    indexed = sum(map(index_writes, transactions))
    reads = sum(resource == "getItem" for resource, _ in requests)
    # The callback removes the entry that the run wrote to wait, at half a transaction's price.
    removed = calls["DeleteItem"] * (max(map(max, written)) // 2 if written else 1)
    bill.add(
        USAGE,
        "write unit",
        # An entry enters the index when it is written, and leaves it when it is removed.
        sum(map(sum, written)) + calls["PutItem"] + removed + indexed + (calls["DeleteItem"] if indexed else 0),
        "history and callback; a transaction counts twice, and the index of waiting runs is written as well",
    )
    bill.add(USAGE, "read unit", reads + calls["Query"], "history and callback; a story's entries fit into 4 KB")
    bill.add(USAGE, "secret call", calls["GetSecretValue"], "callback; a warm function keeps the secret for 5 minutes")
    if meter.asks_jira:
        bill.add(USAGE, "secret call", 1, "Jira's credentials, for the status event")
        bill.add(USAGE, "s3 get", 1, "the result, for the status event")
        bill.add(USAGE, "write unit", 2, "what Jira was told: by the sweep, and for the status event")


def _count_s3(bill: Bill, events: list[Any], scheduled: list[Any]) -> None:
    s3 = Counter(task["resource"] for task in scheduled if task["resourceType"] == "aws-sdk:s3")
    uploaded = int("key" in json.loads(events[0]["executionStartedEventDetails"]["input"]))
    bill.add(USAGE, "s3 put", s3["putObject"] + uploaded, "history, and the upload" if uploaded else "history")
    bill.add(USAGE, "s3 get", s3["getObject"], "history")


def _count_mocks(bill: Bill, mocks: int, meter: Meter) -> None:
    """Count the calls of the mock APIs, which real ones will replace."""
    if not mocks:
        return
    bill.add(MOCKS, "rest request", mocks, "history: calls of /mock/…")
    bill.add(MOCKS, "lambda request", 2 * mocks, "authorizer and handler for each")
    memory = Decimal(meter.memory_mb(API_HANDLER) + meter.memory_mb(AUTHORIZER)) / 1024
    bill.add(MOCKS, "gb-second", mocks * ASSUMED_MS / 1000 * memory, f"{ASSUMED_MS} ms each, assumed")
    bill.assumptions.append(f"A mock's handler and its authorizer run for {ASSUMED_MS} ms each.")
