"""Webhooks: who wants which events, and their deliveries, signed and sent again as Jira Cloud does.

Sources: Atlassian, "Webhooks" (headers, retries, secrets), and recorded deliveries.
"""

import hashlib
import heapq
import hmac
import itertools
import json
import random
import re
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import urllib3

from localcloud.jira import shapes
from localcloud.jira.site import Event, JiraError, Site

SENT_AGAIN = {408, 409, 425, 429}
MOST_RETRIES = 5
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 20.0
SENDERS = 4
KEPT_ATTEMPTS = 200
LONGEST_ANSWER = 1000  # bytes of it that are kept
CLAUSE = re.compile(
    r"\s*(?P<field>project|issuetype|type)\s*(?:=\s*(?P<one>\S+|\"[^\"]*\")|in\s*\((?P<many>[^()]*)\))\s*",
    re.IGNORECASE,
)


@dataclass
class Webhook:
    """A webhook as an administrator registers it. `projects` is what its JQL filter says; empty means all."""

    id: int
    name: str
    url: str
    events: list[str]
    jql: str
    secret: str | None
    exclude_body: bool
    enabled: bool = True

    @property
    def projects(self) -> frozenset[str]:
        return projects_of(self.jql)


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver: `outcome` is the HTTP status, or the name of the error if there was no answer.

    `answer` is the beginning of the answer's body.
    """

    webhook: str
    identifier: str
    retry: int
    event: str
    story: str
    outcome: str
    answer: str


def projects_of(jql: str) -> frozenset[str]:
    """Return the projects of a filter; every issue here is a story. Raises JiraError 400 for other filters."""
    projects: frozenset[str] = frozenset()
    for clause in re.split(r"\bAND\b", jql, flags=re.IGNORECASE) if jql.strip() else []:
        found = CLAUSE.fullmatch(clause)
        names = (found["one"] or found["many"]).split(",") if found else []
        listed = frozenset(name.strip().strip("\"'").upper() for name in names)
        if not found or (found["field"].lower() != "project" and "STORY" not in listed):
            known = "`project in (A, B) AND issuetype = Story`"
            raise JiraError(400, f"This local Jira understands filters such as {known}, not {jql!r}.")
        projects = listed if found["field"].lower() == "project" else projects
    return projects


def usual_pause(_retry: int) -> float:
    """Return the seconds before a retry: Jira waits 5 to 15 minutes, and here a minute takes a fifth of a second."""
    return random.uniform(1, 3)  # noqa: S311 - no secret


class Deliveries:
    """The registered webhooks of a site. While `enabled` is false, every delivery is lost, as it can be in Jira.

    `pause` returns the seconds before the n-th retry.
    """

    def __init__(self, site: Site, url: Callable[[], str], pause: Callable[[int], float] = usual_pause) -> None:
        self._site, self._url, self._pause = site, url, pause
        self.enabled = True
        self.webhooks: dict[int, Webhook] = {}
        self.attempts: list[Attempt] = []
        """The latest attempts, oldest first."""
        self._numbers = itertools.count(1)
        self._due: list[tuple[float, int, _Delivery]] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._pool = urllib3.PoolManager(retries=False)
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="jira-webhook")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        site.listeners.append(self.on_event)

    def register(self, wanted: dict[str, Any], number: int | None = None) -> Webhook:
        """Keep a webhook, or change number `number`, from the request's body; raises JiraError 400."""
        old = self.webhooks.get(number) if number is not None else None
        if number is not None and old is None:
            raise JiraError(404, f"No webhook with id {number} exists.")
        name, url = wanted.get("name", old and old.name), wanted.get("url", old and old.url)
        events = wanted.get("events", old.events if old else None)
        if not (isinstance(name, str) and name.strip()):
            raise JiraError(400, "The name of the webhook must not be empty.")
        if not (isinstance(url, str) and re.match(r"https?://[^/]", url)):
            raise JiraError(400, "The URL of the webhook is not valid.")
        if not (isinstance(events, list) and events and all(isinstance(event, str) for event in events)):
            raise JiraError(400, "The webhook must name at least one event.")
        filters = wanted.get("filters") or {}
        jql = str(filters.get("issue-related-events-section") or (old.jql if old and "filters" not in wanted else ""))
        projects_of(jql)
        kept = Webhook(
            next(self._numbers) if number is None else number,
            name,
            url,
            events,
            jql,
            wanted.get("secret", old and old.secret),
            bool(wanted.get("excludeBody", old.exclude_body if old else False)),
            bool(wanted.get("enabled", old.enabled if old else True)),
        )
        self.webhooks[kept.id] = kept
        return kept

    def on_event(self, event: Event) -> None:
        """Note the deliveries of an event; they are sent in the background. Called under the site's lock."""
        if not self.enabled:
            return
        for webhook in list(self.webhooks.values()):
            projects = webhook.projects
            if webhook.enabled and event.kind in webhook.events and (not projects or event.issue.project in projects):
                body = {} if webhook.exclude_body else shapes.webhook(event, self._site, self._url())
                raw = json.dumps(body or {"timestamp": int(event.at * 1000), "webhookEvent": event.kind}).encode()
                self._send_later(_Delivery(webhook, raw, event.kind, event.issue.key, str(uuid.uuid4())), 0.0)

    def await_attempt(self, story: str, seconds: float) -> Attempt | None:
        """Return the latest attempt to deliver an event of a story, waiting for the first one; None if none comes."""

        def latest() -> Attempt | None:
            return next((attempt for attempt in reversed(self.attempts) if attempt.story == story), None)

        with self._changed:
            self._changed.wait_for(lambda: latest() is not None, seconds)
            return latest()

    def stop(self) -> None:
        """End the background work; what was not sent yet is lost."""
        self._site.listeners.remove(self.on_event)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(ANSWER_SECONDS)
        self._senders.shutdown(wait=False, cancel_futures=True)
        self._pool.clear()

    def _send_later(self, delivery: "_Delivery", pause: float) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + pause, next(self._numbers), delivery))
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._stopped:
                    return
                delivery = heapq.heappop(self._due)[2]
            self._senders.submit(self._send, delivery)

    def _send(self, delivery: "_Delivery") -> None:
        if not self.enabled:
            return
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
        try:
            answer = self._pool.request(
                "POST",
                delivery.webhook.url,
                body=delivery.raw,
                headers=delivery.headers,
                timeout=timeout,
                redirect=False,
            )
            outcome, text = str(answer.status), answer.data[:LONGEST_ANSWER].decode(errors="replace")
            again = answer.status in SENT_AGAIN or answer.status >= 500
        except urllib3.exceptions.HTTPError as error:
            outcome, text, again = type(error).__name__, "", True
        with self._changed:
            self.attempts.append(delivery.attempt(outcome, text))
            del self.attempts[:-KEPT_ATTEMPTS]
            self._changed.notify_all()
        self._site.touch()
        if again and delivery.retry < MOST_RETRIES:
            self._send_later(replace(delivery, retry=delivery.retry + 1), self._pause(delivery.retry + 1))


@dataclass(frozen=True)
class _Delivery:
    """What is to be sent; `retry` is 0 the first time."""

    webhook: Webhook
    raw: bytes
    event: str
    story: str
    identifier: str
    retry: int = 0

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "User-Agent": "Atlassian HttpClient",
            "X-Atlassian-Webhook-Identifier": self.identifier,
        }
        if self.retry:
            headers["X-Atlassian-Webhook-Retry"] = str(self.retry)
        if self.webhook.secret:
            key = self.webhook.secret.encode()
            headers["X-Hub-Signature"] = "sha256=" + hmac.new(key, self.raw, hashlib.sha256).hexdigest()
        return headers

    def attempt(self, outcome: str, answer: str) -> Attempt:
        return Attempt(self.webhook.name, self.identifier, self.retry, self.event, self.story, outcome, answer)
