"""What makes moto's DynamoDB slower with every item in a table.

AWS: a Query reads the items of its partition, a transaction those it names, whatever else the table holds (DynamoDB
developer guide, "Querying tables": the partition key decides where DynamoDB looks).
moto 5.2.5 sorts the whole table for every Query of a partition, and copies the whole table for every transaction, so as
to put the copy back should the transaction fail.
"""

import copy
import functools
import threading
from collections.abc import Iterator
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from localcloud.gaps.dynamodb.isolation import lock

_original_query = Table.query
_original_transact = DynamoDBBackend.transact_write_items
_transaction = threading.local()

INDEX_NAME = 7  # where moto's `Table.query` takes it, behind the partition's key


@functools.wraps(_original_query)
def _query(self: Any, hash_key: Any, *range_and_page: Any, **named: Any) -> Any:
    index_name = range_and_page[INDEX_NAME - 1] if len(range_and_page) >= INDEX_NAME else named.get("index_name")
    if index_name or not self.has_range_key:
        return _original_query(self, hash_key, *range_and_page, **named)
    partition: Any = object.__new__(Table)
    partition.__dict__ = {**self.__dict__, "items": {hash_key: self.items.get(hash_key, {})}}
    return _original_query(partition, hash_key, *range_and_page, **named)


@functools.wraps(_original_transact)
def _transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
    with lock:
        before = [(place, key, copy.deepcopy(place.get(key))) for place, key in _places(self, transact_items)]
        _transaction.runs = True
        try:
            _original_transact(self, transact_items)
        except BaseException:
            for place, key, item in before:
                if item is None:
                    place.pop(key, None)
                else:
                    place[key] = item
            raise
        finally:
            _transaction.runs = False


def _places(backend: Any, transact_items: list[dict[str, Any]]) -> Iterator[tuple[Any, DynamoType]]:
    """Where each item of a transaction lies: a dict of moto's, and the key in it."""
    for operation in transact_items:
        for details in operation.values():
            table = backend.tables.get(details.get("TableName"))
            key = details.get("Item") or details.get("Key") or {}
            if table is None or table.hash_key_attr not in key:
                continue  # moto refuses it
            hash_key = DynamoType(key[table.hash_key_attr])
            if not table.has_range_key:
                yield table.items, hash_key
            elif table.range_key_attr in key:
                yield table.items[hash_key], DynamoType(key[table.range_key_attr])


def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    if getattr(_transaction, "runs", False):
        return self  # what it is copied for is done above
    copied: Any = object.__new__(Table)
    memo[id(self)] = copied
    copied.__dict__ = copy.deepcopy(self.__dict__, memo)
    return copied


def fill() -> None:
    """Have moto look only at the items that are asked for."""
    Table.query = _query
    Table.__deepcopy__ = _deepcopy
    DynamoDBBackend.transact_write_items = _transact_write_items
