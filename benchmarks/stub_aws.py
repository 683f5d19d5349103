"""An AWS that answers at once, so that measured times are only storygate's own."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = {name: f"{name}-secret" for name in ("callback", "automation", "validation", "deployment", "notification")}
NAMES = {f"STORYGATE_{name}": "storygate-bench" for name in ("BUCKET", "TABLE", "SECRET", "STATE_MACHINE")}


@dataclass
class StubAws:
    """Answers the five operations of a callback and the trigger's one; each Query's answer holds `waiting` runs."""

    waiting: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    _story: dict[str, Any] = field(default_factory=dict)

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """An operation's result, in the shape of botocore's JSON protocols."""
        if operation == "GetSecretValue":
            return {"Name": request["SecretId"], "SecretString": json.dumps(SECRET)}
        if operation == "PutItem":
            self._story = request["Item"]
        if operation == "Query":
            story = request["ExpressionAttributeValues"][":story"]
            return {"Items": [*([self._story] if self._story else []), *self._waits(story)]}
        if operation == "StartExecution":
            return {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:x", "startDate": 1767225600}
        return {}

    def _waits(self, story: dict[str, str]) -> Iterator[dict[str, Any]]:
        for number in range(self.waiting):
            yield {
                "story": story,
                "entry": {"S": f"WAIT#run-{number}-0123456789abcdef"},
                "taskToken": {"S": f"{number:04}" * 180},  # AWS's are about 700 characters long
                "startedAt": {"S": "2026-01-31T09:00:00.000Z"},
                "countsFrom": {"S": "2026-01-31T08:59:55.000Z"},
                "expiresAt": {"N": "1801526400"},
            }


@contextmanager
def stub_aws(waiting: int = 0) -> Iterator[StubAws]:
    """Run the stub on a free port; a function with its `environment` uses it."""
    aws = StubAws(waiting)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(aws.answer(self.headers["X-Amz-Target"].partition(".")[2], body)).encode()
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(answer)}\r\n\r\n"
            )
            self.wfile.write(head.encode() + answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    aws.environment = {
        **NAMES,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
