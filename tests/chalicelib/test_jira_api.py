"""What is sent to Jira, in Atlassian's shapes, and what becomes of every answer that is not as expected."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib import jira_api
from chalicelib.jira_api import AnswerTooLong, Credentials, JiraApi, JiraAway, JiraFailed
from tests.chalicelib.fakes import SecretsManager, aws_error

TOKEN = "ATATT-secret-9f3"
KNOWN = Credentials("ada@example.com", TOKEN)

Reply = Callable[[BaseHTTPRequestHandler], None]


class Stub:
    """An HTTP server that answers each request with the next of `replies`, the last one again and again."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any, Any]] = []
        self.replies: list[Reply] = [reply({})]
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.requests.append((self.command, self.path, dict(self.headers), body))
                (stub.replies.pop(0) if len(stub.replies) > 1 else stub.replies[0])(self)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    thread = threading.Thread(target=stub.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
    thread.join(5)


def api(url: str, *, seconds: float = 60.0, slept: list[float] | None = None) -> JiraApi:
    return JiraApi(url, KNOWN, time.monotonic() + seconds, sleep=(slept if slept is not None else []).append)


def test_issues_are_asked_for_with_status_resolution_and_changelog(stub: Stub) -> None:
    stub.replies = [reply({"issues": [{"key": "A-1"}], "issueErrors": []})]
    assert api(stub.url).issues(["A-1", "B-2"]) == ([{"key": "A-1"}], False)
    ((method, path, headers, body),) = stub.requests
    assert (method, path) == ("POST", "/rest/api/3/issue/bulkfetch")
    assert headers["Authorization"] == "Basic YWRhQGV4YW1wbGUuY29tOkFUQVRULXNlY3JldC05ZjM="
    wanted = {"issueIdsOrKeys": ["A-1", "B-2"], "fields": ["status", "resolution"], "expand": ["changelog"]}
    assert body == wanted


def test_a_long_changelog_is_read_page_by_page_and_by_the_issues_id(stub: Stub) -> None:
    def logs(*ids: str) -> Any:
        return [
            {"issueId": "7", "changeHistories": [{"id": i} for i in ids]},
            {"issueId": "8", "changeHistories": [{"id": "0"}]},
        ]

    stub.replies = [
        reply({"issueChangeLogs": logs("1", "2"), "nextPageToken": "more"}),
        reply({"issueChangeLogs": logs("3")}),
    ]
    assert [history["id"] for history in api(stub.url).histories("7")] == ["1", "2", "3"]
    assert [body for *_, body in stub.requests] == [
        {"issueIdsOrKeys": ["7"], "maxResults": 1000},
        {"issueIdsOrKeys": ["7"], "maxResults": 1000, "nextPageToken": "more"},
    ]
    stub.replies = [reply({"issueChangeLogs": [], "nextPageToken": "for ever"})]
    with pytest.raises(JiraFailed, match="more than 10000 changes"):
        api(stub.url).histories("7")


def test_credentials_that_cannot_be_sent_are_an_error_at_once(stub: Stub) -> None:
    broken = JiraApi(stub.url, Credentials("ada", f"{TOKEN}\ud800"), time.monotonic() + 60)
    with pytest.raises(JiraAway, match="gives no answer: UnicodeEncodeError"):
        broken.issues(["A-1"])


@pytest.mark.parametrize(
    ("answer", "failure", "text"),
    [
        (reply({}, 401), JiraAway, "does not accept user and token"),
        (reply({}, 403), JiraFailed, "HTTP 403 to issue/bulkfetch"),
        (reply({}, 404), JiraFailed, "HTTP 404"),
        (reply({}, 302, Location="https://evil.example"), JiraAway, "a redirect, which is not followed"),
        (reply({}, 500), JiraAway, "HTTP 500"),
        (reply({}, 503), JiraAway, "HTTP 503"),
        (reply({}, 429, Retry_After="3600"), JiraAway, "HTTP 429 and asks to wait 3600 s"),
        (reply(b"<html>log in</html>"), JiraAway, "not Jira's JSON"),
        (reply(b"[" * 100_000), JiraAway, "not Jira's JSON"),
        (reply([]), JiraAway, "not Jira's JSON"),
        (reply({"issues": "many"}), JiraFailed, "no list of issues"),
        (reply({"issues": ["A-1"]}), JiraFailed, "no list of issues"),
        (reply(b" " * (jira_api.LONGEST_ANSWER + 1)), AnswerTooLong, "more than 6291456 bytes"),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error_without_a_secret(
    stub: Stub, answer: Reply, failure: type[JiraFailed], text: str
) -> None:
    stub.replies = [answer]
    with pytest.raises(JiraFailed, match=text) as raised:
        api(stub.url).issues(["A-1"])
    assert type(raised.value) is failure
    assert TOKEN not in repr(raised.value) + repr(KNOWN)
    assert len(stub.requests) == 1  # a redirect is not followed, and nothing is tried again without being asked to


def test_jira_is_asked_again_once_after_the_pause_that_it_asks_for(stub: Stub) -> None:
    slept: list[float] = []
    stub.replies = [reply({}, 429, Retry_After="7"), reply({"issues": []})]
    assert api(stub.url, slept=slept).issues(["A-1"]) == ([], False)
    stub.replies = [reply({}, 503, Retry_After="2")]
    with pytest.raises(JiraAway):
        api(stub.url, slept=slept).issues(["A-1"])
    assert slept == [7, 2]
    stub.replies = [reply({}, 503, Retry_After="2"), reply({"id": "1"})]
    with pytest.raises(JiraAway):
        api(stub.url, slept=slept).add_comment("A-1", {})  # it may have been written
    stub.replies = [reply({}, 503, Retry_After="2")]
    with pytest.raises(JiraAway, match="asks to wait 2 s"):
        api(stub.url, seconds=1, slept=slept).issues(["A-1"])
    assert slept == [7, 2]


def test_nothing_that_is_down_or_slow_takes_longer_than_the_time_that_is_left(stub: Stub) -> None:
    with pytest.raises(JiraAway, match="gives no answer: NewConnectionError"):
        api("http://127.0.0.1:9").issues(["A-1"])
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(1000):
            if ended.wait(0.02):
                return
            handler.wfile.write(b" ")

    stub.replies = [drip]
    began = time.monotonic()
    with pytest.raises(JiraAway, match="gives no answer within"):
        api(stub.url, seconds=0.2).issues(["A-1"])
    assert time.monotonic() - began < 5
    ended.set()
    with pytest.raises(JiraAway, match="the next sweep goes on"):
        api(stub.url, seconds=0).issues(["A-1"])


@pytest.mark.parametrize(
    "logs", [5, [5], [{"issueId": "7", "changeHistories": 5}], [{"issueId": "7", "changeHistories": [5]}]]
)
def test_a_changelog_that_is_none_is_an_error(stub: Stub, logs: Any) -> None:
    stub.replies = [reply({"issueChangeLogs": logs})]
    with pytest.raises(JiraFailed, match="no list of changes"):
        api(stub.url).histories("7")


def test_a_link_and_a_comment_go_to_the_storys_key_however_it_is_spelled(stub: Stub) -> None:
    api(stub.url).put_link("A-1", {"globalId": "storygate=x"})
    api(stub.url).add_comment("A/../1", {"type": "doc"})
    assert [(path, body) for _, path, _, body in stub.requests] == [
        ("/rest/api/3/issue/A-1/remotelink", {"globalId": "storygate=x"}),
        (
            "/rest/api/3/issue/A%2F..%2F1/comment",
            {"body": {"type": "doc"}, "properties": [{"key": "sd.public.comment", "value": {"internal": True}}]},
        ),
    ]


def test_credentials_are_read_from_a_secret_of_their_own() -> None:
    client = SecretsManager({"user": " ada@example.com ", "token": TOKEN, "expires": "2027-01-31"})
    assert Credentials.read(client, "gate-jira") == Credentials("ada@example.com", TOKEN, "2027-01-31")
    assert client.calls == ["gate-jira"]


@pytest.mark.parametrize("value", ["not JSON", "[]", {}, {"user": "ada", "token": ""}, {"user": 5, "token": TOKEN}])
def test_a_secret_without_credentials_says_which_fields_it_needs(value: Any) -> None:
    with pytest.raises(JiraAway, match='secret gate-jira must be JSON with "user" and "token"') as raised:
        Credentials.read(SecretsManager(value), "gate-jira")
    assert TOKEN not in str(raised.value)


def test_a_secret_that_cannot_be_read_says_why() -> None:
    client = SecretsManager()
    client.failure = aws_error("secretsmanager", "AccessDeniedException")
    with pytest.raises(JiraAway, match="secret gate-jira, cannot be read: AccessDeniedException"):
        Credentials.read(client, "gate-jira")
