"""Call Jira Cloud's REST API: read issues with their histories, keep a link, write a comment.

Shapes: Atlassian, "The Jira Cloud platform REST API", version 3. The callback never imports this module. No error holds
a credential: texts are made of the status and the address alone.
"""

import base64
import copy
import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

TIMEOUT = urllib3.Timeout(connect=3.0, read=10.0)
REQUEST_SECONDS = 15.0  # for a whole request
LONGEST_ANSWER = 6_291_456  # bytes; a hundred usual issues with their histories have about one million
MOST_ISSUES = 100  # of one request (Atlassian, "Bulk fetch issues")
PAGE = 1000  # histories
MOST_PAGES = 10
LONGEST_PAUSE = 10.0  # seconds that a Retry-After may ask for
OUT_OF_TIME = "the time to ask Jira is over; the next sweep goes on"


class JiraFailed(Exception):
    """Jira refused a request, or did not give a usable answer. The text says what to do, and holds no secret.

    `status` is the HTTP status, None without one.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class JiraAway(JiraFailed):
    """Jira cannot be used at all now: further requests would fail as well."""


class OutOfTime(JiraAway):
    """The time that the caller has for Jira is over; Jira itself may be well."""


class AnswerTooLong(JiraFailed):
    """The answer is longer than this module reads."""


@dataclass(frozen=True)
class Credentials:
    """User and token for Basic authentication, and the day on which the token expires, `2026-01-31`."""

    user: str
    token: str
    expires: str | None = None

    @classmethod
    def read(cls, secretsmanager: Any, name: str) -> "Credentials":
        """Read the secret `{"user", "token", "expires"}`; raises JiraAway if it cannot be read or lacks a field."""
        try:
            value = json.loads(secretsmanager.get_secret_value(SecretId=name)["SecretString"])
            user, token = value["user"].strip(), value["token"].strip()
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"].get("Code") if isinstance(error, ClientError) else type(error).__name__
            raise JiraAway(f"Jira's credentials, secret {name}, cannot be read: {code}") from None
        except (KeyError, ValueError, TypeError, AttributeError):
            user = token = ""
        if not user or not token:
            raise JiraAway(f'secret {name} must be JSON with "user" and "token"') from None
        expires = value.get("expires")
        return cls(user, token, expires if isinstance(expires, str) else None)

    def __repr__(self) -> str:
        return "Credentials()"

    @property
    def header(self) -> str:
        """The value of `Authorization`."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.token}".encode()).decode()


class Issues(NamedTuple):
    """Issues that were found. If `incomplete`, Jira could not look some of the others up: they may exist."""

    found: list[dict[str, Any]]
    incomplete: bool = False


