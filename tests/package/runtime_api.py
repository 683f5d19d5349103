"""The part of the Lambda Runtime API that `awslambdaric` needs: it hands out one event and takes one answer.

(Lambda developer guide, "Lambda runtime API": GET …/invocation/next, POST …/response, …/error, …/init/error.)
"""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:storygate-local"


@dataclass(frozen=True)
class ColdStart:
    """A fresh runtime's answer to its first event, and the seconds from its start until it asked and answered."""

    answer: Any
    ready: float
    answered: float


def invoke(package: Path, handler: str, event: Any, environment: dict[str, str], patience: float = 30) -> Any:
    """Return a handler's answer to an event; raises as `cold_start` does."""
    return cold_start(package, handler, event, environment, patience).answer


def cold_start(package: Path, handler: str, event: Any, environment: dict[str, str], patience: float = 30) -> ColdStart:
    """Run a handler of an unpacked package under awslambdaric, in a fresh process, for one event.

    Raises AssertionError with Lambda's error document if the handler failed, and TimeoutError after `patience` seconds.
    """
    outcome: dict[str, Any] = {}
    answered = threading.Event()

    class RuntimeApi(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "event" not in outcome:
                outcome.update(event=event, ready=time.perf_counter())
                self._reply(200, json.dumps(event).encode())
            else:
                answered.wait(patience)  # a warm function waits here for its next event; there is none

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            outcome["answered"] = time.perf_counter()
            outcome["answer" if self.path.endswith("/response") else "error"] = json.loads(body)
            self._reply(202, b"{}")
            answered.set()

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-0000-0000-000000000000")
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000")
            self.send_header("Content-Type", "application/json")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + patience) * 1000)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    began = time.perf_counter()
    runtime = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", handler],
        cwd=package,
        env={
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(package),
            "_HANDLER": handler,
            "PYTHONDONTWRITEBYTECODE": "1",  # on Lambda a package cannot be written to: each start compiles it
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "storygate-local",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def notice_the_end() -> None:
        runtime.wait()
        answered.set()

    threading.Thread(target=notice_the_end, daemon=True).start()  # a runtime that dies never answers
    try:
        finished = answered.wait(patience)
    finally:
        runtime.kill()
        output, _ = runtime.communicate()
        server.shutdown()
        server.server_close()
    if not finished:
        raise TimeoutError(f"{handler} did not answer in {patience} seconds; it printed:\n{output}")
    assert "answer" in outcome, f"{outcome.get('error', 'the runtime died')}\n{output}"
    return ColdStart(outcome["answer"], outcome["ready"] - began, outcome["answered"] - began)
