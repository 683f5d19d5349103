"""Decide who may call which mock API: each API has a bearer token of its own."""

import json
import os
from typing import Any

from chalicelib.apis import APIS
from chalicelib.secret import Secret, same


def bearer(header: str) -> str:
    """Return the token of an `Authorization: Bearer <token>` header; "" for any other scheme."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def api_of(header: str, secret: Secret) -> str | None:
    """Return the API whose own token the Authorization header carries, or None.

    Raises Unavailable if the secret cannot be read.
    """
    token = bearer(header)
    return secret.which(APIS, lambda expected: same(token, expected)) if token else None


def authorized(request: Any, secret: Secret) -> str | None:
    """Return the API whose token a Chalice AuthRequest carries, or None; raises as `api_of` does.

    Print one line of JSON if the route is refused: the route and the reason, never the token. A TOKEN authorizer gets
    no request id (API Gateway developer guide, Lambda authorizer input), so the line holds the trace id, which the
    access log holds too. API Gateway does not call this function for tokens whose policy it has cached.
    """
    api = api_of(request.token, secret)
    route = "/" + request.method_arn.split("/", 3)[-1]  # arn:…:<api id>/<stage>/POST/mock/validation
    if route != f"/mock/{api}":
        why = f"the {api} API's token" if api else "no API's token" if bearer(request.token) else "no bearer token"
        print(json.dumps({"log": "authorizer", "route": route, "refused": why, "trace": _trace()}), flush=True)
    return api


def _trace() -> str:
    """Return this call's trace id; Lambda sets `Root=1-…;Parent=…` (developer guide, configuration-envvars)."""
    return os.environ.get("_X_AMZN_TRACE_ID", "").partition(";")[0].removeprefix("Root=")
