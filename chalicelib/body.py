"""Read a request's body: its bytes, and the JSON in them."""

import json
from collections import Counter
from typing import Any

from chalicelib.refusals import BadBody

LONGEST_NAME = 100  # characters of a key in an error


def sent(request: Any) -> bytes:
    """Return the raw body of a Chalice request.

    Return b"" for an event that API Gateway cannot have sent: flagged as base64 without being base64, or with half a
    surrogate (API Gateway replaces bytes that are not UTF-8 by U+FFFD). No signature matches it, so it is refused.
    """
    try:
        return bytes(request.raw_body)
    except ValueError:
        return b""


def parsed(raw: bytes) -> Any:
    """Return the JSON of a raw body.

    Raises BadBody if it is not JSON, nested too deeply for Python's parser, or if an object has a key twice: which of
    the two values counts would depend on the reader (RFC 8259, section 4).
    """
    try:
        return json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise BadBody("the body is not JSON") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise BadBody(f'the key "{twice[:LONGEST_NAME]}" is there more than once in one object')
    return members
