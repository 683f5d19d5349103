"""The callback: check who sent it, read the verdict, deliver it to the table and the waiting runs."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib import credentials, jira
from chalicelib.body import sent
from chalicelib.refusals import Refused
from chalicelib.rules import Rules
from chalicelib.secret import Secret
from chalicelib.verdicts import Delivery, Verdict, VerdictTable

Answer = tuple[int, dict[str, Any]]
LONGEST_HEADER = 100  # characters of a header in the log line


def handle(
    request: Any, secret: Secret, table: VerdictTable, rules: Rules, call_times: Callable[[], list[str]]
) -> Answer:
    """Answer a Chalice request, and print one line of JSON about it, without body and credential.

    Lambda makes a log event of every line on standard output. Jira names a delivery by X-Atlassian-Webhook-Identifier,
    the same in every retry. `call_times` is `clients.call_times`.
    """
    call_times()  # drop the times of the previous request to this warm function
    began = time.perf_counter()
    answered = answer(sent(request), request.headers, secret, table, rules)
    print(_log_line(request.headers, answered, began, call_times()), flush=True)
    return answered


def answer(
    raw: bytes,
    headers: Mapping[str, str],
    secret: Secret,
    table: VerdictTable,
    rules: Rules,
    received: datetime | None = None,
) -> Answer:
    """Return HTTP status and body for a delivery (README, "What Jira sends"); `received` is now if it is not given.

    `headers` must ignore case.
    """
    try:
        signed = credentials.authenticate(raw, headers.get("X-Hub-Signature"), headers.get("Authorization"), secret)
        read = jira.read(raw, received or datetime.now(UTC), rules, signed)
        if isinstance(read, jira.Decided):
            return _delivered(read.story, read.verdict, table.deliver(read.story, read.verdict, read.former_key))
        ignored = {"story": read.story, "ignored": read.why}
        moved = table.move(read.story, read.former_key) if read.story and read.former_key else None
    except Refused as error:
        return error.status, {"error": str(error)}
    return 200, ignored | (_runs(moved) if moved and (moved.resumed or moved.closed) else {})


def _delivered(story: str, verdict: Verdict, delivery: Delivery) -> Answer:
    newest, reached = delivery.verdict, bool(delivery.resumed or delivery.closed)
    if (newest.decided_at, newest.decision) != (verdict.decided_at, verdict.decision):
        why = f"older than what is known: {newest.decision}, decided {newest.decided_at}"
        return 200, {"story": story, "ignored": why} | (_runs(delivery) if reached else {})
    if not reached:
        return 202, {"story": story, "decision": newest.decision, "resumed": []}
    return 200, {"story": story} | _runs(delivery)


def _runs(delivery: Delivery) -> dict[str, Any]:
    return {"decision": delivery.verdict.decision, "resumed": delivery.resumed, "closed": delivery.closed}


def _log_line(headers: Mapping[str, str], answered: Answer, began: float, calls: list[str]) -> str:
    status, body = answered
    line: dict[str, Any] = {
        "log": "callback",
        "status": status,
        **{name: body[name] for name in ("story", "decision", "resumed", "closed", "ignored", "error") if name in body},
        "webhook": headers.get("X-Atlassian-Webhook-Identifier", "")[:LONGEST_HEADER],
        "retry": headers.get("X-Atlassian-Webhook-Retry", "0")[:LONGEST_HEADER],
        "ms": round((time.perf_counter() - began) * 1000),
        "aws": calls,
    }
    return json.dumps(line)
