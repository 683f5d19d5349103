"""DynamoDB touches only the items that a call is about.

AWS: a Query reads the items of its partition, a transaction those it names, whatever else the table holds (DynamoDB
developer guide, "Querying tables": the partition key decides where DynamoDB looks).
moto 5.2.5 sorts the whole table for every Query of a partition, and copies the whole table for every transaction, to
restore the copy if the transaction fails.
Here a Query sorts its partition, and a transaction copies the items that it names. `isolation` adds the lock.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from localcloud.gaps.patching import Gap

INDEX_NAME = 7  # its position in the arguments of moto's `Table.query`, the partition's key being the first

gap = Gap()

_transaction = threading.local()


@gap.wraps(Table, "query")
def _query(original: Callable[..., Any], self: Any, hash_key: Any, *range_and_page: Any, **named: Any) -> Any:
    index_name = range_and_page[INDEX_NAME - 1] if len(range_and_page) >= INDEX_NAME else named.get("index_name")
    if index_name or not self.has_range_key:
        return original(self, hash_key, *range_and_page, **named)
    partition: Any = object.__new__(Table)
    partition.__dict__ = {**self.__dict__, "items": {hash_key: self.items.get(hash_key, {})}}
    return original(partition, hash_key, *range_and_page, **named)


@gap.wraps(DynamoDBBackend, "transact_write_items")
def _transact_write_items(original: Callable[..., None], self: Any, transact_items: list[dict[str, Any]]) -> None:
    before = [(place, key, copy.deepcopy(place.get(key))) for place, key in _places(self, transact_items)]
    _transaction.runs = True
    try:
        original(self, transact_items)
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
    """Yield where each item of a transaction is: a dict of moto's, and the key in it."""
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


@gap.replaces(Table, "__deepcopy__")
def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    if getattr(_transaction, "runs", False):
        return self  # `_transact_write_items` has made the copies that a rollback needs
    copied: Any = object.__new__(Table)
    memo[id(self)] = copied
    copied.__dict__ = copy.deepcopy(self.__dict__, memo)
    return copied
