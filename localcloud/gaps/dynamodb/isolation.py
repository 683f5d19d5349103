"""DynamoDB writes are atomic and isolated.

AWS: DynamoDB developer guide, transaction-apis.html, isolation levels. A conditional write checks and writes in one
step; a transaction applies all its items or none, serialised against every other write and consistent read.
moto 5.2.5 takes no lock: under its threaded server two conditional writes can both pass, and a transaction that fails
restores a copy of the whole table, which undoes what others wrote since the copy was made.
Here one lock surrounds every operation on items.
"""

import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

from localcloud.gaps.patching import Gap

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

gap = Gap()

_lock = threading.RLock()


def _one_at_a_time(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with _lock:
        return original(*args, **kwargs)


for _operation in GUARDED:
    gap.wraps(DynamoDBBackend, _operation)(_one_at_a_time)
