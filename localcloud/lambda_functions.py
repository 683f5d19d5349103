"""Runs Lambda functions on this machine without Docker: the deployed zip, unpacked, in worker processes.

A function gets up to `ENVIRONMENTS` processes, each handling one event at a time, rather than one process with threads:
that is what Lambda does, so module globals behave as on AWS, and a function that overruns its timeout can be killed
without taking its neighbours along. They start at the first event, stay warm, and are replaced when the function's
code or configuration changes.

Asynchronous events follow Lambda's contract (Lambda developer guide, invocation-async.html): two more attempts when the
function fails, then the on-failure destination if the function has one, else the event is dropped. The one difference
is the wait before those attempts: 1 and 2 minutes on AWS, `RETRY_DELAYS_SECONDS` here.
"""

import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ENVIRONMENTS = 4
RETRY_DELAYS_SECONDS = (0.1, 0.2)
INIT_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 3.0

WORKER = Path(__file__).with_name("lambda_worker.py")

# The process needs these to run Python at all; nothing else of ours, above all no AWS profile, reaches a function.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")

log = logging.getLogger("localcloud.lambda")

Error = dict[str, Any]
Write = Callable[[str, str, str], None]
"""Takes log group, log stream and one line."""


@dataclass(frozen=True)
class Function:
    """What is deployed: all that decides whether a warm process may still be used, plus the zip itself."""

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
        return self.arn.split(":")[3]

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.name}"


@dataclass(frozen=True)
class Outcome:
    """`payload` is the result as JSON, or, if `error` is "Unhandled", AWS's description of what went wrong."""

    payload: bytes
    error: str | None = None


@dataclass(frozen=True)
class AsyncPolicy:
    """An event invoke config: attempts after the first one, and who is told when all of them failed."""

    retries: int = len(RETRY_DELAYS_SECONDS)
    on_failure: Callable[[Any, Outcome, int], None] | None = None
    """Called with the event, the last outcome and the number of attempts."""


class LambdaFunctions:
    """All functions of one local cloud.

    `environment` is what every function sees besides its own variables: region, credentials, endpoint. `write` takes
    each line a function logs.
    """

    def __init__(self, environment: Mapping[str, str], write: Write) -> None:
        self._environment = dict(environment)
        self._write = write
        self._directory = Path(tempfile.mkdtemp(prefix="storygate-lambda-"))
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def invoke(self, function: Function, event: Any) -> Outcome:
        """Run the function once and wait for it (InvocationType RequestResponse). `event` is any JSON value."""
        return self._pool(function).run(event)

    def enqueue(self, function: Function, event: Any, policy: AsyncPolicy | None = None) -> "Future[None]":
        """Run the function later, with retries (InvocationType Event); the future ends when the event is done with."""
        pool = self._pool(function)
        return pool.executor.submit(self._deliver, function, event, policy or AsyncPolicy())

    def forget(self, arn: str) -> None:
        """End the processes of a deleted function."""
        with self._lock:
            pool = self._pools.pop(arn, None)
        if pool:
            pool.stop()

    def stop(self) -> None:
        """Drop what is queued, end every process, remove the unpacked code. Takes `STOP_TIMEOUT_SECONDS` at most."""
        self._stopping.set()
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _pool(self, function: Function) -> "_Pool":
        with self._lock:
            if self._stopping.is_set():
                raise RuntimeError("the local cloud is stopping")
            pool = self._pools.get(function.arn)
            if pool is None:
                pool = self._pools[function.arn] = _Pool(self._start)
            pool.use(function)
            return pool

    def _start(self, function: Function) -> "_Environment":
        return _Environment(function, self._unpack(function), self._environment, self._write)

    def _unpack(self, function: Function) -> Path:
        with self._lock:
            # The hash may hold a slash (base64), the name may not be unique across regions.
            key = uuid.uuid5(uuid.NAMESPACE_URL, f"{function.arn}#{function.code_sha256}")
            target = self._directory / str(key)
            if not target.exists():
                target.mkdir()
                with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
                    archive.extractall(target)
            return target

    def _deliver(self, function: Function, event: Any, policy: AsyncPolicy) -> None:
        pool = self._pool(function)
        for attempt in range(1, policy.retries + 2):
            outcome = pool.run(event)
            if outcome.error is None or self._stopping.is_set():
                return
            log.warning("%s failed, attempt %d: %s", function.name, attempt, _message(outcome))
            if attempt <= policy.retries and self._stopping.wait(RETRY_DELAYS_SECONDS[attempt - 1]):
                return
        if policy.on_failure:
            policy.on_failure(event, outcome, policy.retries + 1)
        else:
            log.warning("%s: event dropped after %d attempts, as AWS would", function.name, policy.retries + 1)


