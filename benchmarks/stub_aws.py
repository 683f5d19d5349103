"""An AWS that answers at once, or after a time, so that measured times are only storygate's own."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = {name: f"{name}-secret" for name in ("callback", "automation", "validation", "deployment", "notification")}
NAMES = {f"STORYGATE_{name}": "storygate-bench" for name in ("BUCKET", "TABLE", "SECRET", "STATE_MACHINE")}


@dataclass
class StubAws:
    """Answers the operations of callback, trigger and sweep. `waiting` runs wait for each of `stories` stories.

    Each answer takes `seconds`. If it `remembers`, an entry that was removed is gone, and a token is accepted once.
    """

    waiting: int = 0
    stories: int = 1
    seconds: float = 0.0
    remembers: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    handed_over: list[Any] = field(default_factory=list)
    _story: dict[str, Any] = field(default_factory=dict)
    _removed: set[str] = field(default_factory=set)
    _spent: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """An operation's result, in the shape of botocore's JSON protocols; `{"__type": …}` is an error."""
        time.sleep(self.seconds)
        with self._lock:
            self.calls[operation] += 1
        return getattr(self, f"_{operation}", lambda _: {})(request)

    def _GetSecretValue(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Name": request["SecretId"], "SecretString": json.dumps(SECRET)}

    def _PutItem(self, request: dict[str, Any]) -> dict[str, Any]:
        self._story = request["Item"]
        return {}

    def _Query(self, request: dict[str, Any]) -> dict[str, Any]:
        story = request["ExpressionAttributeValues"][":story"]
        items = [*([self._story] if self._story else []), *(self._waits(story) if story["S"][0] != "#" else [])]
        after = request.get("ExclusiveStartKey", {}).get("entry", {}).get("S", "")
        items = [item for item in items if item["entry"]["S"] > after]
        page = items[: request.get("Limit")]
        rest = {"LastEvaluatedKey": {"entry": page[-1]["entry"]}} if len(page) < len(items) else {}
        return {"Count": len(page), **({} if request.get("Select") == "COUNT" else {"Items": page}), **rest}

    def _DeleteItem(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.remembers:
            self._removed.add(request["Key"]["entry"]["S"])
        return {}

    def _SendTaskSuccess(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            spent = self.remembers and request["taskToken"] in self._spent
            self._spent.add(request["taskToken"])
        return {"__type": "TaskTimedOut", "message": "spent"} if spent else {}

    def _StartExecution(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:x", "startDate": 1767225600}

    def _Scan(self, _: dict[str, Any]) -> dict[str, Any]:
        items = [
            {"story": {"S": f"PROJ-{story}"}, "entry": {"S": _entry(run)}}
            for story in range(1, self.stories + 1)
            for run in range(self.waiting)
        ]
        return {"Items": items, "Count": len(items)}

    def _ListExecutions(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"executions": [{"name": _entry(run).removeprefix("WAIT#")} for run in range(self.waiting)]}

    def _waits(self, story: dict[str, str]) -> Iterator[dict[str, Any]]:
        for number in range(self.waiting):
            if _entry(number) in self._removed:
                continue
            yield {
                "story": story,
                "entry": {"S": _entry(number)},
                "taskToken": {"S": f"{number:04}" * 180},  # AWS's are about 700 characters long
                "startedAt": {"S": "2025-12-31T09:00:00.000Z"},
                "countsFrom": {"S": "2025-12-31T08:59:55.000Z"},
                "expiresAt": {"N": "1801526400"},
            }


def _entry(run: int) -> str:
    return f"WAIT#run-{run:04}-0123456789abcdef"


@contextmanager
def stub_aws(waiting: int = 0, stories: int = 1, seconds: float = 0.0, remembers: bool = False) -> Iterator[StubAws]:
    """Run the stub on a free port; a function with its `environment` uses it."""
    aws = StubAws(waiting, stories, seconds, remembers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            target = self.headers["X-Amz-Target"]
            if target is None:  # Lambda's Invoke, the only REST call
                aws.handed_over.append(body)
                said, status = {}, "202 Accepted"
            else:
                said = aws.answer(target.partition(".")[2], body)
                status = "400 Bad Request" if "__type" in said else "200 OK"
            answer = json.dumps(said).encode()
            head = [f"HTTP/1.1 {status}", "Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(answer)}"]
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + answer)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
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
