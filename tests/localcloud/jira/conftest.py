"""A local Jira, an HTTP client for it, and a receiver of its webhooks."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from localcloud.jira.local_jira import LocalJira
from localcloud.jira.site import Site
from localcloud.jira.site_data import ACCOUNT, TOKEN
from tests.jira_openapi import Recorder, violations


class Clock:
    """Epoch seconds that tests move on."""

    def __init__(self) -> None:
        self.now = 1_767_261_600.0  # 2026-01-01T10:00:00Z

    def __call__(self) -> float:
        return self.now


@dataclass
class Caller:
    """Calls a Jira's REST API as its own account."""

    jira: LocalJira
    clock: Clock
    recorder: Recorder

    def __call__(
        self, method: str, path: str, body: Any = None, *, user: str | None = ACCOUNT.email, token: str = TOKEN
    ) -> Any:
        headers = urllib3.make_headers(basic_auth=f"{user}:{token}") if user else {}
        answer = urllib3.request(method, self.jira.url + path, json=body, headers=headers, retries=False)
        return Answer(answer.status, json.loads(answer.data) if answer.data else None, dict(answer.headers))


@dataclass(frozen=True)
class Answer:
    """An answer, its body parsed."""

    status: int
    json: Any
    headers: dict[str, str]


@pytest.fixture
def jira() -> Iterator[Caller]:
    clock, recorder = Clock(), Recorder()
    site = Site(clock=clock, summaries={"PROJ-1": "Release the packages"}, service_projects=["HELP"])
    with LocalJira(site=site, pause=lambda retry: 0.01 * retry, wrap=recorder.wrap) as running:
        yield Caller(running, clock, recorder)
    assert violations(recorder.exchanges) == []


class Receiver:
    """An HTTP server that keeps what it is sent, and answers what it is told, 200 by default."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._changed:
                    receiver.got.append((dict(self.headers), body))
                    status = receiver.answers.pop(0) if receiver.answers else 200
                    receiver._changed.notify_all()
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def wait_for(self, count: int) -> list[tuple[dict[str, str], Any]]:
        """Return headers and parsed bodies of so many deliveries; fails after ten seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.got) >= count, 10), self.got
            return [(headers, json.loads(body)) for headers, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join(5)
