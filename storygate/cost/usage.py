"""What one execution needed of everything that AWS charges for.

The execution's history tells its state transitions, retries and AWS calls; the functions' logs how long they ran and
what they called. Whatever neither tells is assumed, and each assumption is kept to be told.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from storygate.commands.arguments import Place
from storygate.cost.prices import PRICES

USAGE, MOCKS, MONTHLY = "usage", "mocks", "monthly"

ASSUMED_MS = Decimal(100)
LOG_BYTES_PER_EVENT = 600  # a history event in the state machine's log, without execution data
LOG_BYTES_PER_INVOCATION = 900  # START, END, REPORT and the function's own line
LOG_BYTES_PER_REQUEST = 350  # an access log line
# A verdict for one waiting run (chalicelib/verdicts.py), by a function that has just started.
USUAL_CALLBACK = Counter(GetSecretValue=1, PutItem=1, Query=1, SendTaskSuccess=1, DeleteItem=1)
# Each request traced alone; X-Ray's default rule takes one a second and 5 % of the rest.
TRACES = 3
GIGABYTE = 1024**3


@dataclass(frozen=True)
class Line:
    """How much of a priced thing one execution needs, or one month for `MONTHLY`."""

    group: str
    price: str
    quantity: Decimal
    basis: str

    def dollars(self, executions: int, *, free_left: Decimal = Decimal(0)) -> Decimal:
        """The price for so many executions in a month, after `free_left` units."""
        total = self.quantity * (1 if self.group == MONTHLY else executions)
        return max(Decimal(0), total - free_left) * PRICES[self.price].each


@dataclass
class Bill:
    """The lines of an execution and what was assumed to make them."""

    lines: list[Line] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)

    def add(self, group: str, price: str, quantity: int | Decimal, basis: str) -> None:
        """Adds a line; nothing for a quantity of zero."""
        if quantity:
            self.lines.append(Line(group, price, Decimal(quantity), basis))

    def total(self, executions: int, groups: Iterable[str] = (USAGE, MONTHLY), *, free: bool = False) -> Decimal:
        """Dollars a month for so many executions; `free` takes off what is always free."""
        groups = tuple(groups)
        left = {name: price.free if free else Decimal(0) for name, price in PRICES.items()}
        total = Decimal(0)
        for line in (line for line in self.lines if line.group in groups):
            total += line.dollars(executions, free_left=left[line.price])
            used = line.quantity * (1 if line.group == MONTHLY else executions)
            left[line.price] = max(Decimal(0), left[line.price] - used)
        return total


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function as its log tells it; `calls` are the AWS calls that its own line names."""

    milliseconds: Decimal
    calls: Counter[str] = field(default_factory=Counter)


