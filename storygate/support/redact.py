"""What may be shown of what others wrote: anything but credentials.

Neither the contract nor the workflow puts one there. An API may still echo the header it was called with, and an
operator a password in the metadata.
"""

import re
from typing import Any

HIDDEN = "[hidden]"
# By the end of a field's name, without signs between its words: `x-api-key`, `taskToken`, `Set-Cookie`.
NAMES = ("authorization", "token", "secret", "password", "apikey", "cookie", "credential", "credentials", "signature")
CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=:-]{6,}", re.IGNORECASE)


def redacted(value: Any) -> Any:
    """A JSON value with the credentials in it hidden: by the name of the field, or by `Bearer …` in a text."""
    if isinstance(value, str):
        return CREDENTIAL.sub(rf"\1 {HIDDEN}", value)
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, dict):
        return {name: HIDDEN if item and _is_secret(name) else redacted(item) for name, item in value.items()}
    return value


def _is_secret(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()).endswith(NAMES)
