"""The REST API on the AWS endpoint: `/_aws/execute-api/<api-id>/<stage>/<path>`, the path that LocalStack uses.

With it one rule gives an API's address on AWS and here: from the endpoint and the API's id. Requests go to the dev
server of the function behind the API, which runs the same code.
"""

import http.client
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.core import DEFAULT_ACCOUNT_ID

from localcloud import LocalCloudError

PREFIX = "/_aws/execute-api/"
# API Gateway quotas: 29 s for an integration, 10 MB for a payload.
TIMEOUT_SECONDS = 29.0
PAYLOAD_BYTES = 10 * 1024 * 1024
# Headers of one connection, not of the request (RFC 9110, 7.6.1).
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host"}
# The server adds its own of these to every answer.
ANSWERED_BY_US = HOP_BY_HOP | {"server", "date"}

FUNCTION = re.compile(r":function:([^/:]+)/invocations")

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class ExecuteApi:
    """WSGI middleware: forwards calls to deployed APIs to 127.0.0.1, leaves all else to `app`.

    `port` returns the port for the function behind an API. Answers 504 if the API has not answered after `timeout`
    seconds.
    """

    def __init__(self, app: Application, port: Callable[[str], int], timeout: float = TIMEOUT_SECONDS) -> None:
        self._app = app
        self._port = port
        self._timeout = timeout

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(PREFIX):
            return self._app(environ, start_response)
        status, headers, body = self._answer(environ)
        reason = http.client.responses.get(status, "Unknown")
        start_response(f"{status} {reason}", [*headers, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
        # Undecoded; PATH_INFO is decoded.
        target: str = environ.get("REQUEST_URI") or environ["PATH_INFO"]
        path, question, query = target.partition("?")
        api_id, stage, rest = ([*path.removeprefix(PREFIX).split("/", 2), "", ""])[:3]
        api = _api(api_id)
        if api is None:
            return _error(404, f"There is no API {api_id} on this endpoint")
        if stage not in api.stages:
            return _error(403, "Forbidden")
        if int(environ.get("CONTENT_LENGTH") or 0) > PAYLOAD_BYTES:
            return _error(413, "Request Too Long")
        try:
            port = self._port(_function(api))
        except LocalCloudError as error:
            return _error(502, str(error))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self._timeout)
        try:
            connection.request(
                environ["REQUEST_METHOD"], f"/{rest}{question}{query}", _body(environ), dict(_headers(environ))
            )
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError:
            return _error(504, "Endpoint request timed out")
        except (OSError, http.client.HTTPException) as error:
            return _error(502, f"The dev server on port {port} does not answer: {error}")
        finally:
            connection.close()
        return answer.status, [pair for pair in answer.getheaders() if pair[0].lower() not in ANSWERED_BY_US], body


def _api(api_id: str) -> Any:
    """Return moto's API, None if there is none."""
    backends = apigateway_backends[DEFAULT_ACCOUNT_ID].values()
    return next((backend.apis[api_id] for backend in backends if api_id in backend.apis), None)


def _function(api: Any) -> str:
    """Return the name of the function that an API calls; "" if it calls none."""
    methods = (method for resource in api.resources.values() for method in resource.resource_methods.values())
    uris = (method.method_integration.uri or "" for method in methods if method.method_integration)
    return next((found[1] for uri in uris if (found := FUNCTION.search(uri))), "")


def _body(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):  # chunked; the server ends the stream
        return bytes(stream.read())
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


def _headers(environ: Environ) -> Iterable[tuple[str, str]]:
    for key, value in environ.items():
        name = key.removeprefix("HTTP_").replace("_", "-").title()
        if (key.startswith("HTTP_") or key == "CONTENT_TYPE") and name.lower() not in HOP_BY_HOP:
            yield name, value


def _error(status: int, message: str) -> tuple[int, list[tuple[str, str]], bytes]:
    return status, [("Content-Type", "application/json")], json.dumps({"message": message}).encode()
