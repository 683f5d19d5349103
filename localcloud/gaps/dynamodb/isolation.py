"""DynamoDB writes are atomic and isolated.

AWS: DynamoDB developer guide, transaction-apis.html, isolation levels. A conditional write checks and writes in one
step; a transaction applies all its items or none, serialised against every other write and consistent read.
moto 5.2.5 takes no lock: under its threaded server two conditional writes can both pass, and a transaction that fails
puts back a copy of the whole table taken before it, and with that undoes what others wrote meanwhile.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

GUARDED = (
    "put_item",
    "get_item",
    "update_item",
    "delete_item",
    "query",
    "scan",
    "transact_write_items",
    "update_table",
    "delete_table",
)

lock = threading.RLock()


def fill() -> None:
    """One lock around everything that touches items: a table on one machine needs no more."""
    for name in GUARDED:
        operation = getattr(DynamoDBBackend, name)
        if not hasattr(operation, "__wrapped__"):
            setattr(DynamoDBBackend, name, _one_at_a_time(operation))


def _one_at_a_time(operation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(operation)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return operation(*args, **kwargs)

    return guarded
