"""DynamoDB's conditional writes and transactions hold under concurrency."""

import contextlib
import copy
import inspect
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import moto.dynamodb.models as dynamodb_models
import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import DynamoDBBackend

from localcloud.cloud import LocalCloud


@pytest.fixture
def table(cloud: LocalCloud) -> Any:
    client = cloud.client("dynamodb")
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    yield client
    client.delete_table(TableName="t")


def test_of_many_conditional_writes_one_wins(table: Any) -> None:
    def claim(_: int) -> bool:
        with contextlib.suppress(ClientError):
            table.put_item(TableName="t", Item={"id": {"S": "one"}}, ConditionExpression="attribute_not_exists(id)")
            return True
        return False

    with ThreadPoolExecutor(8) as many:
        assert sum(many.map(claim, range(40))) == 1


def test_a_transaction_that_fails_undoes_only_itself(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, written = Event(), Event()

    def deepcopy(value: Any) -> Any:
        """Copy what moto restores later; then wait for another caller's write, which must not happen in between."""
        copied = copy.deepcopy(value)
        begun.set()
        written.wait(0.3)
        return copied

    def fail() -> None:
        put = {"TableName": "t", "Item": {"id": {"S": "undone"}}}
        check = {"TableName": "t", "Key": {"id": {"S": "nothing"}}, "ConditionExpression": "attribute_exists(id)"}
        with pytest.raises(ClientError, match="TransactionCanceled"):
            table.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])

    monkeypatch.setattr(dynamodb_models, "copy", SimpleNamespace(deepcopy=deepcopy, copy=copy.copy))
    with ThreadPoolExecutor(1) as other:
        failing = other.submit(fail)
        assert begun.wait(5)
        table.put_item(TableName="t", Item={"id": {"S": "kept"}})
        written.set()
        failing.result(5)
    assert [item["id"]["S"] for item in table.scan(TableName="t")["Items"]] == ["kept"]


def test_moto_still_takes_no_lock_and_puts_back_the_whole_table() -> None:
    source = inspect.getsource(inspect.unwrap(DynamoDBBackend.transact_write_items))
    assert "original_table_state" in source
    assert "lock" not in source.lower()
