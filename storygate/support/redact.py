"""Hide credentials in text that others wrote before it is shown.

storygate itself writes none there. But an API may echo the header it was called with, and an operator may put a
password into the metadata.
"""

import re
from typing import Any

HIDDEN = "[hidden]"
# Ends of fields' names, compared without the signs between their words: `x-api-key`, `taskToken`, `Set-Cookie`.
NAMES = ("authorization", "token", "secret", "password", "apikey", "cookie", "credential", "credentials", "signature")
CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=:-]{6,}", re.IGNORECASE)


def redacted(value: Any) -> Any:
    """Return a JSON value with its credentials hidden: by the name of the field, or after `Bearer` in a text."""
    if isinstance(value, str):
        return CREDENTIAL.sub(rf"\1 {HIDDEN}", value)
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, dict):
        return {name: HIDDEN if item and _is_secret(name) else redacted(item) for name, item in value.items()}
    return value


def _is_secret(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()).endswith(NAMES)
