"""Who may call which API: each API has a bearer token of its own."""

import json
import os
from typing import Any

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


def authorized(request: Any, secret: Secret) -> str | None:
    """The API whose token a Chalice AuthRequest carries, or None; raises as `api_of` does.

    Prints one line of JSON if the route that was asked for is refused: which, and why, never the token. A TOKEN
    authorizer is told no request id (API Gateway developer guide, Lambda authorizer input), so the line holds the trace
    that the access log's line holds as well. What API Gateway answers from its cache comes by here no more.
    """
    api = api_of(request.token, secret)
    route = "/" + request.method_arn.split("/", 3)[-1]  # arn:…:<api id>/<stage>/POST/mock/validation
    if route != f"/mock/{api}":
        why = f"the {api} API's token" if api else "no API's token" if bearer(request.token) else "no bearer token"
        print(json.dumps({"log": "authorizer", "route": route, "refused": why, "trace": _trace()}), flush=True)
    return api


def _trace() -> str:
    """The trace of this call; Lambda sets `Root=1-…;Parent=…;Sampled=1` (developer guide, configuration-envvars)."""
    return os.environ.get("_X_AMZN_TRACE_ID", "").partition(";")[0].removeprefix("Root=")
