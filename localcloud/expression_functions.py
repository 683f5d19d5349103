"""The functions that Step Functions adds to JSONata.

AWS: `$parse $hash $uuid $random $range $partition` (Step Functions developer guide, transforming-data; their edge cases
measured on AWS by the author of the PyPI package sfnx, its docs/design.md).

jsonata-python passes undefined as None, and takes None for undefined.
"""

import hashlib
import json
import random
import uuid
from typing import Never

import jsonata

MOST_EXACT = 2**53
# The library's JSON null; its None is JSONata's undefined.
NULL = jsonata.Utils.NULL_VALUE
ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class QueryError(ValueError):
    """An expression that AWS would refuse or fail with `States.QueryEvaluationError`."""


def bound(value: object) -> object:
    """Copy a JSON value into the library's types; a copy, since its functions may change their arguments."""
    if value is None:
        return NULL
    if isinstance(value, dict):
        return {key: bound(member) for key, member in value.items()}
    if isinstance(value, list):
        return [bound(item) for item in value]
    if isinstance(value, int) and abs(value) > MOST_EXACT:
        return int(float(value))  # every number there is a double
    return value


def _number(value: object, function: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(function)
    return value


def _mismatch(function: str) -> QueryError:
    return QueryError(f'T0410: An argument of function "{function}" does not match the function signature')


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise QueryError("$parse: a key occurs twice")
    return found


def _no_constant(name: str) -> Never:
    raise QueryError(f"$parse: {name} is not JSON")


def _parse(text: object = None) -> object:
    if text is None:
        return None
    if not isinstance(text, str):
        raise _mismatch("parse")
    return bound(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant))


def _hash(text: object = None, algorithm: object = None) -> str | None:
    if text is None or algorithm is None:
        return None
    if not isinstance(text, str):
        raise _mismatch("hash")
    if algorithm not in ALGORITHMS:
        raise QueryError(f"D3137: Hash algorithm '{algorithm}' must be one of {', '.join(ALGORITHMS)}")
    return hashlib.new(ALGORITHMS[str(algorithm)], text.encode()).hexdigest()


def _uuid() -> str:
    return str(uuid.uuid4())


def _random(seed: object = None) -> float:
    # Jitter and samples, never a secret.
    source = random if seed is None else random.Random(_number(seed, "random"))  # noqa: S311
    return source.random()


def _range(first: object = None, last: object = None, step: object = None) -> object:
    if first is None or last is None or step is None:
        return None
    start, stop, by = (int(_number(value, "range")) for value in (first, last, step))
    if by == 0:
        return None
    numbers = list(range(start, stop + (1 if by > 0 else -1), by))
    # A sequence, as a path gives one: an empty one is undefined, and one of a single number is that number.
    return numbers if len(numbers) > 1 else next(iter(numbers), None)


def _partition(items: object = None, size: object = None) -> object:
    if items is None:
        return None
    if not isinstance(items, list):
        raise QueryError('T0412: Argument 1 of function "partition" must be an array')
    if size is None:
        return [items]
    whole = int(_number(size, "partition"))
    if whole < 0:
        raise QueryError("D3137: Second argument must be zero or greater")
    return [items[at : at + whole] for at in range(0, len(items), whole)] or None if whole else None


ADDED = {
    "parse": _parse,
    "hash": _hash,
    "uuid": _uuid,
    "random": _random,
    "range": _range,
    "partition": _partition,
}
