"""Lambda functions without Docker: the deployed zip, unpacked, in worker processes.

A function gets up to `ENVIRONMENTS` processes, each handling one event at a time, not one process with threads. Lambda
does the same, so module globals behave as on AWS, and a function that exceeds its timeout can be killed without its
neighbours. A process starts when an event finds none idle, is kept for the next event, and is replaced when the
function's code or configuration changes.

Asynchronous events follow Lambda's rules (Lambda developer guide, invocation-async.html): two more attempts when the
function fails, then the on-failure destination if the function has one, else the event is dropped. The one difference
is the wait before those attempts: 1 and 2 minutes on AWS, `RETRY_DELAYS_SECONDS` here.
"""

import io
import logging
import shutil
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.lambda_process import Environment, Function, Outcome, Unhandled, Write, unhandled

ENVIRONMENTS = 4
RETRY_DELAYS_SECONDS = (0.1, 0.2)

log = logging.getLogger("localcloud.lambda")


@dataclass(frozen=True)
class AsyncPolicy:
    """An event invoke config: the attempts after the first one, and what to do when all of them failed."""

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
        self._directory = Path(tempfile.mkdtemp(prefix="localcloud-lambda-"))
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def invoke(self, function: Function, event: Any) -> Outcome:
        """Run the function once and wait for it (InvocationType RequestResponse). `event` is any JSON value."""
        return self._pool(function).run(event)

    def enqueue(self, function: Function, event: Any, policy: AsyncPolicy | None = None) -> "Future[None]":
        """Run the function later, with retries (InvocationType Event); the future ends after the last attempt."""
        pool = self._pool(function)
        return pool.executor.submit(self._deliver, function, event, policy or AsyncPolicy())

    def forget(self, arn: str) -> None:
        """End the processes of a deleted function."""
        with self._lock:
            pool = self._pools.pop(arn, None)
        if pool:
            pool.stop()

    def stop(self) -> None:
        """Drop queued events, end every process (`Environment.stop` bounds the wait), remove the unpacked code."""
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

    def _start(self, function: Function) -> Environment:
        return Environment(function, self._unpack(function), self._environment, self._write)

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
            log.warning("%s failed, attempt %d: %s", function.name, attempt, outcome.message)
            if attempt <= policy.retries and self._stopping.wait(RETRY_DELAYS_SECONDS[attempt - 1]):
                return
        if policy.on_failure:
            policy.on_failure(event, outcome, policy.retries + 1)
        else:
            log.warning("%s: event dropped after %d attempts, as AWS would", function.name, policy.retries + 1)


class _Pool:
    """The execution environments of one function. At most `ENVIRONMENTS` events run at once, the others wait."""

    def __init__(self, start: Callable[[Function], Environment]) -> None:
        self._start = start
        self._slots = threading.BoundedSemaphore(ENVIRONMENTS)
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
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
        """Run one event in an idle environment, or in a new one; wait while all are busy."""
        with self._slots:
            try:
                environment = self._take()
            except Unhandled as failure:
                return failure.outcome
            try:
                return environment.handle(event)
            finally:
                self._give_back(environment)

    def stop(self) -> None:
        """Drop queued events and end every environment, busy ones included."""
        with self._lock:
            self._stopped = True
            environments, self._all = self._all, set()
        self.executor.shutdown(wait=False, cancel_futures=True)
        for environment in environments:
            environment.stop()
        self.executor.shutdown(wait=True)

    def _take(self) -> Environment:
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
        raise unhandled("Runtime.ExitError", "the function is being removed")

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            if not self._stopped and environment.alive and environment.function == self._function:
                self._idle.append(environment)
                return
            self._all.discard(environment)
        environment.stop()
