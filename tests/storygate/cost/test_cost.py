"""What executions cost, from histories made for the purpose; a real one is in tests/e2e/test_cost_of_a_run.py."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from storygate.cost.bill import MOCKS, MONTHLY, USAGE, Bill
from storygate.cost.meter import Invocation, Meter
from storygate.cost.prices import PRICES
from storygate.cost.usage import compute, count_transitions, write_units
from storygate.stage.aws import Aws
from storygate.stage.context import Context

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DROPPED = {"bucket": "b", "key": "inputs/x.json", "versionId": "1"}


@dataclass
class Read(Meter):
    """What logs and stack of a stage tell."""

    started: Invocation | None = None
    called_back: Invocation | None = None
    is_local: bool = False
    counted: Invocation | None = None
    swept: Invocation | None = None
    asks_jira: bool = False
    monthly_things: dict[str, int] = field(default_factory=lambda: {"alarm": 0, "dashboard": 0})

    def memory_mb(self, _function: str) -> int:
        return 256

    def trigger(self, _started: datetime) -> Invocation | None:
        return self.started

    def callback(self, _execution: str, _ended: datetime) -> Invocation | None:
        return self.called_back

    def status(self, _execution: str, _ended: datetime) -> Invocation | None:
        return self.counted

    def sweep(self) -> Invocation | None:
        return self.swept

    def monthly(self) -> dict[str, int]:
        return self.monthly_things


def task(state: str, kind: str, resource: str, parameters: dict[str, Any], attempts: int = 1) -> list[dict[str, Any]]:
    scheduled = {"resourceType": kind, "resource": resource, "parameters": json.dumps(parameters)}
    entered: dict[str, Any] = {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": state}}
    return [entered, *[{"type": "TaskScheduled", "taskScheduledEventDetails": scheduled}] * attempts]


def history(*tasks: list[dict[str, Any]], given: dict[str, Any] = DROPPED) -> list[Any]:
    started = {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": json.dumps(given)}}
    events: list[dict[str, Any]] = [
        started,
        {"type": "ChoiceStateEntered"},
        *[event for part in tasks for event in part],
    ]
    return [{"id": number, "timestamp": NOW, **event} for number, event in enumerate(events, 1)]


def quantities(bill: Bill, group: str = USAGE) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in bill.lines:
        if line.group == group:
            found[line.price] += line.quantity  # type: ignore[assignment]
    return found


def wait(token: str) -> list[dict[str, Any]]:
    check = {"ConditionCheck": {"TableName": "t", "Key": {}}}
    item = {"taskToken": {"S": token}, "expiresAt": {"N": "1"}, "startedAt": {"S": "2026-01-01T00:00:00.000Z"}}
    put = {"Put": {"TableName": "t", "Item": item}}
    return task("Wait", "aws-sdk:dynamodb", "transactWriteItems.waitForTaskToken", {"TransactItems": [check, put]})


def test_each_state_entered_and_each_retry_is_a_transition() -> None:
    call = task("Call", "http", "invoke", {"ApiEndpoint": "https://api.example.com"}, attempts=3)
    assert count_transitions(history(call, call)) == (3, 4)
    assert quantities(compute(history(call, call), Read(), "run"))["transition"] == 7


@pytest.mark.parametrize(
    ("state", "attempt"),
    [("Task", "LambdaFunctionScheduled"), ("Parallel", "ParallelStateStarted"), ("Map", "MapStateStarted")],
)
def test_retries_of_every_state_that_can_have_a_retry_are_counted(state: str, attempt: str) -> None:
    events = [{"type": f"{state}StateEntered"}, *[{"type": attempt}] * 3, {"type": f"{state}StateExited"}]
    assert count_transitions(events) == (1, 2)


@pytest.mark.parametrize(("token", "units"), [("t" * 100, [2, 2]), ("t" * 1500, [2, 4])])
def test_a_transaction_counts_twice_for_each_begun_kilobyte_of_an_item(token: str, units: list[int]) -> None:
    request = json.loads(wait(token)[1]["taskScheduledEventDetails"]["parameters"])
    assert write_units(request) == units
    # What the callback removes is as large as what the run wrote, at the price of a plain write; the index of waiting
    # runs is written when the entry comes and when it goes.
    assert quantities(compute(history(wait(token)), Read(), "run"))["write unit"] == sum(units) + 1 + units[1] // 2 + 2


def test_durations_and_calls_come_from_the_log_if_it_has_them() -> None:
    callback = Invocation(Decimal(40), Counter(PutItem=1, Query=2, DeleteItem=1))
    status, swept = Invocation(Decimal(20)), Invocation(Decimal(50))
    bill = compute(history(wait("t")), Read(Invocation(Decimal(60)), callback, False, status, swept), "run")
    assert quantities(bill)["gb-second"] == Decimal("0.12") / 4
    assert quantities(bill, MONTHLY)["gb-second"] == 8640 * Decimal("0.05") / 4
    assert quantities(bill)["read unit"] == 2
    assert quantities(bill)["secret call"] == 0
    assert not [text for text in bill.assumptions if "its log does not say" in text]


def test_a_callback_whose_duration_the_log_lacks_is_priced_by_its_calls_and_an_assumed_time() -> None:
    callback = Invocation(None, Counter(PutItem=1, Query=3))
    bill = compute(history(wait("t")), Read(Invocation(Decimal(60)), callback), "run")
    assert quantities(bill)["read unit"] == 3
    assert [text for text in bill.assumptions if "callback" in text and "its log does not say" in text]


def test_what_no_log_says_is_an_assumption_of_the_bill() -> None:
    bill = compute(history(wait("t")), Read(is_local=True), "run")
    assert quantities(bill)["gb-second"] == Decimal("0.3") / 4
    assert len([text for text in bill.assumptions if "its log does not say" in text]) == 4
    assert [text for text in bill.assumptions if "local cloud's task tokens" in text]


def test_a_run_that_no_upload_started_has_no_trigger_and_no_upload() -> None:
    bill = compute(history(given={"jiraStoryId": "PROJ-1", "packageIds": ["p"]}), Read(), "run")
    assert quantities(bill)["lambda request"] == 2
    assert quantities(bill)["s3 put"] == 0


def test_a_stage_that_asks_jira_has_a_second_secret_and_tells_jira_of_each_run() -> None:
    with_jira, without = (compute(history(), Read(asks_jira=asks), "run") for asks in (True, False))
    assert quantities(with_jira, MONTHLY) - quantities(without, MONTHLY) == Counter(secret=1)
    assert quantities(with_jira) - quantities(without) == Counter({"secret call": 1, "s3 get": 1, "write unit": 2})


def test_mocks_are_counted_apart_and_real_apis_not_at_all() -> None:
    mock = task(
        "A", "http", "invoke", {"ApiEndpoint": "https://x.execute-api.eu-west-1.amazonaws.com/api/mock/validation"}
    )
    real = task("B", "http", "invoke", {"ApiEndpoint": "https://api.example.com/deploy"})
    bill = compute(history(mock, real), Read(), "run")
    assert quantities(bill)["http task"] == 2
    assert quantities(bill)["rest request"] == 1
    assert quantities(bill, MOCKS)["rest request"] == 1
    assert quantities(bill, MOCKS)["lambda request"] == 2


def test_the_total_is_use_times_executions_and_what_is_paid_by_the_month() -> None:
    bill = Bill()
    bill.add(USAGE, "transition", 11, "")
    bill.add(MOCKS, "rest request", 3, "")
    bill.add(MONTHLY, "secret", 1, "")
    assert bill.total(1000) == Decimal("0.275") + Decimal("0.40")
    assert bill.total(1000, [MOCKS]) == Decimal("0.0105")


def test_what_is_free_for_ever_is_taken_off_once_for_all_lines_of_a_price() -> None:
    bill = Bill()
    bill.add(USAGE, "transition", 3, "")
    bill.add(USAGE, "transition", 2, "")
    bill.add(MONTHLY, "alarm", 9, "")
    assert bill.total(1000, free=True) == (5000 - 4000) * PRICES["transition"].each
    assert bill.total(100, free=True) == 0


def test_each_price_names_its_source_and_whether_it_is_second_hand() -> None:
    assert all(price.source and price.dollars >= 0 for price in PRICES.values())
    assert PRICES["transition"].each == Decimal("0.000025")
    assert PRICES["transition"].text == "$25.00 per 1M"
    assert {name for name, price in PRICES.items() if price.second_hand} > {"s3 put", "alarm", "gb-second"}


@pytest.fixture
def meter(context: Context) -> Meter:
    context.client("logs").create_log_group(logGroupName="/aws/lambda/storygate-dev")
    return Meter(context)


def write_log(aws: Aws, stream: str, *lines: str, group: str = "/aws/lambda/storygate-dev") -> None:
    logs = aws.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    events = [{"timestamp": milliseconds + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_the_callback_is_found_by_its_own_log_line_and_the_report_after_it(meter: Meter, aws: Aws) -> None:
    line = json.dumps({"log": "callback", "resumed": ["run-1"], "aws": ["PutItem 12", "Query 7", "DeleteItem 3"]})
    report = "REPORT RequestId: 1\tDuration: 80.20 ms\tBilled Duration: 81 ms\tMemory Size: 256 MB"
    write_log(aws, "other", "START RequestId: 0", '"not JSON', "REPORT RequestId: 0\tDuration: 5.00 ms")
    write_log(aws, "own", "START RequestId: 1", line, "END RequestId: 1", report)
    found = meter.callback("run-1", datetime.now(UTC))
    assert found == Invocation(Decimal(81), Counter(PutItem=1, Query=1, DeleteItem=1))
    assert meter.callback("run-2", datetime.now(UTC)) is None


def test_the_status_event_is_found_by_the_line_that_counts_the_run(meter: Meter, aws: Aws) -> None:
    for name in ("run_status", "sweep"):
        aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/storygate-dev-{name}")
    lines = [json.dumps({"log": "end", "execution": name}) for name in ("run-0", "run-1")]
    write_log(
        aws, "a", lines[0], "REPORT RequestId: 0\tDuration: 5.00 ms", group="/aws/lambda/storygate-dev-run_status"
    )
    write_log(
        aws, "b", lines[1], "REPORT RequestId: 1\tDuration: 7.00 ms", group="/aws/lambda/storygate-dev-run_status"
    )
    assert meter.status("run-1", datetime.now(UTC) - timedelta(seconds=1)) == Invocation(Decimal(7))
    assert meter.sweep() is None


def test_a_missing_log_gives_no_invocation(meter: Meter) -> None:
    assert meter.trigger(datetime.now(UTC) - timedelta(minutes=1)) is None
