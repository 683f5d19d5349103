"""The cost of a call does not grow with the data in the local cloud."""

import inspect
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import eventually

OTHERS = 50


@pytest.fixture
def table(cloud: LocalCloud) -> Iterator[Any]:
    """A table with a partition of two items, among many others."""
    client = cloud.client("dynamodb")
    client.create_table(
        TableName="big",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "pr"],
    )
    for partition in (*map(str, range(OTHERS)), "mine"):
        client.put_item(TableName="big", Item=item(partition, "b"))
    client.put_item(TableName="big", Item=item("mine", "a"))
    yield client
    client.delete_table(TableName="big")


def item(partition: str, entry: str, **more: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in {"p": partition, "r": entry, **more}.items()}


def mine(client: Any) -> list[dict[str, Any]]:
    values = {":p": {"S": "mine"}}
    found = client.query(TableName="big", KeyConditionExpression="p = :p", ExpressionAttributeValues=values)
    items: list[dict[str, Any]] = found["Items"]
    return items


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> Counter[str]:
    """Count the calls of a method of moto's from here on."""
    calls, original = Counter[str](), getattr(owner, name)

    def call(*arguments: Any) -> Any:
        calls[name] += 1
        return original(*arguments)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_a_query_looks_at_its_own_partition_alone(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = counted(monkeypatch, DynamoType, "__lt__")
    assert mine(table) == [item("mine", "a"), item("mine", "b")]
    assert compared.total() < OTHERS


def test_a_query_of_a_partition_that_is_not_there_finds_nothing_and_leaves_nothing(table: Any) -> None:
    values = {":p": {"S": "nobody"}}
    query = {"TableName": "big", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": values}
    assert table.query(**query)["Count"] == 0
    assert table.scan(TableName="big")["Count"] == OTHERS + 2


def test_a_transaction_copies_only_the_items_that_it_names(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = counted(monkeypatch, Item, "__deepcopy__")
    table.transact_write_items(TransactItems=[{"Put": {"TableName": "big", "Item": item("mine", "a", now="new")}}])
    assert mine(table)[0] == item("mine", "a", now="new")
    assert copied.total() < OTHERS


def test_a_transaction_that_fails_takes_back_all_that_it_did(table: Any) -> None:
    before = table.scan(TableName="big")["Items"]
    update = {"UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"S": "1"}}}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        table.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": "big", "Item": item("mine", "new")}},
                {"Update": {"TableName": "big", "Key": item("mine", "a"), **update}},
                {"Delete": {"TableName": "big", "Key": item("mine", "b")}},
                {
                    "ConditionCheck": {
                        "TableName": "big",
                        "Key": item("0", "nothing"),
                        "ConditionExpression": "attribute_exists(p)",
                    }
                },
            ]
        )
    assert table.scan(TableName="big")["Items"] == before


@pytest.fixture
def wait(cloud: LocalCloud, table: Any) -> Callable[[], str]:
    """A function that starts an execution which waits, and returns its task token."""
    item = {"p": {"S": "{% $states.context.Execution.Name %}"}, "r": {"S": "{% $states.context.Task.Token %}"}}
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
        "Arguments": {"TableName": "big", "Item": item},
        "End": True,
    }
    client = cloud.client("stepfunctions")
    machine = client.create_state_machine(
        name="waits",
        definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state}}),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]

    def start() -> str:
        arn = client.start_execution(stateMachineArn=machine)["executionArn"]
        values = {":p": {"S": arn.rsplit(":", 1)[1]}}
        query = {"TableName": "big", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": values}
        (written,) = eventually(lambda: table.query(**query)["Items"])
        return str(written["r"]["S"])

    return start


def test_an_answer_to_a_task_token_looks_at_no_other_execution(wait: Callable[[], str]) -> None:
    backend = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]

    def steps() -> int:
        """Return how many lines of Python run to answer the token of a new execution."""
        token, made, before = wait(), Counter[str](), sys.gettrace()

        def trace(_frame: object, event: str, _argument: object) -> Any:
            made[event] += 1
            return trace

        sys.settrace(trace)
        try:
            backend.send_task_success(token, "{}")
        finally:
            sys.settrace(before)
        return made["line"]

    alone = steps()
    for _ in range(15):
        wait()
    assert steps() < alone + 15


def test_a_table_can_still_be_copied(table: Any) -> None:
    table.create_backup(TableName="big", BackupName="copy")  # moto copies the table
    table.put_item(TableName="big", Item=item("mine", "later"))
    [backup] = table.list_backups(TableName="big")["BackupSummaries"]
    described = table.describe_backup(BackupArn=backup["BackupArn"])["BackupDescription"]
    assert described["SourceTableDetails"]["ItemCount"] == OTHERS + 2


def test_nothing_is_kept_of_what_is_deleted(table: Any) -> None:
    table.delete_item(TableName="big", Key=item("mine", "a"))
    assert not Item.instances_tracked


def test_moto_still_sorts_and_copies_the_whole_table() -> None:
    assert "self.all_items()" in inspect.getsource(inspect.unwrap(Table.query))
    assert "sorted(" in inspect.getsource(Table.all_items)
    assert "copy.deepcopy(" in inspect.getsource(inspect.unwrap(DynamoDBBackend.transact_write_items))