def compute(events: list[Any], deployed: "Deployed", execution: str) -> Bill:
    """The bill of one execution, by its history's events and what the stage's logs say of it."""
    bill = Bill()
    scheduled = [event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled"]
    transitions, retries = count_transitions(events)
    bill.add(USAGE, "transition", transitions + retries, f"history: {transitions} states entered, {retries} retries")
    http = [json.loads(task["parameters"])["ApiEndpoint"] for task in scheduled if task["resourceType"] == "http"]
    bill.add(USAGE, "http task", len(http), "history")
    _count_functions(bill, events, deployed, execution)
    _count_s3(bill, events, scheduled)
    mocks = sum("/mock/" in endpoint for endpoint in http)
    _count_mocks(bill, mocks, deployed)
    logged = len(events) * LOG_BYTES_PER_EVENT + 2 * LOG_BYTES_PER_INVOCATION + LOG_BYTES_PER_REQUEST
    bill.add(USAGE, "log gb", Decimal(logged) / GIGABYTE, f"history: {len(events)} events, sizes assumed")
    bill.assumptions.append(
        f"A log holds {LOG_BYTES_PER_EVENT} bytes for each event of the history, {LOG_BYTES_PER_INVOCATION} for an "
        f"invocation, {LOG_BYTES_PER_REQUEST} for a REST request."
    )
    bill.add(USAGE, "trace", TRACES, "upload, execution, callback")
    bill.assumptions.append("Every request is traced; X-Ray's default rule takes one a second and 5 % of the rest.")
    for price, quantity in deployed.monthly().items():
        bill.add(MONTHLY, price, quantity, "one for the stage" if price == "secret" else "the stage's stack")
    if deployed.is_local:
        bill.assumptions.append(
            "The local cloud's task tokens are short; on AWS a waiting run may take 2 KB, three write units more."
        )
    return bill


def count_transitions(events: Iterable[Any]) -> tuple[int, int]:
    """States entered, and attempts beyond the first: AWS bills both (Step Functions pricing, "including retries")."""
    entered = attempts = tasks = 0
    for event in events:
        entered += event["type"].endswith("StateEntered")
        tasks += event["type"] == "TaskStateEntered"
        attempts += event["type"] == "TaskScheduled"
    return entered, max(0, attempts - tasks)


def write_units(request: Mapping[str, Any]) -> list[int]:
    """Write units of each item of a TransactWriteItems: two for each begun KB (DynamoDB developer guide)."""
    changes = [change for action in request["TransactItems"] for change in action.values()]
    return [2 * math.ceil(max(1, item_size(change.get("Item", {}))) / 1024) for change in changes]


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes of an item of strings and numbers: names and values in UTF-8 (developer guide, item sizes)."""
    return sum(len(name.encode()) + len(next(iter(value.values())).encode()) for name, value in item.items())


def _count_functions(bill: Bill, events: list[Any], deployed: "Deployed", execution: str) -> None:
    """Trigger and callback: requests, GB-seconds and what they call, with the workflow's own use of the table."""
    dropped = "versionId" in json.loads(events[0]["executionStartedEventDetails"]["input"])
    trigger = deployed.trigger(events[0]["timestamp"]) if dropped else None
    callback = deployed.callback(execution, events[-1]["timestamp"])
    bill.add(USAGE, "lambda request", int(dropped) + 1, "one for the upload, one for the callback")
    for name, function, found, needed in (
        ("the upload", "start_execution", trigger, dropped),
        ("the callback", "api_handler", callback, True),
    ):
        if needed:
            milliseconds = found.milliseconds if found else ASSUMED_MS
            memory = deployed.memory_mb(function)
            basis = f"{name}: {milliseconds} ms at {memory} MB, {'its log' if found else 'assumed'}"
            bill.add(USAGE, "gb-second", milliseconds / 1000 * memory / 1024, basis)
            if not found:
                bill.assumptions.append(f"The function of {name} runs for {ASSUMED_MS} ms: its log does not tell.")
    bill.add(USAGE, "rest request", 1, "the callback")
    calls = callback.calls if callback and callback.calls else USUAL_CALLBACK
    if calls is USUAL_CALLBACK:
        bill.assumptions.append(f"The callback calls {', '.join(USUAL_CALLBACK)}, once each: its log does not tell.")
    requests = [
        (task["resource"].partition(".")[0], json.loads(task["parameters"]))
        for task in (event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled")
        if task["resourceType"] == "aws-sdk:dynamodb"
    ]
    written = [write_units(request) for resource, request in requests if resource == "transactWriteItems"]
    reads = sum(resource == "getItem" for resource, _ in requests)
    # What the callback removes is what the run wrote to wait, at half a transaction's price.
    removed = calls["DeleteItem"] * (max(map(max, written)) // 2 if written else 1)
    told = "history and callback; a transaction counts twice"
    bill.add(USAGE, "write unit", sum(map(sum, written)) + calls["PutItem"] + removed, told)
    told = "history and callback; a story's entries fit into 4 KB"
    bill.add(USAGE, "read unit", reads + calls["Query"], told)
    bill.add(USAGE, "secret call", calls["GetSecretValue"], "callback; a warm function keeps the secret for 5 minutes")


def _count_s3(bill: Bill, events: list[Any], scheduled: list[Any]) -> None:
    s3 = Counter(task["resource"] for task in scheduled if task["resourceType"] == "aws-sdk:s3")
    uploaded = int("key" in json.loads(events[0]["executionStartedEventDetails"]["input"]))
    bill.add(USAGE, "s3 put", s3["putObject"] + uploaded, "history, and the upload" if uploaded else "history")
    bill.add(USAGE, "s3 get", s3["getObject"], "history")


def _count_mocks(bill: Bill, mocks: int, deployed: "Deployed") -> None:
    """What the mock APIs cost, until real ones stand in their place."""
    if not mocks:
        return
    bill.add(MOCKS, "rest request", mocks, "history: calls of /mock/…")
    bill.add(MOCKS, "lambda request", 2 * mocks, "authorizer and handler for each")
    memory = Decimal(deployed.memory_mb("api_handler") + deployed.memory_mb("api_token_authorizer")) / 1024
    bill.add(MOCKS, "gb-second", mocks * ASSUMED_MS / 1000 * memory, f"{ASSUMED_MS} ms each, assumed")
    bill.assumptions.append(
        f"A mock's handler and its authorizer run for {ASSUMED_MS} ms each; API Gateway's 5 minutes of caching are not "
        "taken off."
    )


class Deployed:
    """What a stage's functions, logs and stack tell beyond an execution's history."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lambda, self._logs = place.aws.client("lambda"), place.aws.client("logs")

    @property
    def is_local(self) -> bool:
        """Whether this is not AWS itself."""
        return self._place.aws.endpoint_url is not None

    def memory_mb(self, function: str) -> int:
        """The memory of a function of app.py."""
        name = self._place.stage.lambda_names[function]
        return int(self._lambda.get_function_configuration(FunctionName=name)["MemorySize"])

    def trigger(self, started: datetime) -> Invocation | None:
        """The invocation that started an execution: the first to report after it. None if no log tells."""
        group = f"/aws/lambda/{self._place.stage.lambda_names['start_execution']}"
        return _report(self._events(group, started - timedelta(seconds=1), timedelta(minutes=1)))

    def callback(self, execution: str, ended: datetime) -> Invocation | None:
        """The invocation whose log line says that it resumed the execution. None if no log tells."""
        group = f"/aws/lambda/{self._place.stage.lambda_names['api_handler']}"
        events = list(self._events(group, ended - timedelta(minutes=1), timedelta(minutes=2)))
        for number, event in enumerate(events):
            line = _json_line(event["message"])
            if line.get("log") == "callback" and execution in line.get("resumed", []):
                after = (other for other in events[number:] if other["logStreamName"] == event["logStreamName"])
                reported = _report(after)
                calls = Counter(call.partition(" ")[0] for call in line.get("aws", []))
                return Invocation(reported.milliseconds if reported else ASSUMED_MS, calls)
        return None

    def monthly(self) -> dict[str, int]:
        """What costs by the month."""
        paginator = self._place.aws.client("cloudformation").get_paginator("list_stack_resources")
        kinds = Counter(
            resource["ResourceType"]
            for page in paginator.paginate(StackName=self._place.stage.workflow_stack)
            for resource in page["StackResourceSummaries"]
        )
        return {
            "secret": 1,
            "alarm": kinds["AWS::CloudWatch::Alarm"],
            "dashboard": kinds["AWS::CloudWatch::Dashboard"],
        }

    def _events(self, group: str, start: datetime, span: timedelta) -> Iterator[Any]:
        """A log group's events of some time, oldest first; none for a group that is not there or not ours to read."""
        times = {"startTime": int(start.timestamp() * 1000), "endTime": int((start + span).timestamp() * 1000)}
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group, **times)
            yield from sorted(
                (event for page in pages for event in page["events"]), key=lambda event: event["timestamp"]
            )
        except ClientError:
            return


def _report(events: Iterable[Any]) -> Invocation | None:
    """The first REPORT line; what is billed is in it on AWS, else the duration (Lambda developer guide, logs)."""
    for event in events:
        if event["message"].startswith("REPORT "):
            found = re.search(r"Billed Duration: ([\d.]+) ms", event["message"])
            found = found or re.search(r"Duration: ([\d.]+) ms", event["message"])
            if found:
                return Invocation(Decimal(math.ceil(Decimal(found.group(1)))))
    return None


def _json_line(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
