"""The REST API on the AWS endpoint: `/_aws/execute-api/<api-id>/<stage>/<path>`, the path that LocalStack uses.

With it one rule gives an API's address on AWS and here: from the endpoint and the API's id. Requests go to Chalice's
dev server, which runs the same code as the deployed function.
"""

import http.client
import json
from collections.abc import Callable, Iterable
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.core import DEFAULT_ACCOUNT_ID

PREFIX = "/_aws/execute-api/"
# API Gateway quotas: 29 s for an integration, 10 MB for a payload.
TIMEOUT_SECONDS = 29.0
PAYLOAD_BYTES = 10 * 1024 * 1024
# Headers of one connection, not of the request (RFC 9110, 7.6.1).
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host"}
# The server adds its own of these to every answer.
ANSWERED_BY_US = HOP_BY_HOP | {"server", "date"}

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class ExecuteApi:
    """WSGI middleware: forwards calls to deployed APIs to `127.0.0.1:port`, leaves all else to `app`.

    Answers 504 if the API has not answered after `timeout` seconds.
    """

    def __init__(self, app: Application, port: int, timeout: float = TIMEOUT_SECONDS) -> None:
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
        stages = _stages(api_id)
        if stages is None:
            return _error(404, f"There is no API {api_id} on this endpoint")
        if stage not in stages:
            return _error(403, "Forbidden")
        if int(environ.get("CONTENT_LENGTH") or 0) > PAYLOAD_BYTES:
            return _error(413, "Request Too Long")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request(
                environ["REQUEST_METHOD"], f"/{rest}{question}{query}", _body(environ), dict(_headers(environ))
            )
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError:
            return _error(504, "Endpoint request timed out")
        except (OSError, http.client.HTTPException) as error:
            return _error(502, f"The dev server on port {self._port} does not answer: {error}")
        finally:
            connection.close()
        return answer.status, [pair for pair in answer.getheaders() if pair[0].lower() not in ANSWERED_BY_US], body


def _stages(api_id: str) -> set[str] | None:
    for backend in apigateway_backends[DEFAULT_ACCOUNT_ID].values():
        if api_id in backend.apis:
            return set(backend.apis[api_id].stages)
    return None


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
