"""An API Gateway that runs the deployed functions: authorizer and handler each in a process of its own.

The local cloud answers the REST API from Chalice's dev server, where one process plays both functions. There nobody
could see which function made which AWS call.
"""

import json
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

from localcloud.execute_api import PREFIX


class LambdaGateway:
    """Send `/_aws/execute-api/<id>/<stage>/…` to `invoke(function, event)`, all else to the app; WSGI middleware."""

    def __init__(self, invoke: Callable[[str, Any], Any], protected: str = "/mock/") -> None:
        self._invoke, self._protected = invoke, protected

    def around(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """Return the application with the gateway before it."""

        def routed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if not path.startswith(PREFIX):
                answer: Iterable[bytes] = app(environ, start_response)
                return answer
            api, stage, rest = path.removeprefix(PREFIX).split("/", 2)
            status, body = self._answer(environ, api, stage, f"/{rest}")
            start_response(f"{status} -", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]

        return routed

    def _answer(self, environ: dict[str, Any], api: str, stage: str, path: str) -> tuple[int, bytes]:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name == "CONTENT_TYPE"
        }
        method = environ["REQUEST_METHOD"]
        if path.startswith(self._protected):
            token = headers.get("Authorization")
            if not token:
                return 401, b'{"message":"Unauthorized"}'
            arn = f"arn:aws:execute-api:us-east-1:123456789012:{api}/{stage}/{method}{path}"
            request = {"type": "TOKEN", "authorizationToken": token, "methodArn": arn}
            if not _allows(self._invoke("api_token_authorizer", request), arn):
                return 403, b'{"Message":"User is not authorized to access this resource"}'
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = self._invoke("api_handler", _proxy_event(method, path, headers, body))
        return answer["statusCode"], answer["body"].encode()


def _allows(answer: Any, arn: str) -> bool:
    """Return whether an authorizer's policy allows the call (API Gateway developer guide, Lambda authorizer output)."""
    return any(
        statement["Effect"] == "Allow" and any(fnmatchcase(arn, pattern) for pattern in statement["Resource"])
        for statement in answer["policyDocument"]["Statement"]
    )


def _proxy_event(method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Return the event of a REST API (Lambda developer guide, services-apigateway), with what Chalice reads of it."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"resourcePath": path, "path": path, "httpMethod": method, "identity": {}},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def invoker(lambda_client: Callable[[], Any], names: Callable[[str], str]) -> Callable[[str, Any], Any]:
    """Return an `invoke(function, event)` that calls Lambda's API; `names` gives a function's name in Lambda."""

    def invoke(function: str, event: Any) -> Any:
        answer = lambda_client().invoke(FunctionName=names(function), Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    return invoke
