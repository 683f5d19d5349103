"""A request's body: the bytes that were sent, and the JSON in them."""

import json
from typing import Any

from chalicelib.errors import BadBody


def sent(request: Any) -> bytes:
    """The raw body of a Chalice request.

    Empty where the event cannot have come from API Gateway: flagged as base64 and none, or with half a surrogate
    (API Gateway puts U+FFFD for what is no UTF-8). Nobody has signed such a body, so it is refused as any other.
    """
    try:
        return bytes(request.raw_body)
    except ValueError:
        return b""


def parsed(raw: bytes) -> Any:
    """The JSON of a raw body. Raises BadBody for what is no JSON, or nested deeper than Python reads."""
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadBody("the body is not JSON") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
