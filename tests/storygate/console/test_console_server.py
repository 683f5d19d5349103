"""The console is served to this machine alone, at its port, and leaves that port free."""

import http.client
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from storygate.console.serving import console, reserved
from storygate.stage.context import Context
from storygate.support.errors import OperatorError


def get(address: Any, path: str) -> Any:
    """Status and cookie."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["Set-Cookie"]
    finally:
        connection.close()


def test_the_address_lets_in_and_nothing_else_does_and_each_start_has_another_key(context: Context) -> None:
    with reserved(0, "--port") as port, console(context, port, locked=True) as address:
        path, query = urlsplit(address).path, urlsplit(address).query
        status, cookie = get(address, f"{path}?{query}")
        assert status == 200
        assert f"Path={path};" in cookie
        for refused in (path, "/", f"/?{query}", "/runs/a"):
            assert get(address, refused) == (403, None)
        with reserved(0, "--port") as another, console(context, another, locked=True) as other:
            assert get(other, f"{urlsplit(other).path}?{query}")[0] == 403
            assert urlsplit(other).path != path
    with pytest.raises(ConnectionRefusedError):
        get(address, "/")


def test_a_console_without_a_lock_has_a_plain_address(context: Context) -> None:
    with reserved(0, "--port") as port, console(context, port, locked=False) as address:
        assert urlsplit(address).query == ""
        assert get(address, "/")[0] == 200


def test_other_machines_cannot_reach_it(context: Context) -> None:
    with (
        reserved(0, "--port") as port,
        console(context, port, locked=False) as address,
        socket.socket() as probe,
    ):
        assert probe.connect_ex(("127.0.0.2", urlsplit(address).port)) != 0


def test_a_taken_port_is_named_with_its_flag() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OperatorError, match=f"cannot listen on port {port}") as told:
            reserved(port, "--console-port")
    assert "--console-port" in told.value.hint
