"""Record every AWS call of an end-to-end run with its caller, without a change to what is deployed.

Functions and operator sign their requests, and a signature names an access key. Each caller has a key of its own, so
WSGI middleware before moto's server sees who makes which call. The state machine's calls are in its execution history,
as on AWS: one TaskScheduled event for each attempt, with the parameters that were sent.
"""

import io
import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

SIGNATURE = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request")

INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")  # Lambda API reference, Invoke


@dataclass(frozen=True)
class Call:
    """A call: `Call("api_handler", "dynamodb", "Query", {…})`. `error` is the HTTP status or error if it failed."""

    principal: str
    service: str
    operation: str
    parameters: dict[str, Any] = field(hash=False)
    error: str = ""


class Recorder:
    """Record the calls of the principals whose access keys are their own names; WSGI middleware."""

    def __init__(self, principals: Iterable[str]) -> None:
        self._principals = frozenset(principals)
        self._lock = threading.Lock()
        self.calls: list[Call] = []

    def add(self, call: Call) -> None:
        """Add a call that did not come through the middleware."""
        with self._lock:
            self.calls.append(call)

    def around(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """Return the application with the recorder around it."""

        def recorded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            signed = SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
            if signed is None or signed.group(1) not in self._principals:
                return app(environ, start_response)
            operation, parameters = _read(environ, signed.group(2))

            def answered(status: str, headers: Any, *rest: Any) -> Any:
                error = "" if status.startswith("2") else status.split()[0]
                self.add(Call(signed.group(1), signed.group(2), operation, parameters, error))
                return start_response(status, headers, *rest)

            return app(environ, answered)

        return recorded


def calls_in_history(principal: str, events: Iterable[Any]) -> list[Call]:
    """Read a state machine's calls from the events of an execution's history."""
    scheduled: dict[int, Any] = {}
    failed: dict[int, str] = {}
    root: dict[int, int] = {}
    for event in events:
        number, before = event["id"], event.get("previousEventId", 0)
        if event["type"] == "TaskScheduled":
            scheduled[number] = event["taskScheduledEventDetails"]
            root[number] = number
        elif before in root and event["type"].startswith("Task") and not event["type"].endswith("StateExited"):
            root[number] = root[before]
            if event["type"] == "TaskFailed":
                failed[root[number]] = event["taskFailedEventDetails"].get("error", "failed")
    return [
        Call(
            principal,
            details["resourceType"].removeprefix("aws-sdk:"),
            details["resource"].partition(".")[0],
            json.loads(details["parameters"]),
            failed.get(number, ""),
        )
        for number, details in scheduled.items()
    ]


def _read(environ: dict[str, Any], service: str) -> tuple[str, dict[str, Any]]:
    """Return the operation of a signed request, and the parameters that permissions depend on."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return target.rpartition(".")[2], json.loads(body or b"{}")
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", ""), True).items()}
    if service == "s3":
        return _read_s3(environ, query)
    if invoked := INVOKE.fullmatch(environ["PATH_INFO"]):
        return "Invoke", {"FunctionName": unquote(invoked.group(1))}
    if "/operation/" in environ["PATH_INFO"]:  # the CBOR protocol names it in the path
        return environ["PATH_INFO"].rpartition("/")[2], {}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    return form.get("Action", f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"), form


def _read_s3(environ: dict[str, Any], query: dict[str, str]) -> tuple[str, dict[str, Any]]:
    bucket, _, key = unquote(environ["PATH_INFO"]).removeprefix("/").partition("/")
    method = environ["REQUEST_METHOD"]
    if key:
        name = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}[method]
        version = {"VersionId": query["versionId"]} if "versionId" in query else {}
        return name, {"Bucket": bucket, "Key": key} | version
    listing = {"list-type": "ListObjectsV2", "versions": "ListObjectVersions", "versioning": "GetBucketVersioning"}
    name = next((operation for mark, operation in listing.items() if mark in query), f"{method} bucket")
    return name, {"Bucket": bucket, "Prefix": query.get("prefix", "")}
