"""One execution environment of a Lambda function: a worker process that runs the deployed code, one event at a time."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

INIT_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 3.0

WORKER = Path(__file__).with_name("lambda_worker.py")

# Python needs these to run. A function gets nothing else of this process's environment, above all no AWS profile.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")

log = logging.getLogger("localcloud.lambda")

Write = Callable[[str, str, str], None]
"""Takes log group, log stream and one line."""


@dataclass(frozen=True)
class Function:
    """A deployed function: what decides whether a warm process may still be used, plus the zip itself."""

    arn: str
    name: str
    handler: str
    timeout_seconds: int
    memory_mb: int
    variables: tuple[tuple[str, str], ...]
    code_sha256: str
    code: bytes = field(compare=False, repr=False)

    @property
    def region(self) -> str:
        """The region in its ARN."""
        return self.arn.split(":")[3]

    @property
    def log_group(self) -> str:
        """The log group that Lambda writes to."""
        return f"/aws/lambda/{self.name}"


@dataclass(frozen=True)
class Outcome:
    """`payload` is the result as JSON, or, if `error` is "Unhandled", AWS's description of what went wrong."""

    payload: bytes
    error: str | None = None

    @property
    def message(self) -> str:
        """The error's type and message, if there was one."""
        error = json.loads(self.payload)
        return f"{error['errorType']}: {error['errorMessage']}"


class Unhandled(Exception):
    """The event ended without an answer of the handler's."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["errorMessage"])
        self.outcome = Outcome(json.dumps(error).encode(), "Unhandled")


def unhandled(kind: str, message: str) -> Unhandled:
    """Return the failure that Lambda itself reports, such as `Sandbox.Timedout`."""
    return Unhandled({"errorType": kind, "errorMessage": message})


class Environment:
    """A worker process. The constructor waits until the handler is imported, and raises Unhandled if it cannot be."""

    def __init__(self, function: Function, code: Path, environment: Mapping[str, str], write: Write) -> None:
        self.function = function
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
        self._process = _start(code, _variables(function, code, environment, stream))
        self._logger = threading.Thread(target=self._log, args=(stream, write), daemon=True)
        self._logger.start()
        try:
            ready = self._reply(INIT_TIMEOUT_SECONDS)
            if error := ready.get("initError"):
                raise Unhandled(error)
        except Unhandled:
            self.stop()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def handle(self, event: Any) -> Outcome:
        """Run the handler once, within the function's timeout."""
        request_id = str(uuid.uuid4())
        timeout = float(self.function.timeout_seconds)
        request = {
            "event": event,
            "requestId": request_id,
            "arn": self.function.arn,
            "deadlineMs": time.time_ns() // 1_000_000 + int(timeout * 1000),
        }
        try:
            _pipe(self._process.stdin).write(json.dumps(request) + "\n")
            _pipe(self._process.stdin).flush()
            reply = self._reply(timeout, request_id)
        except Unhandled as failure:
            return failure.outcome
        except (OSError, ValueError):  # the process died between two events, or is being stopped
            return unhandled("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited").outcome
        if "error" in reply:
            return Outcome(json.dumps(reply["error"]).encode(), "Unhandled")
        return Outcome(json.dumps(reply["result"]).encode())

    def stop(self) -> None:
        """Close the worker's input, which ends it; kill it if that takes longer than `STOP_TIMEOUT_SECONDS`."""
        try:
            _pipe(self._process.stdin).close()
        except OSError:
            log.debug("the worker had closed its input already")
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._logger.join(STOP_TIMEOUT_SECONDS)

    def _reply(self, timeout: float, request_id: str = "") -> dict[str, Any]:
        """Return the worker's next line. A timer kills the process when its time is over, as Lambda does."""
        overran = threading.Event()

        def kill() -> None:
            overran.set()
            self._process.kill()

        timer = threading.Timer(timeout, kill)
        timer.start()
        try:
            line = _pipe(self._process.stdout).readline()
        finally:
            timer.cancel()
        if line:
            reply: dict[str, Any] = json.loads(line)
            return reply
        status = self._process.wait()
        if overran.is_set():
            message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            raise unhandled("Sandbox.Timedout", message)
        message = f"RequestId: {request_id} Error: Runtime exited with error: exit status {status}"
        raise unhandled("Runtime.ExitError", message)

    def _log(self, stream: str, write: Write) -> None:
        for line in _pipe(self._process.stderr):
            text = line.rstrip("\n")
            log.info("%s: %s", self.function.name, text)
            write(self.function.log_group, stream, text)


def _start(code: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", str(WORKER)],
        cwd=code,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        # Ctrl-C must reach the parent alone; it closes the pipe, which ends the worker.
        start_new_session=True,
    )


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 - all three are pipes, see `_start`
    return stream


def _variables(function: Function, code: Path, environment: Mapping[str, str], stream: str) -> dict[str, str]:
    """Return what Lambda sets (Lambda developer guide, configuration-envvars.html) and the function's own variables."""
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **environment,
        **dict(function.variables),
        "_HANDLER": function.handler,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(code),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
    }
