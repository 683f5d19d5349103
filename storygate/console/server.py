"""Serving the console on this machine alone.

By werkzeug's own server, which Flask and the local cloud bring along. Its makers advise against it where strangers
connect; here one operator does, over the loopback.
"""

import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from storygate.commands.common import Place
from storygate.console.app import create_app
from storygate.errors import OperatorError

HOST = "127.0.0.1"
STOP_SECONDS = 3.0

log = logging.getLogger("storygate.console")


@contextmanager
def console(place: Place, port: int, *, flag: str, locked: bool) -> Iterator[str]:
    """Serves a stage's console while the block runs; yields its address. A port of 0 means any free one.

    `locked` puts a random key into the address, without which nobody gets in. Raises OperatorError, naming `flag`, if
    the port is taken, and what AWS answers if it does not know the caller.
    """
    place = _ready(place)
    with _bound(port, flag) as listener:
        listener.listen(128)
        port = listener.getsockname()[1]
        key = secrets.token_urlsafe(24) if locked else None
        app = create_app(place, port, key)
        server = make_server(HOST, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{port}" + (f"/?key={key}" if key else "")
        finally:
            server.shutdown()
            server.server_close()
            thread.join(STOP_SECONDS)


def _ready(place: Place) -> Place:
    """The place with every client made once: threads may share boto3's clients, but not make them (boto3 guide)."""
    place = replace(place, aws=replace(place.aws, client=_remembering(place.aws.client)))
    _ = place.runs, place.who, place.s3, place.dynamodb
    return place


def _remembering(make: Callable[[str], Any]) -> Callable[[str], Any]:
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def client(service: str) -> Any:
        with lock:
            if service not in made:
                made[service] = make(service)
            return made[service]

    return client


def _bound(port: int, flag: str) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OperatorError(
            f"Port {port} cannot be had for the console: {error.strerror}.",
            f"Choose another one with {flag}, or 0 for any free one.",
        ) from error
    return listener


class _Handler(WSGIRequestHandler):
    """Quiet: the terminal is the operator's, and the first line of it would show the key."""

    def log(self, type: str, message: str, *args: Any) -> None:
        if type == "error":
            log.debug(message, *args)