class _Pool:
    """The execution environments of one function. At most `ENVIRONMENTS` events run at once, the others wait."""

    def __init__(self, start: Callable[[Function], "_Environment"]) -> None:
        self._start = start
        self._slots = threading.BoundedSemaphore(ENVIRONMENTS)
        self._lock = threading.Lock()
        self._idle: list[_Environment] = []
        self._all: set[_Environment] = set()
        self._function: Function | None = None
        self._stopped = False
        self.executor = ThreadPoolExecutor(max_workers=ENVIRONMENTS, thread_name_prefix="lambda-event")

    def use(self, function: Function) -> None:
        """Retire idle environments of an older version; busy ones finish their event first."""
        with self._lock:
            if function == self._function:
                return
            self._function = function
            outdated, self._idle = self._idle, []
            self._all.difference_update(outdated)
        for environment in outdated:
            environment.stop()

    def run(self, event: Any) -> Outcome:
        with self._slots:
            try:
                environment = self._take()
            except _Failed as failure:
                return failure.outcome
            try:
                return environment.handle(event)
            finally:
                self._give_back(environment)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            environments, self._all = self._all, set()
        self.executor.shutdown(wait=False, cancel_futures=True)
        for environment in environments:
            environment.stop()
        self.executor.shutdown(wait=True)

    def _take(self) -> "_Environment":
        with self._lock:
            while self._idle:
                environment = self._idle.pop()
                if environment.alive:
                    return environment
                self._all.discard(environment)
            function = self._function
        assert function is not None  # noqa: S101 - `use` comes first, always
        environment = self._start(function)
        with self._lock:
            if not self._stopped:
                self._all.add(environment)
                return environment
        environment.stop()
        raise _Failed("Runtime.ExitError", "the function is being removed")

    def _give_back(self, environment: "_Environment") -> None:
        with self._lock:
            if not self._stopped and environment.alive and environment.function == self._function:
                self._idle.append(environment)
                return
            self._all.discard(environment)
        environment.stop()


class _Failed(Exception):
    """The event ended without an answer of the handler's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.outcome = Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), "Unhandled")


class _Environment:
    """One worker process."""

    def __init__(self, function: Function, code: Path, environment: Mapping[str, str], write: Write) -> None:
        self.function = function
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            cwd=code,
            env=_variables(function, code, environment, stream),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C is for the parent; it closes the pipe, and the worker ends by that.
            start_new_session=True,
        )
        self._logger = threading.Thread(target=self._log, args=(stream, write), daemon=True)
        self._logger.start()
        try:
            ready = self._reply(INIT_TIMEOUT_SECONDS)
        except _Failed:
            self.stop()
            raise
        if error := ready.get("initError"):
            self.stop()
            failure = _Failed(error["errorType"], error["errorMessage"])
            failure.outcome = Outcome(json.dumps(error).encode(), "Unhandled")
            raise failure

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def handle(self, event: Any) -> Outcome:
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
        except _Failed as failure:
            return failure.outcome
        except (OSError, ValueError):  # the process died between two events, or is being stopped
            return _Failed("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited").outcome
        if "error" in reply:
            return Outcome(json.dumps(reply["error"]).encode(), "Unhandled")
        return Outcome(json.dumps(reply["result"]).encode())

    def stop(self) -> None:
        """Close its input, which ends it, and make sure that it did."""
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
        """The worker's next line. A timer kills the process when its time is over, as Lambda does."""
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
            what = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            raise _Failed("Sandbox.Timedout", what)
        what = f"RequestId: {request_id} Error: Runtime exited with error: exit status {status}"
        raise _Failed("Runtime.ExitError", what)

    def _log(self, stream: str, write: Write) -> None:
        for line in _pipe(self._process.stderr):
            text = line.rstrip("\n")
            log.info("%s: %s", self.function.name, text)
            write(self.function.log_group, stream, text)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 - all three are pipes, see Popen above
    return stream


def _variables(function: Function, code: Path, environment: Mapping[str, str], stream: str) -> dict[str, str]:
    """What Lambda sets (Lambda developer guide, configuration-envvars.html), and the function's own variables."""
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


def _message(outcome: Outcome) -> str:
    error: Error = json.loads(outcome.payload)
    return f"{error['errorType']}: {error['errorMessage']}"
