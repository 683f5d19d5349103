"""A WSGI server on the loopback address.

It is werkzeug's, which moto installs. Werkzeug's authors advise against it on a public network; here only this machine
can connect.
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
    """Return a socket bound to a port, 0 for any free one, not listening yet. Raises OSError if the port is taken."""
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
    """Serve an app on a bound or listening socket while the block runs, in a thread for each request."""
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
