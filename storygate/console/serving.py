"""Serving the console on this machine alone."""

import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from werkzeug.serving import WSGIRequestHandler

from localcloud.loopback import HOST, bound, serving
from storygate.commands.arguments import Place
from storygate.console.pages import create_app
from storygate.support.errors import OperatorError

log = logging.getLogger("storygate.console")


@contextmanager
def console(place: Place, listener: socket.socket, *, locked: bool) -> Iterator[str]:
    """Serves a stage's console on a socket of `reserved` while the block runs; yields its address.

    `locked` puts a random key into the address, without which nobody gets in. Raises what AWS answers if it does not
    know the caller.
    """
    place, port = _ready(place), listener.getsockname()[1]
    key = secrets.token_urlsafe(24) if locked else None
    with serving(create_app(place, port, key), listener, _Handler):
        yield f"http://{HOST}:{port}" + (f"/?key={key}" if key else "")


def reserved(port: int, flag: str) -> socket.socket:
    """A port for the console, 0 for any free one; OperatorError, naming `flag`, if it is taken."""
    try:
        return bound(port)
    except OSError as error:
        raise OperatorError(
            f"Port {port} cannot be had for the console: {error.strerror}.",
            f"Choose another one with {flag}, or 0 for any free one.",
        ) from error


def _ready(place: Place) -> Place:
    """The place with every client made once: threads may share boto3's clients, but not make them (boto3 guide)."""
    place = replace(place, aws=replace(place.aws, make_client=_remembering(place.aws.client)))
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


class _Handler(WSGIRequestHandler):
    """Quiet: the terminal is the operator's, and the first line of it would show the key."""

    def log(self, type: str, message: str, *args: Any) -> None:
        if type == "error":
            log.debug(message, *args)
