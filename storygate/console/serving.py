"""Serve the console on this machine only.

It uses werkzeug's server, which Flask installs. Werkzeug's authors advise against it on a public network; here only
this machine can connect.
"""

import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import Forbidden
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from storygate.console.guard import ENTER
from storygate.console.pages import create_app
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

HOST = "127.0.0.1"
STOP_SECONDS = 3.0

log = logging.getLogger("storygate.console")


@contextmanager
def console(context: Context, listener: socket.socket, *, locked: bool) -> Iterator[str]:
    """Serve a stage's console on a socket of `reserved` while the block runs; yields its address.

    `locked` puts a random path and a random key into the address, without which every request is refused. Raises AWS's
    error if it does not know the caller.
    """
    listener.listen(128)
    port = listener.getsockname()[1]
    key, root = (secrets.token_urlsafe(24), f"/{secrets.token_urlsafe(16)}") if locked else (None, "")
    app = create_app(context, port, key, root)
    site = DispatcherMiddleware(Forbidden(ENTER), {root: app}) if root else app
    server = make_server(HOST, port, site, threaded=True, request_handler=_Handler, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{port}" + (f"{root}/?key={key}" if key else "")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(STOP_SECONDS)


def reserved(port: int, flag: str) -> socket.socket:
    """Bind a port for the console, 0 for any free one; OperatorError, which names `flag`, if it is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OperatorError(
            f"The console cannot listen on port {port}: {error.strerror}.",
            f"Choose another port with {flag}, or 0 for any free one.",
        ) from error
    return listener


class _Handler(WSGIRequestHandler):
    """Logs no requests: the operator uses the terminal, and the first line would show the key."""

    def log(self, type: str, message: str, *args: object) -> None:
        if type == "error":
            log.debug(message, *args)
