"""The REST APIs of a project's stages, each with a dev server of its own."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from localcloud.loopback import bound
from localcloud.rest_api import rest_api


class RestApis:
    """The dev servers, each by the name of the function behind its API, which Chalice calls `<app>-<stage>`.

    That of `stage` listens on `listener` once it is started, every other one on a free port from its first request on.
    `environment` returns a function's variables, and those that lead to this AWS. `write` takes a function's name and a
    line of JSON that it prints.
    """

    def __init__(
        self,
        project: Path,
        stage: str,
        listener: socket.socket,
        environment: Callable[[str], Mapping[str, str]],
        write: Callable[[str, str], None],
    ) -> None:
        self._project, self._stage, self._listener = project, stage, listener
        self._environment, self._write = environment, write
        self._others: dict[str, socket.socket] = {}
        self._running: dict[str, contextlib.ExitStack] = {}
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the dev server of `stage`, and wait until it answers. Raises LocalCloudError if that fails."""
        with self._lock:
            self._start(self._own)

    def port(self, function: str) -> int:
        """Return the port of a function's dev server. Raises LocalCloudError if one of another stage does not start."""
        if function == self._own:
            return int(self._listener.getsockname()[1])
        with self._lock:
            if function not in self._others:
                self._others[function] = bound(0)
            if function not in self._running:
                self._start(function)
            return int(self._others[function].getsockname()[1])

    def renew(self, function: str) -> None:
        """Replace a function's dev server, if it runs; requests wait meanwhile."""
        with self._lock:
            if running := self._running.pop(function, None):
                running.close()
                self._start(function)

    def stop(self) -> None:
        """End all dev servers."""
        with self._lock:
            for running in self._running.values():
                running.close()
            self._running.clear()
            while self._others:
                self._others.popitem()[1].close()

    @property
    def _own(self) -> str:
        return f"{self._app}-{self._stage}"

    @property
    def _app(self) -> str:
        config = json.loads((self._project / ".chalice" / "config.json").read_text(encoding="utf-8"))
        return str(config["app_name"])

    def _start(self, function: str) -> None:
        stage, listener = function.removeprefix(f"{self._app}-"), self._others.get(function, self._listener)

        def write(line: str) -> None:
            self._write(function, line)

        running = contextlib.ExitStack()
        running.enter_context(rest_api(self._project, stage, listener, self._environment(function), write))
        self._running[function] = running
