"""Who may call which API: each API has a bearer token of its own."""

from chalicelib.secret import Secret, same

APIS = ("validation", "deployment", "notification")


def bearer(header: str) -> str:
    """The token of an `Authorization: Bearer <token>` header; empty for any other scheme."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def api_of(header: str, secret: Secret) -> str | None:
    """The API whose own token the Authorization header carries, or None. Raises Unavailable (see Secret.proves)."""
    token = bearer(header)
    return secret.which(APIS, lambda expected: same(token, expected)) if token else None
