"""Atlassian's own description of Jira Cloud's REST API, against which recorded exchanges are validated.

The document is not ours to commit: ATLASSIAN_OPENAPI names its folder, else it is looked for in `shared`, beside the
checkout.
"""

import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator, oas30_format_checker
from werkzeug.wrappers import Request, Response

from tests import ROOT

DOCUMENT = Path(os.environ.get("ATLASSIAN_OPENAPI", ROOT.parent / "shared")) / "jira-openapi.json"

# Atlassian describes the answer as one link, and answers a list unless `globalId` is given.
LIST_OF_LINKS = re.compile(r"GET /rest/api/3/issue/[^/]+/remotelink$")


@dataclass(frozen=True)
class Exchange:
    """A request, and the answer that it got. The bodies are parsed, or None."""

    method: str
    path: str
    query: str
    sent: Any
    status: int
    received: Any


class Recorder:
    """WSGI middleware that keeps every exchange with the REST API."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._lock = threading.Lock()

    def wrap(self, app: Callable[..., Any]) -> Callable[..., Any]:
        def recording(environ: Any, start_response: Any) -> Iterable[bytes]:
            request = Request(environ)
            sent = request.get_data(cache=True)
            response = Response.from_app(app, environ | {"wsgi.input": io.BytesIO(sent)}, buffered=True)
            if request.path.startswith("/rest/api/"):
                exchange = Exchange(
                    request.method,
                    request.path,
                    request.query_string.decode(),
                    _parsed(sent),
                    response.status_code,
                    _parsed(response.get_data()),
                )
                with self._lock:
                    self.exchanges.append(exchange)
            return response(environ, start_response)

        return recording


def violations(exchanges: Iterable[Exchange]) -> list[str]:
    """Return what is wrong by Atlassian's document; nothing if the document is not there, which one test reports."""
    return [wrong for exchange in exchanges for wrong in _wrong(exchange)] if DOCUMENT.is_file() else []


def need_document() -> None:
    """Skip the test if Atlassian's document is not there."""
    if not DOCUMENT.is_file():
        pytest.skip(f"Atlassian's OpenAPI document is not at {DOCUMENT}; ATLASSIAN_OPENAPI may name its folder")


def is_described(exchange: Exchange) -> bool:
    """Return whether the document has the exchange's path and method."""
    return _operation(exchange) is not None


@cache
def _document() -> Any:
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


def _operation(exchange: Exchange) -> Any:
    for path, operations in _document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), exchange.path):
            return operations.get(exchange.method.lower())
    return None


def _wrong(exchange: Exchange) -> Iterable[str]:
    operation, name = _operation(exchange), f"{exchange.method} {exchange.path}"
    if operation is None:
        return
    asked = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if asked and exchange.status < 400:
        yield from _against(asked, exchange.sent, OAS30WriteValidator, f"{name}: sent")
    answer = operation["responses"].get(str(exchange.status))
    if answer is None:
        if exchange.status not in {403, 413, 429} and exchange.status < 500:  # which any path may answer
            yield f"{name}: answers {exchange.status}, which it cannot"
        return
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    if not schema or exchange.status == 204 or (LIST_OF_LINKS.match(name) and not exchange.query):
        return
    yield from _against(schema, exchange.received, OAS30ReadValidator, f"{name}: received")


def _against(schema: Any, value: Any, validator: Any, name: str) -> Iterable[str]:
    whole = {**schema, "components": _document()["components"]}
    for error in validator(whole, format_checker=oas30_format_checker).iter_errors(value):
        yield f"{name}: {'/'.join(map(str, error.path))}: {error.message}"


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
