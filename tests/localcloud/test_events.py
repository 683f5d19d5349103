"""EventBridge: schedules fire, and events reach the functions and queues of the rules that match them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloudError
from localcloud.cloud import LocalCloud
from localcloud.schedules import Schedules
from tests.localcloud.conftest import Bare, create_function, eventually

NOTE = """
import json, os
def handler(event, context):
    import boto3
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:notes"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:events"


class Queue:
    """The queue that the function `notes` sends its events to; rules can have it as their target, too."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._client = cloud.client("sqs")
        self.url = self._client.create_queue(QueueName="events")["QueueUrl"]

    def next(self) -> Any:
        message = eventually(lambda: self._client.receive_message(QueueUrl=self.url).get("Messages"))[0]
        self._client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    def is_empty(self) -> bool:
        return "Messages" not in self._client.receive_message(QueueUrl=self.url)


@pytest.fixture(scope="module")
def queue(cloud: LocalCloud) -> Queue:
    queue = Queue(cloud)
    create_function(cloud, "notes", NOTE, Environment={"Variables": {"QUEUE": queue.url}})
    return queue


@pytest.fixture
def rule(cloud: LocalCloud) -> Iterator[Callable[..., str]]:
    """A function that puts a rule with targets and returns its ARN. The rules are deleted after the test."""
    client, targets_of = cloud.client("events"), {}

    def put(name: str, *targets: str, **settings: Any) -> str:
        arn: str = client.put_rule(Name=name, **settings)["RuleArn"]
        targets_of[name] = [str(number) for number, _ in enumerate(targets)]
        if targets:
            described = [{"Id": str(number), "Arn": target} for number, target in enumerate(targets)]
            client.put_targets(Rule=name, Targets=described)
        return arn

    yield put
    for name, ids in targets_of.items():
        if ids:
            client.remove_targets(Rule=name, Ids=ids)
        client.delete_rule(Name=name)


class Clock:
    """A clock that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_schedule_begins_when_it_is_made_and_fires_at_its_rate(cloud: LocalCloud, rule: Callable[..., str]) -> None:
    clock, events = Clock(), cloud.client("events")
    schedules = Schedules(clock)
    rule("five", ScheduleExpression="rate(5 minutes)")
    fired = []
    for seconds in (0, 299, 300, 301, 599, 600, 3600, 3601):
        clock.seconds = seconds
        fired.append(schedules.tick())
    assert fired == [[], [], ["five"], [], [], ["five"], ["five"], []]  # once for all that was missed
    events.disable_rule(Name="five")
    clock.seconds = 7200
    assert schedules.tick() == []
    events.enable_rule(Name="five")
    assert schedules.tick() == []
    clock.seconds = 7500
    assert schedules.tick() == ["five"]


def test_a_schedule_invokes_its_function_with_the_event_that_aws_documents(
    cloud: LocalCloud, queue: Queue, rule: Callable[..., str]
) -> None:
    arn = rule("hourly", FUNCTION, ScheduleExpression="rate(1 hour)")
    cloud.schedules.fire("hourly")
    event = queue.next()
    assert len(event.pop("id")) == 36
    assert len(event.pop("time")) == len("2026-01-01T00:00:00Z")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "region": "us-east-1",
        "resources": [arn],
        "detail": {},
    }


def test_a_schedule_without_targets_reaches_nobody_and_one_that_is_not_there_is_named(
    cloud: LocalCloud, queue: Queue, rule: Callable[..., str]
) -> None:
    rule("idle", ScheduleExpression="rate(1 day)")
    cloud.schedules.fire("idle")
    assert queue.is_empty()
    with pytest.raises(LocalCloudError, match="'nothing'"):
        cloud.schedules.fire("nothing")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"source": ["ours"]}, True),
        ({"source": ["theirs"]}, False),
        ({"source": ["ours"], "detail": {"status": ["FAILED", "TIMED_OUT"]}}, True),
        ({"source": ["ours"], "detail": {"status": [{"anything-but": "RUNNING"}]}}, True),
        ({"source": ["ours"], "detail": {"status": [{"anything-but": ["FAILED"]}]}}, False),
        ({"source": ["ours"], "detail": {"machineArn": [{"suffix": ":stateMachine:one"}]}}, True),
        ({"source": ["ours"], "detail": {"machineArn": [{"suffix": ":stateMachine:two"}]}}, False),
    ],
)
def test_a_rule_delivers_what_its_pattern_matches(
    cloud: LocalCloud, queue: Queue, rule: Callable[..., str], pattern: dict[str, Any], matches: bool
) -> None:
    rule("matching", QUEUE, EventPattern=json.dumps(pattern))
    _put(cloud, {"status": "FAILED", "machineArn": "arn:aws:states:us-east-1:1:stateMachine:one"})
    assert queue.is_empty() is not matches


def test_an_event_reaches_functions_and_queues_whole_and_not_by_schedules_or_disabled_rules(
    cloud: LocalCloud, queue: Queue, rule: Callable[..., str]
) -> None:
    everything = json.dumps({"source": [{"prefix": ""}]})
    rule("scheduled", QUEUE, ScheduleExpression="rate(1 day)")
    rule("disabled", QUEUE, EventPattern=everything, State="DISABLED")
    rule("enabled", FUNCTION, QUEUE, EventPattern=everything)
    _put(cloud, {"n": 1})
    first, second = queue.next(), queue.next()
    assert first == second
    assert {first["source"], first["detail-type"], first["account"], first["region"]} == {
        "ours",
        "Something",
        ACCOUNT,
        "us-east-1",
    }
    assert first["detail"] == {"n": 1}
    assert queue.is_empty()


def test_moto_still_delivers_to_no_function(bare_moto: Bare) -> None:
    events = bare_moto.client("events")
    events.put_rule(Name="any", EventPattern=json.dumps({"source": ["ours"]}))
    events.put_targets(Rule="any", Targets=[{"Id": "1", "Arn": FUNCTION}])
    with pytest.raises(ClientError):
        _put(bare_moto, {})
    events.remove_targets(Rule="any", Ids=["1"])
    events.delete_rule(Name="any")


def _put(cloud: Any, detail: dict[str, Any]) -> None:
    entry = {"Source": "ours", "DetailType": "Something", "Detail": json.dumps(detail)}
    cloud.client("events").put_events(Entries=[entry])
