"""Check that a delivery to the callback is authentic, before anything in it is parsed."""

import hashlib
import hmac
import re

from chalicelib.refusals import NotAuthentic
from chalicelib.secret import Secret, same
from chalicelib.tokens import bearer

PREFIX = "sha256="
DIGITS = 64  # of a SHA-256 in hexadecimal
SIGNED_WITH = "sign the raw body with the secret's `callback` value"


def authenticate(raw: bytes, signature: str | None, authorization: str | None, secret: Secret) -> bool:
    """Return True for a right signature, False for a right bearer; raise NotAuthentic for all else.

    Jira's webhooks sign the raw body with the secret's `callback` (`X-Hub-Signature: sha256=<hex>`, Atlassian, "Secure
    admin webhooks"). Jira Automation cannot, and sends the secret's `automation` as a bearer. Neither value works in
    the other's place, and a wrong signature is refused even beside a right bearer.

    NotAuthentic says which header was seen and what is wrong with its form, never how near its value came. What cannot
    be right by its form alone never reads the secret. Raises Unavailable if the secret cannot be read.
    """
    if signature is not None:
        given = signature.strip().lower()
        _check_form(given)
        if not secret.proves("callback", lambda key: same(given, sign(raw, key))):
            raise NotAuthentic(
                "X-Hub-Signature was seen and has the right form, but it is not the signature of the body that "
                f"arrived: {SIGNED_WITH}, byte for byte as it is sent"
            )
        return True
    token = _token(authorization)
    if not secret.proves("automation", lambda key: same(token, key)):
        raise NotAuthentic("Authorization was seen and has the right form, but its token is not `automation`'s")
    return False


def sign(raw: bytes, key: str) -> str:
    """Return the X-Hub-Signature of a raw body."""
    return PREFIX + hmac.new(key.encode(errors="replace"), raw, hashlib.sha256).hexdigest()


def _check_form(given: str) -> None:
    if not given.startswith(PREFIX):
        raise NotAuthentic(f"X-Hub-Signature was seen, but it does not begin with `{PREFIX}`: {SIGNED_WITH}")
    digits = given.removeprefix(PREFIX)
    if len(digits) != DIGITS:
        raise NotAuthentic(
            f"X-Hub-Signature was seen, but it has {len(digits)} characters after `{PREFIX}`, not {DIGITS}"
        )
    if not re.fullmatch("[0-9a-f]*", digits):
        raise NotAuthentic(f"X-Hub-Signature was seen, but not all after `{PREFIX}` are hexadecimal digits")


def _token(authorization: str | None) -> str:
    given = (authorization or "").strip()
    if not given:
        raise NotAuthentic(
            f"no credential was seen: {SIGNED_WITH} (header X-Hub-Signature), or send its `automation` value as "
            "`Authorization: Bearer`"
        )
    token = bearer(given)
    if not token:
        raise NotAuthentic("Authorization was seen, but it is not of the form `Bearer <token>`")
    return token