class JiraApi:
    """Jira's REST API at `base`, until `deadline` (seconds of `clock`), after which no request begins.

    Raises JiraAway if Jira cannot be reached, refuses the credentials or is overloaded, OutOfTime if the time is over,
    and JiraFailed if Jira refuses one request.
    """

    def __init__(
        self,
        base: str,
        credentials: Credentials,
        deadline: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        longest_answer: int = LONGEST_ANSWER,
    ) -> None:
        self._base, self._credentials, self._deadline = base, credentials, deadline
        self._clock, self._sleep, self._longest_answer = clock, sleep, longest_answer
        # Not by the environment's proxy, and no certificate but a valid one.
        self._pool = urllib3.PoolManager(retries=False, cert_reqs="CERT_REQUIRED")

    def until(self, deadline: float) -> "JiraApi":
        """Return the same API with another deadline."""
        api = copy.copy(self)
        api._deadline = deadline
        return api

    def issues(self, keys: list[str]) -> Issues:
        """Return at most MOST_ISSUES issues with status, resolution and their newest histories.

        A moved issue is found under its former key and comes with its current one. An issue that does not exist, or
        that the user may not see, is absent.
        """
        body = {"issueIdsOrKeys": keys, "fields": ["status", "resolution"], "expand": ["changelog"]}
        answer = self._json("POST", "/rest/api/3/issue/bulkfetch", body)
        issues = answer.get("issues")
        if not isinstance(issues, list) or not all(isinstance(issue, dict) for issue in issues):
            raise JiraFailed("Jira's answer has no list of issues")
        return Issues(issues, bool(answer.get("issueErrors")))

    def histories(self, issue_id: str) -> list[dict[str, Any]]:
        """Return all histories of an issue, oldest first."""
        found: list[dict[str, Any]] = []
        token = None
        for _ in range(MOST_PAGES):
            body = {"issueIdsOrKeys": [issue_id], "maxResults": PAGE} | ({"nextPageToken": token} if token else {})
            answer = self._json("POST", "/rest/api/3/changelog/bulkfetch", body)
            for log in _objects(answer.get("issueChangeLogs")):
                if str(log.get("issueId")) == issue_id:
                    found += _objects(log.get("changeHistories"))
            token = answer.get("nextPageToken")
            if not token:
                return found
        raise JiraFailed(f"an issue has more than {MOST_PAGES * PAGE} changes")

    def put_link(self, key: str, link: dict[str, Any]) -> None:
        """Make or replace the remote link with the same `globalId`, which must be in `link`."""
        self._json("POST", f"/rest/api/3/issue/{quote(key, safe='')}/remotelink", link)

    def add_comment(self, key: str, document: dict[str, Any]) -> None:
        """Write a comment, a document of the Atlassian Document Format; internal on a service project.

        Jira Service Management reads the property `sd.public.comment`; other projects only keep it.
        """
        properties = [{"key": "sd.public.comment", "value": {"internal": True}}]
        body = {"body": document, "properties": properties}
        # Only a 429 says for sure that there is no comment yet.
        self._json("POST", f"/rest/api/3/issue/{quote(key, safe='')}/comment", body, again=(429,))

    def call(self, method: str, path: str, body: Any = None, again: tuple[int, ...] = (429, 503)) -> Any:
        """Return the JSON of an answer; wait once as Jira asks by an answer of `again` with `Retry-After`."""
        for attempt in (1, 2):
            status, headers, raw = self._request(method, path, body)
            pause = _seconds(headers.get("Retry-After")) if status in again else None
            if attempt == 1 and pause is not None and pause <= min(LONGEST_PAUSE, self._deadline - self._clock()):
                self._sleep(pause)
                continue
            break
        if status >= 300:
            raise self._error(status, headers, path)
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise self._nonsense() from None

    def _json(self, method: str, path: str, body: Any, again: tuple[int, ...] = (429, 503)) -> dict[str, Any]:
        answer = self.call(method, path, body, again)
        if not isinstance(answer, dict):
            raise self._nonsense()
        return answer

    def _nonsense(self) -> JiraAway:
        return JiraAway(f"{self._base} answers with something that is not Jira's JSON: check STORYGATE_JIRA_SITE")

    def _request(self, method: str, path: str, body: Any) -> tuple[int, Any, bytes]:
        left = min(REQUEST_SECONDS, self._deadline - self._clock())
        if left <= 0:
            raise OutOfTime(OUT_OF_TIME)
        # In a thread of its own, since nothing else bounds a slow lookup of the name, or an answer that comes byte by
        # byte. One that takes too long is left alone.
        answered: queue.SimpleQueue[Any] = queue.SimpleQueue()
        sent = None if body is None else json.dumps(body).encode()
        call = (answered, method, self._base + path, sent)
        threading.Thread(target=self._exchange, args=call, daemon=True).start()
        try:
            answer = answered.get(timeout=left)
        except queue.Empty:
            kind = JiraAway if left == REQUEST_SECONDS else OutOfTime
            raise kind(f"{self._base} gives no answer within {left:.0f} s") from None
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def _exchange(self, answered: "queue.SimpleQueue[Any]", method: str, url: str, body: bytes | None) -> None:
        try:
            headers = {
                "Authorization": self._credentials.header,
                "Accept": "application/json",
                "Content-Type": "application/json",
            }
            # A redirect would take the credentials to another place.
            answer = self._pool.request(
                method, url, body=body, headers=headers, timeout=TIMEOUT, redirect=False, preload_content=False
            )
            try:
                raw = answer.read(self._longest_answer + 1)
            finally:
                answer.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must not wait for it in vain
            answered.put(JiraAway(f"{self._base} gives no answer: {type(error).__name__}"))
            return
        if len(raw) > self._longest_answer:
            answered.put(AnswerTooLong(f"Jira's answer has more than {self._longest_answer} bytes"))
        else:
            answered.put((answer.status, answer.headers, raw))

    def _error(self, status: int, headers: Any, path: str) -> JiraFailed:
        what = f"Jira answers HTTP {status}"
        if status < 400:
            return JiraAway(f"{what}, a redirect, which is not followed: check STORYGATE_JIRA_SITE", status)
        if status == 401:
            return JiraAway(f"{what}: it does not accept user and token, which may have expired", status)
        if status in {429, 503}:
            wait = headers.get("Retry-After")
            return JiraAway(what + (f" and asks to wait {wait} s" if _seconds(wait) is not None else ""), status)
        if status >= 500:
            return JiraAway(what, status)
        return JiraFailed(f"{what} to {path.removeprefix('/rest/api/3/')}", status)


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return a list of objects; raises JiraFailed for anything else, but None."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise JiraFailed("Jira's answer has no list of changes")
    return value


def _seconds(value: Any) -> float | None:
    """Return a Retry-After in seconds; Jira sends whole seconds (Atlassian, "Rate limiting")."""
    text = str(value or "").strip()
    return float(text) if text.isascii() and text.isdigit() else None
