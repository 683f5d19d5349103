"""Hide credentials in text that others wrote before it is shown.

storygate itself writes none there. But an API may echo the header it was called with, and an operator may put a
password into the metadata.
"""

import re
from typing import Any

HIDDEN = "[hidden]"
# Ends of fields' names, compared without the signs between their words: `x-api-key`, `taskToken`, `Set-Cookie`.
NAMES = (
    *("authorization", "secret", "password", "passwd", "passphrase", "pwd", "cookie", "credential", "signature"),
    *("token", "apikey", "privatekey", "secretkey", "accesskey"),
)
PLURALS = tuple(f"{name}s" for name in NAMES)
CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=:-]{6,}", re.IGNORECASE)
# `https://user:password@host/`, and a token alone, `https://token@host/` (RFC 3986, section 3.2.1).
USER_IN_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/?#\"'<>]+@", re.IGNORECASE)
PARAMETER_IN_URL = re.compile(r"([?&;])([^\s?&;=#\"'<>]+)=([^\s&;#\"'<>]+)")


def redacted(value: Any) -> Any:
    """Return a JSON value with its credentials hidden: by the field's name; in a text after `Bearer` or in a URL."""
    if isinstance(value, str):
        text = CREDENTIAL.sub(rf"\1 {HIDDEN}", value)
        return PARAMETER_IN_URL.sub(_parameter, USER_IN_URL.sub(rf"\1{HIDDEN}@", text))
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, dict):
        return {name: HIDDEN if _is_secret(name, item) else redacted(item) for name, item in value.items()}
    return value


def _is_secret(name: str, value: Any) -> bool:
    """Whether a field's value is a credential. A number under a plural, such as `"tokens": 3`, is a count."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    return bool(value) and (
        letters.endswith(NAMES) or (letters.endswith(PLURALS) and not isinstance(value, int | float))
    )


def _parameter(found: re.Match[str]) -> str:
    sign, name, value = found.groups()
    return f"{sign}{name}={HIDDEN if _is_secret(name, value) else value}"
