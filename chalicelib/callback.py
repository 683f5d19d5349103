"""The callback: proof first, then the verdict, then the table."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib import jira
from chalicelib.errors import Refused
from chalicelib.secret import Secret
from chalicelib.verdicts import Delivery, Verdict, VerdictTable

Answer = tuple[int, dict[str, Any]]


def answer(raw: bytes, headers: Mapping[str, str], secret: Secret, table: VerdictTable, rules: jira.Rules) -> Answer:
    """HTTP status and body for a delivery (design: Contract, Callback). `headers` must ignore case."""
    try:
        jira.authenticate(raw, headers.get("X-Hub-Signature"), headers.get("Authorization"), secret)
        read = jira.read(raw, datetime.now(UTC), rules)
        if isinstance(read, jira.Ignored):
            return 200, {"story": read.story, "ignored": read.why}
        deliveries = [table.deliver(story, read.verdict) for story in read.stories]
    except Refused as error:
        return error.status, {"error": str(error)}
    return _delivered(read.stories[0], read.verdict, deliveries)


def _delivered(story: str, verdict: Verdict, deliveries: list[Delivery]) -> Answer:
    stands = deliveries[0].stands
    resumed = [execution for delivery in deliveries for execution in delivery.resumed]
    closed = [execution for delivery in deliveries for execution in delivery.closed]
    body: dict[str, Any] = {"story": story}
    if (stands.decided_at, stands.decision) != (verdict.decided_at, verdict.decision):
        body["ignored"] = f"older than what is known: {stands.decision}, decided {stands.decided_at}"
        if not (resumed or closed):
            return 200, body
    body |= {"decision": stands.decision, "resumed": resumed}
    return (200, body | {"closed": closed}) if resumed or closed else (202, body)
