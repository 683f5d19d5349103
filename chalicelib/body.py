"""Read a request's body: its bytes, and the JSON in them."""

import json
from typing import Any

from chalicelib.refusals import BadBody


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
    """Return the JSON of a raw body. Raises BadBody if it is not JSON, or nested too deeply for Python's parser."""
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadBody("the body is not JSON") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
