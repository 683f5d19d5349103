"""The request of an HTTP Task, with the credentials of an EventBridge connection.

AWS: Step Functions developer guide, call-https-apis. The credentials come from the connection's managed secret, and win
over the Task's own values; some headers may not be set; an answer outside 2xx is `States.Http.StatusCode.<n>`, no
answer within 60 seconds `States.Http.Socket`, and an answer that is not text, by its bytes or its `Content-Type`,
`States.Runtime`.
Here two things differ: plain HTTP is allowed to this machine, where the mock APIs are, and `Cause` is the body of the
answer (AWS does not document it).
"""

import base64
import json
import math
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from moto.core.exceptions import JsonRESTError
from moto.events import events_backends
from moto.secretsmanager import secretsmanager_backends

SECONDS = 60.0
ARGUMENTS = {
    "ApiEndpoint",
    "Method",
    "InvocationConfig",
    "Authentication",
    "Headers",
    "QueryParameters",
    "RequestBody",
    "Transform",
}
FORBIDDEN_HEADERS = {
    *("a-im", "accept-charset", "accept-datetime", "accept-encoding", "authorization", "cache-control", "connection"),
    *("content-encoding", "content-md5", "date", "expect", "forwarded", "from", "host", "http2-settings", "if-match"),
    *("if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "max-forwards", "origin", "pragma"),
    *("proxy-authorization", "referer", "server", "te", "trailer", "transfer-encoding", "upgrade", "via", "warning"),
}
FORBIDDEN_PREFIXES = ("x-forwarded-", "x-amz-", "x-amzn-")
BINARY = ("application/octet-stream", "image/", "video/", "audio/")  # "Unsupported HTTP Task responses"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost"})

_pool = urllib3.PoolManager(num_pools=20, maxsize=64, retries=False)


class TaskFailure(Exception):
    """The error and cause that an HTTP Task fails with."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


def check_arguments(fields: set[str]) -> None:
    """Refuse `Arguments` that AWS refuses when the machine is saved."""
    if unknown := fields - ARGUMENTS:
        raise ValueError(f"http:invoke does not know {', '.join(sorted(unknown))}")
    if missing := {"ApiEndpoint", "Method"} - fields:
        raise ValueError(f"http:invoke needs {', '.join(sorted(missing))}")
    if not fields & {"InvocationConfig", "Authentication"}:
        raise ValueError("http:invoke needs InvocationConfig.ConnectionArn")


def check_headers(names: Any) -> None:
    """Refuse headers that a Task may not set."""
    for name in names:
        if name.lower() in FORBIDDEN_HEADERS or name.lower().startswith(FORBIDDEN_PREFIXES):
            raise ValueError(f"An HTTP Task may not set the header {name}")


def invoke(arguments: dict[str, Any], timeout: float = math.inf, most: float = SECONDS) -> dict[str, Any]:
    """Send the request that `Arguments` describe and return the result of the Task.

    `timeout` is the Task's own, `most` AWS's limit for any request; both in seconds. Raises TaskFailure, and
    TimeoutError if the request takes longer than the Task's own timeout.
    """
    check_arguments(set(arguments))
    check_headers(arguments.get("Headers", {}))
    endpoint = urlsplit(arguments["ApiEndpoint"])
    if endpoint.scheme != "https" and endpoint.hostname not in LOCAL_HOSTS:
        raise ValueError("ApiEndpoint must be an https URL")
    connection = arguments.get("InvocationConfig") or arguments["Authentication"]
    credentials = _credentials(connection["ConnectionArn"])
    query = urlencode({**arguments.get("QueryParameters", {}), **credentials["query"]}, doseq=True)
    headers = _headers(arguments, credentials)
    try:
        response = _pool.request(
            arguments["Method"],
            endpoint._replace(query="&".join(filter(None, (endpoint.query, query)))).geturl(),
            headers=headers,
            body=_body(arguments, headers["Content-Type"]),
            timeout=urllib3.Timeout(total=min(timeout, most)),
            redirect=False,
        )
    except urllib3.exceptions.HTTPError as failure:
        if timeout < most and isinstance(failure, urllib3.exceptions.TimeoutError):
            raise TimeoutError from failure
        raise TaskFailure("States.Http.Socket", str(failure)) from failure
    return _result(response)


def _headers(arguments: dict[str, Any], credentials: dict[str, dict[str, str]]) -> dict[str, str]:
    # One spelling for each name, so that the connection's value replaces the Task's in any case.
    return {
        "Content-Type": "application/json",
        **{name.title(): str(value) for name, value in arguments.get("Headers", {}).items()},
        **credentials["headers"],
        "User-Agent": "Amazon|StepFunctions|HttpInvoke|us-east-1",
        "Range": "bytes=0-262144",
    }


def _result(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    content_type = response.headers.get("Content-Type", "")
    if content_type.startswith(BINARY):
        raise TaskFailure("States.Runtime", f"The answer is {content_type}")
    try:
        text = response.data.decode()
    except UnicodeDecodeError as failure:
        raise TaskFailure("States.Runtime", "The answer is not text") from failure
    if not 200 <= response.status < 300:
        raise TaskFailure(f"States.Http.StatusCode.{response.status}", text)
    return {
        "Headers": {name.lower(): response.headers.getlist(name) for name in response.headers},
        "ResponseBody": _parsed(text, content_type),
        "StatusCode": response.status,
        "StatusText": response.reason or "",
    }


def _body(arguments: dict[str, Any], content_type: str) -> bytes | None:
    body = arguments.get("RequestBody")
    if body is None:
        return None
    if arguments.get("Transform", {}).get("RequestBodyEncoding") == "URL_ENCODED":
        return urlencode(body, doseq=True).encode()
    if isinstance(body, str) and "json" not in content_type:
        return body.encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _parsed(text: str, content_type: str) -> Any:
    if "json" in content_type:
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text


def _credentials(arn: str) -> dict[str, dict[str, str]]:
    """Read from a connection's secret what it adds to a request."""
    _, _, _, region, account, resource = arn.split(":", 5)
    try:
        connection = events_backends[account][region].describe_connection(resource.split("/")[1])
        stored = secretsmanager_backends[account][region].get_secret_value(connection["SecretArn"], "", "")
    except JsonRESTError as failure:
        raise TaskFailure("Events.ConnectionResource.ResourceNotFound", str(failure.description)) from failure
    secret = json.loads(stored["SecretString"])
    found: dict[str, dict[str, str]] = {"headers": {}, "query": {}}
    if connection["AuthorizationType"] == "API_KEY":
        name, value = (_field(secret, f"api_key_{part}") for part in ("name", "value"))
        found["headers"][name.title()] = value
    elif connection["AuthorizationType"] == "BASIC":
        pair = f"{_field(secret, 'username')}:{_field(secret, 'password')}"
        found["headers"]["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        raise TaskFailure("Events.ConnectionResource.InvalidConnectionState", "OAuth is not supported locally")
    extra = secret.get("invocation_http_parameters", {})
    for place, kind in (("headers", "header_parameters"), ("query", "query_string_parameters")):
        for parameter in extra.get(kind, []):
            found[place][_field(parameter, "key")] = _field(parameter, "value")
    return found


def _field(secret: dict[str, Any], name: str) -> str:
    """Read a field of the secret, which moto spells in either case."""
    camel = "".join(word.capitalize() for word in name.split("_"))
    return str(secret[name] if name in secret else secret[camel])
