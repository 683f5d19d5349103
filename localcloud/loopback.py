"""Serving a WSGI app to this machine alone: the local cloud's AWS, and the console.

By werkzeug's own server, which Flask and moto bring along. Its makers advise against it where strangers connect; here
one operator does, over the loopback.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

HOST = "127.0.0.1"
STOP_SECONDS = 3.0


def bound(port: int) -> socket.socket:
    """A socket bound to a port, 0 for any free one, and not listening yet; raises OSError if the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def serving(app: Callable[..., Any], listener: socket.socket, handler: type[WSGIRequestHandler]) -> Iterator[None]:
    """Serves an app on a bound or listening socket while the block runs, a thread for each request."""
    listener.listen(128)
    host, port = listener.getsockname()
    server = make_server(host, port, app, threaded=True, request_handler=handler, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(STOP_SECONDS)
