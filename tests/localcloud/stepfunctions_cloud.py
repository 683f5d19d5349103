"""A moto server with Step Functions, DynamoDB, S3 and an HTTP API, for tests that run tiny state machines."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self

import boto3
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)

from localcloud.loopback import bound, serving

ROLE = "arn:aws:iam::123456789012:role/machine"
SECONDS = 30.0
# A Retry waits whole seconds, at least one; with jitter half of that on average.
ONCE_MORE_SOON = {"MaxAttempts": 1, "IntervalSeconds": 1, "JitterStrategy": "FULL"}


def await_(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Return the first true answer of a condition, or fail after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.005)
    raise AssertionError(f"not true within {seconds} seconds")


def task(resource: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    """Return a Task state that ends its machine unless the fields have a `Next`."""
    way = {} if "Next" in fields else {"End": True}
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, **way, **fields}


def states(**named: Any) -> dict[str, Any]:
    """Return a machine that starts at the first of these states."""
    return {"StartAt": next(iter(named)), "States": named}


class Cloud:
    """The server, its clients, and a way to run machines."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._serving = ExitStack()
        self._names = count()

    def __enter__(self) -> Self:
        listener = bound(0)
        self.port = listener.getsockname()[1]
        app = DomainDispatcherApplication(create_backend_app)
        # Unlike moto's own server this one stops at once.
        self._serving.enter_context(serving(app, listener, MotoRequestHandler))
        self.states = self.client("stepfunctions")
        self.dynamodb = self.client("dynamodb")
        self.s3 = self.client("s3")
        self.bucket = f"bucket-{self.port}"
        self.table = f"table-{self.port}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.dynamodb.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._serving.close()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def machine(self, definition: dict[str, Any], language: str = "JSONata") -> str:
        arn: str = self.states.create_state_machine(
            name=f"machine-{self.port}-{next(self._names)}",
            definition=json.dumps({"QueryLanguage": language, **definition}),
            roleArn=ROLE,
        )["stateMachineArn"]
        return arn

    def start(self, machine: str, given: Any = None, **named: Any) -> str:
        arn: str = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given or {}), **named)[
            "executionArn"
        ]
        return arn

    def ended(self, execution: str) -> dict[str, Any]:
        def closed() -> dict[str, Any] | None:
            found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        answer: dict[str, Any] = await_(closed)
        return answer

    def run(self, definition: dict[str, Any], given: Any = None, language: str = "JSONata") -> dict[str, Any]:
        """Run a machine to its end and return DescribeExecution's answer, the output parsed."""
        ended = self.ended(self.start(self.machine(definition, language), given))
        if "output" in ended:
            ended["output"] = json.loads(ended["output"])
        return ended

    def output(self, definition: dict[str, Any], given: Any = None) -> Any:
        ended = self.run(definition, given)
        assert ended["status"] == "SUCCEEDED", ended
        return ended["output"]

    def value(self, expression: str, given: Any = None) -> Any:
        """Return the value of an expression in a Pass state."""
        return self.output(states(Value={"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}), given)

    def path(self, execution: str) -> list[str]:
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        events = [event for page in pages for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if event["type"].endswith("StateEntered")]

    def token(self, execution: str) -> str:
        """Return the task token that an execution has written into the table, under its own name."""

        def written() -> str | None:
            key = {"id": {"S": execution.rsplit(":", 1)[1]}}
            item = self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
            return str(item["token"]["S"]) if item else None

        token: str = await_(written)
        return token


class Api:
    """An HTTP API with answers from the test; it records its requests."""

    def __init__(self, answer: Callable[[dict[str, Any]], tuple[int, str, bytes]]) -> None:
        self.requests: list[dict[str, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = {"path": self.path, "headers": dict(self.headers), "body": body}
                api.requests.append(request)
                status, kind, content = answer(request)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_line: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 256

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @contextmanager
    def serving(self) -> Iterator[Self]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
