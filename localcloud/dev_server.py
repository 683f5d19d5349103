"""Chalice's own dev server in a process of its own, with the behaviour of API Gateway.

`chalice local` differs from API Gateway (developer guide, apigateway-use-lambda-authorizer and
api-gateway-payload-encodings) as follows; each difference is removed here:
 - a text body that is not UTF-8 reaches the handler as bytes; API Gateway replaces the invalid bytes by U+FFFD;
 - it looks for `content-type` in lower case only, so binary bodies are not passed in base64 as on AWS;
 - any exception of an authorizer or of the framework drops the connection; API Gateway answers 500 or 502;
 - at most five connections wait, the sixth is refused; and Nagle's algorithm delays every answer by some 40 ms;
 - requests print at the same time into one another's lines; on AWS each has a function of its own;
 - it survives a parent that is killed; this process ends when its standard input closes.

Started by `localcloud.rest_api` as a plain script, in the project's directory, with a bound socket to listen on.
"""

import argparse
import functools
import io
import logging
import os
import sys
import threading
from pathlib import Path
from socket import socket as Socket
from typing import Any, TextIO

from chalice.app import Chalice
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy.validate import validate_routes
from chalice.local import (
    ChaliceRequestHandler,
    CustomLocalChalice,
    InvalidAuthorizerError,
    LocalChalice,
    LocalDevServer,
    LocalGateway,
    LocalGatewayException,
    ThreadedHTTPServer,
)

log = logging.getLogger("localcloud.dev_server")


class Lines(io.TextIOBase):
    """Standard output of several threads: each thread's lines arrive whole. `print` writes a line's end by itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock = stream, threading.Lock()
        self._begun = threading.local()

    def write(self, text: str) -> int:
        """Write the lines that end in the text, and keep what begins behind them."""
        lines, end, begun = (getattr(self._begun, "text", "") + text).rpartition("\n")
        self._begun.text = begun
        if end:
            with self._lock:
                self._stream.write(lines + end)
                self._stream.flush()
        return len(text)


class IntegrationError(LocalGatewayException):  # type: ignore[misc]  # chalice is untyped here
    """API Gateway's answer when a Lambda function fails: 502."""

    CODE = 502


class Gateway(LocalGateway):  # type: ignore[misc]
    """Chalice's local API Gateway; answers every request, and passes bodies on as API Gateway does."""

    def handle_request(self, method: str, path: str, headers: dict[str, Any], body: bytes | None) -> Any:
        """Return API Gateway's answer, or raise LocalGatewayException, which Chalice's handler turns into one."""
        try:
            return super().handle_request(method, path, {name.lower(): value for name, value in headers.items()}, body)
        except LocalGatewayException:
            raise
        except Exception as error:
            log.exception("%s %s", method, path)
            raise IntegrationError({}, b'{"message": "Internal server error"}') from error

    def _generate_lambda_event(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None
    ) -> dict[str, Any]:
        event: dict[str, Any] = super()._generate_lambda_event(method, path, headers, body)
        if isinstance(event["body"], bytes):
            event["body"] = event["body"].decode("utf-8", errors="replace")
        return event


class Handler(ChaliceRequestHandler):  # type: ignore[misc]
    """Chalice's request handler, with our gateway."""

    disable_nagle_algorithm = True

    def __init__(self, *args: Any, app_object: Chalice, config: Config) -> None:
        self._gateway = Gateway(app_object, config)
        self._gateway._authorizer.authorize = _or_500(self._gateway._authorizer.authorize)
        super().__init__(*args, app_object=app_object, config=config)

    @property
    def local_gateway(self) -> Gateway:
        """Our gateway; Chalice's constructor sets its own, and handles the request before it returns."""
        return self._gateway

    @local_gateway.setter
    def local_gateway(self, _: LocalGateway) -> None:
        pass


class Server(ThreadedHTTPServer):  # type: ignore[misc]
    """Listens on a socket that the parent has bound: the port is known and reserved before the app is loaded."""

    request_queue_size = 128
    socket: Socket

    def __init__(self, address: tuple[str, int], handler: Any, *, listener: Socket) -> None:
        super().__init__(address, handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = address
        self.server_activate()


def main() -> None:
    """Load the Chalice app of the working directory and serve it until standard input closes."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--stage", required=True)
    arguments.add_argument("--socket", type=int, required=True, help="file descriptor of a bound TCP socket")
    options = arguments.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout = Lines(sys.stdout)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    os.environ["AWS_CHALICE_CLI_MODE"] = "true"  # as under `chalice local`

    factory = CLIFactory(str(Path.cwd()), environ=os.environ)
    config = factory.create_config_obj(chalice_stage_name=options.stage)
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = f"{config.app_name}-{options.stage}"  # as Chalice names that function
    app = config.chalice_app
    validate_routes(app.routes)
    # The next two lines are chalice.local.create_local_server, which takes no handler.
    CustomLocalChalice.__bases__ = (LocalChalice, app.__class__)
    app.__class__ = CustomLocalChalice
    listener = Socket(fileno=options.socket)
    host, port = listener.getsockname()
    server_class = functools.partial(Server, listener=listener)
    LocalDevServer(app, config, host, port, handler_cls=Handler, server_cls=server_class).serve_forever()


def _or_500(authorize: Any) -> Any:
    """Answer 500 without a message if the authorizer raises (API Gateway, AuthorizerConfigurationException)."""

    @functools.wraps(authorize)
    def guarded(*args: Any) -> Any:
        try:
            return authorize(*args)
        except LocalGatewayException:
            raise
        except Exception as error:
            log.exception("the authorizer failed")
            raise InvalidAuthorizerError({}, b'{"message":null}') from error

    return guarded


def _end_with_parent() -> None:
    # Not sys.stdin: its lock, held by this thread, would break the interpreter's own shutdown.
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
