"""Record which actions of IAM the deployer's own calls need, those of its `chalice` process included.

A signature names the access key and the service. An operation is in a header or in the body, or, for services with a
REST protocol, it is the one of botocore's model whose method and path fit.
"""

import io
import re
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session

from tests.policies.calls import SIGNATURE

KEY = "deployer"
"""The access key that the deployer signs with."""
REST = {"lambda", "s3"}
# Service authorization reference: where the action is not called as the operation is.
ACTIONS = {
    ("s3", "HeadBucket"): ("s3:ListBucket",),
    ("s3", "HeadObject"): ("s3:GetObject",),
    ("s3", "ListObjectVersions"): ("s3:ListBucketVersions",),
    ("s3", "DeleteObjects"): ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    ("s3", "GetBucketNotificationConfiguration"): ("s3:GetBucketNotification",),
    ("s3", "PutBucketNotificationConfiguration"): ("s3:PutBucketNotification",),
    ("s3", "GetBucketEncryption"): ("s3:GetEncryptionConfiguration",),
    ("s3", "GetPublicAccessBlock"): ("s3:GetBucketPublicAccessBlock",),
    ("sts", "GetCallerIdentity"): (),
    # Lambda API reference, CreateFunction: the role is passed to the service, and Chalice tags its functions.
    ("lambda", "CreateFunction"): ("lambda:CreateFunction", "lambda:TagResource", "iam:PassRole"),
}


class DeployerCalls:
    """WSGI middleware that records the deployer's calls; `actions` are those of IAM."""

    def __init__(self) -> None:
        self.actions: set[str] = set()

    def around(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """Return the application with the recorder around it."""

        def recorded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            signed = SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
            if signed and signed.group(1) == KEY:
                self.actions |= set(_actions(environ, signed.group(2)))
            return app(environ, start_response)

        return recorded


def _actions(environ: dict[str, Any], service: str) -> tuple[str, ...]:
    if service == "apigateway":  # its actions are the methods of HTTP
        return (f"apigateway:{environ['REQUEST_METHOD']}",)
    operation = _operation(environ, service)
    name = {"monitoring": "cloudwatch"}.get(service, service)
    return ACTIONS.get((service, operation), (f"{name}:{operation}",))


def _operation(environ: dict[str, Any], service: str) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if "/operation/" in environ["PATH_INFO"]:  # the CBOR protocol names it in the path
        return str(environ["PATH_INFO"]).rpartition("/")[2]
    if service in REST:
        path = environ["PATH_INFO"]
        if service == "s3":
            path = path.removeprefix("/").partition("/")[2]  # without the bucket
        return _rest_operation(service, environ["REQUEST_METHOD"], path, environ["QUERY_STRING"])
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return str(parse_qs(body.decode())["Action"][0])


def _rest_operation(service: str, method: str, path: str, query: str) -> str:
    """Return the operation whose path fits and that names the most parts of the query."""
    given = set(parse_qs(query, keep_blank_values=True))
    fitting = [
        (len(marks), operation)
        for operation, verb, pattern, marks in _operations(service)
        if verb == method and pattern.fullmatch(path.strip("/")) and marks <= given
    ]
    return str(max(fitting)[1]) if fitting else f"{method} {path}"


@cache
def _operations(service: str) -> list[tuple[str, str, re.Pattern[str], set[str]]]:
    model = botocore.session.get_session().get_service_model(service)
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        http, shape = operation.http, operation.input_shape
        uri = urlsplit(http["requestUri"])
        path = uri.path.removeprefix("/{Bucket}").strip("/")  # which botocore removes, too, once it has called it
        pattern = re.sub(r"\{\w+\+\}", ".+", re.sub(r"\{\w+\}", "[^/]+", path))
        marks = set(parse_qs(uri.query, keep_blank_values=True)) - {"x-id"}
        for member in shape.required_members if shape else ():
            if shape.members[member].serialization.get("location") == "querystring":
                marks.add(shape.members[member].serialization["name"])
        found.append((name, http["method"], re.compile(pattern), marks))
    return found
