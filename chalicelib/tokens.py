"""Decide who may call which mock API: each API has a bearer token of its own.

The authorizer reads the stage's whole secret, since GetSecretValue returns whole values only (Secrets Manager API
reference). A secret of its own would cost a site $0.40 a month.
"""

import json
import os
from typing import Any

from chalice import AuthResponse
from chalice.app import AuthRoute

from chalicelib.apis import APIS
from chalicelib.refusals import Unavailable
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


def authorize(request: Any, secret: Secret) -> AuthResponse:
    """Return the policy for a Chalice AuthRequest: the route of the API whose token it carries, or no route.

    If the secret cannot be read, the policy lets the request through to the mock and says so in its context, and the
    mock answers 503 (`unavailable`). An authorizer itself can only cause 401, 403 and 500, none of which the workflow
    retries. So the policy must not be cached: the app sets a time to live of 0 seconds.

    Print one line of JSON if the route is refused or cannot be judged: the route and the reason, never the token. A
    TOKEN authorizer gets no request id (API Gateway developer guide, Lambda authorizer input), so the line holds the
    trace id, which the access log holds too.
    """
    route = "/" + request.method_arn.split("/", 3)[-1]  # arn:…:<api id>/<stage>/POST/mock/validation
    try:
        api = api_of(request.token, secret)
    except Unavailable as error:
        _log(route, unavailable=str(error))
        context = {"unavailable": str(error)}
        return AuthResponse(routes=[AuthRoute(route, ["POST"])], principal_id="unknown", context=context)
    if route != f"/mock/{api}":
        why = f"the {api} API's token" if api else "no API's token" if bearer(request.token) else "no bearer token"
        _log(route, refused=why)
    return AuthResponse(routes=[AuthRoute(f"/mock/{api}", ["POST"])] if api else [], principal_id=api or "nobody")


def unavailable(request: Any) -> str | None:
    """Return why the authorizer could not judge a Chalice request, or None if it let it in for its token."""
    context = request.context.get("authorizer")
    return context.get("unavailable") if isinstance(context, dict) else None


def _log(route: str, **what: str) -> None:
    print(json.dumps({"log": "authorizer", "route": route, **what, "trace": _trace()}), flush=True)


def _trace() -> str:
    """Return this call's trace id; Lambda sets `Root=1-…;Parent=…` (developer guide, configuration-envvars)."""
    return os.environ.get("_X_AMZN_TRACE_ID", "").partition(";")[0].removeprefix("Root=")
