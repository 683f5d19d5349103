"""The decision table on Amazon's own DynamoDB, in Java: its unit tests, the wait's transaction, the index, and threads.

Elsewhere moto imitates DynamoDB.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.verdicts import Verdict, VerdictTable
from tests.chalicelib import test_former_keys, test_verdict_table
from tests.chalicelib.fakes import Hooked, StepFunctions, exceptions
from tests.decision_table import make_table
from tests.engines import dynamodb_local
from tests.statemachine.machine import PLACEHOLDERS, play

TABLE = PLACEHOLDERS["Table"]
EARLY, AT = "2026-03-01T11:00:00.000Z", "2026-03-01T13:00:00.000Z"  # the run counts verdicts from twelve
APPROVED = Verdict("approved", AT, AT)

# Each unit test of the decision table, with the fixtures of the first file and the `dynamodb` of this one.
slept, table = test_verdict_table.slept, test_verdict_table.table
for _module in (test_verdict_table, test_former_keys):
    globals().update({name: member for name, member in vars(_module).items() if name.startswith("test_")})


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a DynamoDB Local that has just started."""
    with dynamodb_local() as port:
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(max_pool_connections=32, retries={"total_max_attempts": 1}),
        )
        client._exceptions = exceptions("dynamodb")  # each session has classes of its own; the unit tests raise these
        yield client


def _made(client: Any, name: str) -> None:
    """Make the table as the stack does, or empty it."""
    if name in client.list_tables()["TableNames"]:
        for item in client.scan(TableName=name)["Items"]:
            client.delete_item(TableName=name, Key={key: item[key] for key in ("story", "entry")})
        return
    make_table(client, name)


@pytest.fixture
def dynamodb(client: Any) -> Hooked:
    """The decision table's client, as the unit tests take it."""
    _made(client, "verdicts")
    return Hooked(client)


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The call by which the workflow's state WaitForStory writes its entry."""
    (arguments,) = play().made_by("WaitForStory")
    assert isinstance(arguments, dict)
    return arguments


def waits(client: Any, written: dict[str, Any], story: str, run: str) -> None:
    """Write a run's entry as the workflow does. Raises TransactionCanceledException if a verdict counts for it."""
    arguments = json.loads(json.dumps(written).replace("PROJ-1", story))
    check, put = (change for action in arguments["TransactItems"] for change in action.values())
    assert check["Key"]["story"] == put["Item"]["story"] == {"S": story}
    put["Item"] |= {"entry": {"S": f"WAIT#{run}"}, "taskToken": {"S": f"token of {run}"}}
    client.transact_write_items(**(arguments | {"ClientRequestToken": str(uuid.uuid4())}))


def stored(client: Any, verdict: Verdict, story: str = "P-1") -> None:
    VerdictTable(client, TABLE, StepFunctions()).deliver(story, verdict)


@pytest.mark.parametrize(
    ("verdict", "refused"),
    [
        (None, False),
        (APPROVED, True),
        (Verdict("rejected", AT, AT), True),
        (Verdict("pending", AT, AT), False),
        (Verdict("approved", EARLY, EARLY), False),
    ],
)
def test_the_waits_transaction_is_refused_by_a_verdict_that_counts_and_by_no_other(
    client: Any, written: dict[str, Any], verdict: Verdict | None, refused: bool
) -> None:
    _made(client, TABLE)
    if verdict:
        stored(client, verdict)
    reasons = []
    try:
        waits(client, written, "P-1", "run")
    except client.exceptions.TransactionCanceledException as cancelled:
        reasons = [reason["Code"] for reason in cancelled.response["CancellationReasons"]]
    assert reasons == (["ConditionalCheckFailed", "None"] if refused else [])


def test_the_index_holds_the_runs_that_wait_and_nothing_else_by_their_keys_alone(
    client: Any, written: dict[str, Any]
) -> None:
    _made(client, TABLE)
    for story in ("P-1", "P-2"):
        waits(client, written, story, f"run of {story}")
    stored(client, Verdict("pending", AT, AT), "P-3")
    client.put_item(TableName=TABLE, Item={"story": {"S": "P-3"}, "entry": {"S": "MOVED#OLD-1"}})
    found = client.scan(TableName=TABLE, IndexName="waiting")["Items"]
    assert {item["entry"]["S"] for item in found} == {"WAIT#run of P-1", "WAIT#run of P-2"}
    assert {frozenset(item) for item in found} == {frozenset({"story", "entry", "startedAt"})}


class Answers(StepFunctions):
    """Step Functions whose tasks are waited for by threads; a token takes one answer."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def send_task_success(self, *, taskToken: Any, output: Any) -> None:
        with self._changed:
            if taskToken in self.sent:
                self.over[taskToken] = "TaskTimedOut"
            super().send_task_success(taskToken=taskToken, output=output)
            self._changed.notify_all()

    def awaited(self, token: str) -> Any:
        with self._changed:
            assert self._changed.wait_for(lambda: token in self.sent, timeout=60), f"{token} got no verdict"
            return self.sent[token]["decision"]


def test_of_runs_and_callbacks_in_threads_each_run_gets_the_verdict_once(client: Any, written: dict[str, Any]) -> None:
    _made(client, TABLE)
    machine, stories = Answers(), [f"RACE-{number}" for number in range(1, 9)]
    barrier = threading.Barrier(6)

    def run(story: str, name: str) -> str:
        barrier.wait(60)
        try:
            waits(client, written, story, name)
        except client.exceptions.TransactionCanceledException:
            key = {"story": {"S": story}, "entry": {"S": "STORY"}}
            return str(client.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"]["decision"]["S"])
        return str(machine.awaited(f"token of {name}"))

    def callback(story: str, _: str) -> str:
        barrier.wait(60)
        VerdictTable(client, TABLE, machine).deliver(story, APPROVED)
        return "approved"

    sides: list[Callable[[str, str], str]] = [run, run, run, run, callback, callback]
    with ThreadPoolExecutor(len(sides)) as pool:
        for story in stories:  # all of a story at the same instant
            ended = [pool.submit(side, story, f"{story}-{n}") for n, side in enumerate(sides)]
            assert [future.result(90) for future in ended] == ["approved"] * len(sides)
    assert client.scan(TableName=TABLE, IndexName="waiting")["Items"] == []
    answered = [arguments["taskToken"] for _, arguments in machine.calls]
    assert len(answered) == len(set(answered))
