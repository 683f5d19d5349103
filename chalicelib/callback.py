"""The callback: check who sent it, read the verdict, deliver it to the table and the waiting runs."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from chalicelib import credentials, jira
from chalicelib.body import sent
from chalicelib.refusals import Refused
from chalicelib.rules import Rules
from chalicelib.secret import Secret
from chalicelib.shortening import cut, named
from chalicelib.verdicts import PENDING, Delivery, VerdictTable

Answer = tuple[int, dict[str, Any]]
LONGEST_HEADER = 100  # characters of a header in the log line
NAMED = 20  # runs named in a sentence
GATEWAY_SECONDS = 29  # then API Gateway answers 504 (quotas, integration timeout)


class Reply(NamedTuple):
    """An answer; `refused` marks a delivery without a right credential, a usable body or a usable time."""

    status: int
    body: dict[str, Any]
    refused: bool = False


def handle(
    request: Any, secret: Secret, table: VerdictTable, rules: Rules, call_times: Callable[[], list[str]]
) -> Answer:
    """Answer a Chalice request, and print one line of JSON about it, without body and credential.

    Lambda makes a log event of every line on standard output. Jira names a delivery by X-Atlassian-Webhook-Identifier,
    the same in every retry. `call_times` is `clients.call_times`.
    """
    call_times()  # drop the times of the previous request to this warm function
    began = time.perf_counter()
    try:
        reply = answer(sent(request), request.headers, secret, table, rules, arrived=_arrived(request.context))
    except Exception as error:  # Chalice answers 500 and logs where it came from
        broken = Reply(500, {"error": type(error).__name__})
        print(_log_line(request.headers, broken, began, call_times()), flush=True)
        raise
    print(_log_line(request.headers, reply, began, call_times()), flush=True)
    return reply.status, reply.body


def answer(
    raw: bytes,
    headers: Mapping[str, str],
    secret: Secret,
    table: VerdictTable,
    rules: Rules,
    received: datetime | None = None,
    arrived: float | None = None,
) -> Reply:
    """Return the answer to a delivery (README, "What Jira sends"); `headers` must ignore case.

    `received` is the moment that no verdict is dated after, by default now; from `arrived` on (seconds since 1970) the
    time for the answer is counted.
    """
    try:
        signed = credentials.authenticate(raw, headers.get("X-Hub-Signature"), headers.get("Authorization"), secret)
        read = jira.read(raw, received or datetime.now(UTC), rules, signed)
        if isinstance(read, jira.Ignored):
            return _ignored(read, table, arrived)
        return _decided(read, table.deliver(read.story, read.verdict, read.former_key, arrived))
    except Refused as error:
        return Reply(error.status, {"error": str(error)}, error.status < 500)


def _arrived(context: Mapping[str, Any], clock: Callable[[], float] = time.time) -> float | None:
    """Return when API Gateway got the request, in seconds since 1970; None for a time that cannot be right."""
    now, epoch = clock(), context.get("requestTimeEpoch")
    arrived = epoch / 1000 if isinstance(epoch, int) else now
    return arrived if now - GATEWAY_SECONDS < arrived < now else None


def _ignored(read: jira.Ignored, table: VerdictTable, arrived: float | None) -> Reply:
    body: dict[str, Any] = {"story": read.story, "ignored": read.why}
    if read.story and read.former_key:
        delivery = table.move(read.story, read.former_key, arrived)
    elif read.story and read.names_waiting:
        delivery = table.resume(read.story, arrived)
    else:
        return Reply(200, body, read.refused)
    if read.names_waiting and delivery.waiting:
        body["ignored"] += f"; still waiting for it: {named([run.execution for run in delivery.waiting], NAMED)}"
    return Reply(200, body | (_runs(delivery) if _reached(delivery) else {}))


def _decided(read: jira.Decided, delivery: Delivery) -> Reply:
    brought, stands = read.verdict, delivery.verdict or read.verdict
    body: dict[str, Any] = {"story": read.story}
    unlisted = {"unlisted": read.unlisted} if read.unlisted else {}
    if (stands.decided_at, stands.decision) != (brought.decided_at, brought.decision):
        why = f"older than what is known: {stands.decision}, decided {stands.decided_at}"
        return Reply(200, body | {"ignored": why} | (_runs(delivery) if _reached(delivery) else {}))
    if not _reached(delivery):
        return Reply(202, body | {"decision": stands.decision, "resumed": []} | _others(delivery) | unlisted)
    return Reply(200, body | _runs(delivery) | unlisted)


def _reached(delivery: Delivery) -> bool:
    return bool(delivery.resumed or delivery.closed or delivery.resuming)


def _runs(delivery: Delivery) -> dict[str, Any]:
    decision = delivery.verdict.decision if delivery.verdict else PENDING
    return {"decision": decision, "resumed": delivery.resumed, "closed": delivery.closed} | _others(delivery)


def _others(delivery: Delivery) -> dict[str, Any]:
    later = {"later": delivery.later} if delivery.later else {}
    return later | ({"resuming": delivery.resuming} if delivery.resuming else {})


def _log_line(headers: Mapping[str, str], reply: Reply, began: float, calls: list[str]) -> str:
    logged = ("story", "decision", "resumed", "closed", "later", "resuming", "unlisted", "ignored", "error")
    line: dict[str, Any] = {
        "log": "callback",
        "status": reply.status,
        **{name: cut(reply.body[name]) for name in logged if name in reply.body},
        **({"refused": True} if reply.refused else {}),
        "webhook": headers.get("X-Atlassian-Webhook-Identifier", "")[:LONGEST_HEADER],
        "retry": headers.get("X-Atlassian-Webhook-Retry", "0")[:LONGEST_HEADER],
        "ms": round((time.perf_counter() - began) * 1000),
        "aws": cut(calls),
    }
    return json.dumps(line)
