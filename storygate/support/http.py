"""One POST over HTTP that sends its credentials only to the given URL: it follows no redirect."""

import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from storygate.support.errors import OperatorError, OutOfPatience

LONGEST_ANSWER = 1_048_576  # bytes that are read: a callback may name thousands of runs
THIS_MACHINE = frozenset(("127.0.0.1", "localhost", "::1"))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status. `text` holds at most its first MiB."""

    status: int
    text: str

    @property
    def is_success(self) -> bool:
        """Whether it is 2xx."""
        return 200 <= self.status < 300


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: urllib would send every header, also Authorization, to the new place. Jira follows none."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, what: str) -> Answer:
    """POST JSON bytes; `timeout` is in seconds, for each of connecting and reading; errors name `what`.

    The environment's proxy is used, except for this machine. Raises OutOfPatience if no answer came in time, and
    OperatorError if the server cannot be reached; neither names a header.
    """
    scheme = urlsplit(url).scheme
    if scheme not in {"https", "http"}:
        raise OperatorError(f"{what} has a URL of scheme {scheme!r}.", "Give it one that begins with https://.")
    proxies: dict[str, str] | None = {} if urlsplit(url).hostname in THIS_MACHINE else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirect)
    request = urllib.request.Request(  # noqa: S310  (checked above)
        url, body, {"Content-Type": "application/json", **headers}, method="POST"
    )
    try:
        with opener.open(request, timeout=timeout) as answer:
            return Answer(answer.status, _text(answer))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _text(error))
    except OSError as error:  # URLError is one
        if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
            raise OutOfPatience(
                f"{what} gave no answer within {timeout:g} s: {url}",
                "The request may have succeeded; wait longer with --timeout.",
            ) from error
        raise OperatorError(
            f"{what} cannot be reached: {getattr(error, 'reason', error)}: {url}",
            "Check the network and the URL; the local cloud must be running for a stage of this machine.",
        ) from error


def is_taken(port: int) -> bool:
    """Return whether a port of this machine is in use: nothing else could listen on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else one that was just left counts as taken
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _text(answer: Any) -> str:
    return str(answer.read(LONGEST_ANSWER).decode(errors="replace"))
