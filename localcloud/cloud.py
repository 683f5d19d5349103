"""An AWS on one machine: moto's server, the gaps filled, the deployed Lambda functions, Chalice's own dev server.

with LocalCloud(Path.cwd(), aws_port=4566, api_port=8000) as cloud:
    cloud.client("s3").list_buckets()
    ...                # deploy as to AWS, with cloud.environment
    cloud.start_api()  # what API Gateway serves, on cloud.api_url
"""

import contextlib
import datetime
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import localcloud.light  # noqa: F401 - before moto

# isort: split
import boto3
import botocore.session
from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.events.models import events_backends
from moto.moto_api._internal import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from localcloud import LocalCloudError
from localcloud.execute_api import Application, ExecuteApi
from localcloud.gaps.awslambda import invoke as lambda_invoke
from localcloud.gaps.registry import filled
from localcloud.lambda_functions import LambdaFunctions
from localcloud.loopback import bound, serving
from localcloud.rest_apis import RestApis
from localcloud.schedules import Schedules

__all__ = ["REGION", "LocalCloud", "LocalCloudError"]

REGION = "us-east-1"
STOP_TIMEOUT_SECONDS = 3.0

log = logging.getLogger("localcloud")


class LocalCloud:
    """A local cloud; a context manager. moto's state is global, so a process can run one at a time.

    `project` is the Chalice project, `stage` one of its stages. A port of 0 means any free one. `wrap` puts WSGI
    middleware around all that AWS's endpoint serves. `start` raises LocalCloudError if a port is taken or another local
    cloud runs in this process.
    """

    _running: "LocalCloud | None" = None
    _lock = threading.Lock()

    def __init__(
        self,
        project: Path,
        *,
        aws_port: int = 0,
        api_port: int = 0,
        stage: str = "local",
        wrap: Callable[[Application], Application] = lambda app: app,
    ) -> None:
        self.project = project
        self.stage = stage
        self._wrap = wrap
        self._ports = (aws_port, api_port)
        self._cleanup = contextlib.ExitStack()
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self._apis: RestApis | None = None
        self.endpoint_url = ""
        """Where AWS is, `http://127.0.0.1:<port>`; known once started."""
        self.api_url = ""
        """Where the REST API will be, `http://127.0.0.1:<port>`; known once started, answers after `start_api`."""
        self.schedules = Schedules()
        """EventBridge's rules with a schedule; `schedules.fire(name)` need not wait for the clock."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables to export so that boto3, the AWS CLI, Chalice and their callers use this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,  # in the AWS CLI an exported one wins over AWS_DEFAULT_REGION
        }

    def session(self) -> Any:
        """Return a boto3 session with this cloud's region and credentials. Its clients still need `endpoint_url`."""
        # Ignore an exported profile: boto3 fails if it does not exist.
        no_profile = botocore.session.Session({"profile": (None, None, None, None)})
        return boto3.Session(
            botocore_session=no_profile,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client of this cloud, the same one at each call. `os.environ` does not change."""
        with self._clients_lock:  # clients may be used in several threads, but not made in them
            if service not in self._clients:
                self._clients[service] = self.session().client(service, endpoint_url=self.endpoint_url)
            return self._clients[service]

    def start(self) -> None:
        """Start an empty AWS. If that fails, everything started so far is stopped."""
        with LocalCloud._lock:
            if LocalCloud._running is not None:
                raise LocalCloudError(
                    f"a local cloud runs in this process already, at {LocalCloud._running.endpoint_url}; stop it first"
                )
            LocalCloud._running = self
        self._cleanup.callback(self._release)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def start_api(self) -> None:
        """Start the REST API with the project's code, and wait until it answers.

        Raises LocalCloudError, with what the dev server printed, if that fails.
        """
        if self._apis is None:
            raise LocalCloudError("start the local cloud before its API")
        self._apis.start()

    def stop(self) -> None:
        """Stop all in reverse order and restore plain moto; each step is bounded. A second call does nothing."""
        self._cleanup.close()
        self._clients.clear()
        self._apis = None

    def _start(self) -> None:
        self._cleanup.enter_context(filled())
        moto_api_backend.reset()
        aws_port, api_port = self._ports
        api_listener = self._cleanup.enter_context(_bind(api_port, "--api-port"))
        self.api_url = "http://{}:{}".format(*api_listener.getsockname())
        listener = self._cleanup.enter_context(_bind(aws_port, "--aws-port"))
        self.endpoint_url = "http://{}:{}".format(*listener.getsockname())

        apis = self._apis = RestApis(self.project, self.stage, api_listener, self._api_environment, _write_api_log)
        self._cleanup.callback(apis.stop)
        api = ExecuteApi(DomainDispatcherApplication(create_backend_app), apis.port)
        self._cleanup.enter_context(serving(self._wrap(api), listener, _Handler))
        # moto's own integrations, such as Step Functions calling Lambda, go to the server at this port.
        self._cleanup.enter_context(_variable("MOTO_PORT", str(listener.getsockname()[1])))
        self._cleanup.callback(_stop_executions)

        functions = LambdaFunctions(self.environment, _write_log)
        lambda_invoke.run_with(functions, apis.renew)
        self._cleanup.callback(lambda_invoke.run_with, None)
        self._cleanup.callback(functions.stop)
        self.schedules = Schedules()
        self._cleanup.callback(self.schedules.stop)
        self.schedules.start()

    def _api_environment(self, function: str) -> dict[str, str]:
        functions = lambda_backends[DEFAULT_ACCOUNT_ID][REGION].list_functions()
        variables: dict[str, str] = next((it.environment_vars for it in functions if it.function_name == function), {})
        return {**variables, **self.environment}

    def _release(self) -> None:
        with LocalCloud._lock:
            LocalCloud._running = None


class _Handler(MotoRequestHandler):  # type: ignore[misc]  # moto is untyped here
    """Writes moto's access log at level DEBUG."""

    def log(self, _type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)


def _bind(port: int, flag: str) -> socket.socket:
    """Return a socket bound to the loopback address, not listening yet."""
    try:
        return bound(port)
    except OSError as error:
        raise LocalCloudError(
            f"port {port} is taken; choose another one with {flag}, or 0 for any free one ({error.strerror})"
        ) from error


def _stop_executions() -> None:
    """Stop all running executions, so that no thread of the interpreter keeps calling a closed port."""
    for events in events_backends[DEFAULT_ACCOUNT_ID].values():
        events.event_buses["default"].rules.clear()  # the functions that could hear of it have stopped
    now = datetime.datetime.now(tz=datetime.UTC)
    running = [
        execution
        for backend in stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID].values()
        for machine in backend.state_machines
        for execution in machine.executions
        if execution.status == "RUNNING" and execution.exec_worker.env is not None
    ]
    for execution in running:
        execution.stop(now, error=None, cause="the local cloud stops")
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while any(execution.status == "RUNNING" for execution in running) and time.monotonic() < deadline:
        time.sleep(0.01)


def _write_log(group: str, stream: str, line: str) -> None:
    with contextlib.suppress(Exception):  # a log line that cannot be written must not end the function
        lambda_invoke.write_log(DEFAULT_ACCOUNT_ID, REGION, group, stream, line)


def _write_api_log(function: str, line: str) -> None:
    _write_log(f"/aws/lambda/{function}", "rest-api", line)


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
