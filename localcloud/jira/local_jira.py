"""Serve a Jira on this machine: its REST API, its webhooks and its board."""

import contextlib
import logging
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler

from localcloud import LocalCloudError
from localcloud.jira.answering import Outage, caller, error_answer
from localcloud.jira.board import board
from localcloud.jira.deliveries import Deliveries, usual_pause
from localcloud.jira.rest_paths import SERVER_INFO, rest_api
from localcloud.jira.site import JiraError, Site
from localcloud.jira.site_data import ACCOUNT, TOKEN
from localcloud.jira.webhook_paths import webhook_api
from localcloud.loopback import bound, serving

log = logging.getLogger("localcloud.jira")


class LocalJira:
    """A local Jira; a context manager. A port of 0 means any free one.

    `site` is its state, `deliveries` its webhooks, `outage` makes its API fail. `pause` returns the seconds before a
    webhook's n-th retry; `wrap` puts WSGI middleware around everything. Raises LocalCloudError if the port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        site: Site | None = None,
        pause: Callable[[int], float] = usual_pause,
        wrap: Callable[[Any], Any] = lambda app: app,
    ) -> None:
        self.site = site or Site()
        self.outage = Outage()
        self.url = ""
        """Where it is, `http://127.0.0.1:<port>`; known once started."""
        self.credentials = {"user": ACCOUNT.email, "token": TOKEN}
        """Email and token of an account that may do everything."""
        self._port, self._pause, self._wrap = port, pause, wrap
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        listener = self._bind()
        self._cleanup.callback(listener.close)
        self.url = "http://{}:{}".format(*listener.getsockname())
        self.deliveries = Deliveries(self.site, self._address, self._pause)
        self._cleanup.callback(self.deliveries.stop)
        self._cleanup.enter_context(serving(self._wrap(self._app()), listener, _Handler))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _bind(self) -> socket.socket:
        try:
            return bound(self._port)
        except OSError as error:
            raise LocalCloudError(
                f"port {self._port} is taken; choose another one with --jira-port, or 0 for any free one "
                f"({error.strerror})"
            ) from error

    def _app(self) -> Any:
        app = Flask("localcloud.jira", static_folder=None)
        app.json.sort_keys = False  # type: ignore[attr-defined]
        app.register_blueprint(rest_api(self.site, self._address, self._admit))
        app.register_blueprint(webhook_api(self.site, self.deliveries, self._address, self._admit))
        app.register_blueprint(board(self.site, self.deliveries, self.outage))
        app.register_error_handler(JiraError, error_answer)
        return app

    def _address(self) -> str:
        return self.url

    def _admit(self) -> None:
        self.outage.check()
        if request.path != SERVER_INFO or request.headers.get("Authorization"):  # which anybody may ask for
            caller()


class _Handler(WSGIRequestHandler):
    """Writes the access log at level DEBUG."""

    def log(self, _type: str, message: str, *args: object) -> None:
        log.debug(message, *args)
