"""AWS as the fault tests see it: a table in which runs wait, Step Functions that accepts a token once, a secret.

Each client's calls can be given a fault.
"""

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib import callback
from chalicelib.credentials import sign
from chalicelib.secret import Secret
from chalicelib.sweep import Sweep
from tests.protocol import real
from tests.protocol.faults import FAULTS, Died, Faulty
from tests.protocol.interleaved import RESUMES, items, verdict_in

DECIDED = real.COUNTS_FROM + timedelta(minutes=1)
CALLS = {
    "get_secret_value": "secretsmanager",
    "put_item": "dynamodb",
    "query": "dynamodb",
    RESUMES: "stepfunctions",
    "delete_item": "dynamodb",
}
SWEEP_CALLS = {
    "scan": "dynamodb",
    "query": "dynamodb",
    RESUMES: "stepfunctions",
    "delete_item": "dynamodb",
    "list_executions": "stepfunctions",
    "describe_execution": "stepfunctions",
}
NO_ANSWER = "none"


@dataclass
class StepFunctions:
    """Accepts a token once."""

    exceptions: Any
    open: set[str]
    accepted: list[tuple[str, Any]] = field(default_factory=list)

    def send_task_success(self, **given: str) -> None:
        """Accept an open token."""
        if given["taskToken"] not in self.open:
            closed = {"Error": {"Code": "TaskTimedOut", "Message": "it is over"}}
            raise self.exceptions.TaskTimedOut(closed, "SendTaskSuccess")
        self.open.remove(given["taskToken"])
        self.accepted.append((given["taskToken"], verdict_in(given)))

    def list_executions(self, **_: Any) -> dict[str, Any]:
        """Return the runs that wait."""
        return {"executions": [{"name": token.removeprefix("token of ")} for token in self.open]}

    def describe_execution(self, executionArn: str) -> dict[str, str]:
        """Return whether a run waits."""
        waits = f"token of {executionArn.rpartition(':')[2]}" in self.open
        return {"status": "RUNNING" if waits else "SUCCEEDED"}


@dataclass
class Secrets:
    """Secrets Manager, which holds the secret."""

    exceptions: Any

    def get_secret_value(self, **_: str) -> dict[str, str]:
        """Return the secret."""
        return {"SecretString": json.dumps({"callback": real.KEY})}


@dataclass
class House:
    """AWS, with one run waiting in it for each token."""

    dynamodb: Any
    stepfunctions: StepFunctions
    clients: dict[str, Any]

    def deliver(self, decision: str) -> str:
        """Return the status that Jira gets, or "none". An exception that escapes the handler is a 500 (Chalice)."""
        body = real.webhook(decision, DECIDED)
        secret = Secret(self.clients["secretsmanager"], "storygate")
        table = real.table_of(self.clients["dynamodb"], self.clients["stepfunctions"])
        try:
            status, reply, _ = callback.answer(
                body, {"X-Hub-Signature": sign(body, real.KEY)}, secret, table, real.RULES, real.NOW
            )
        except Died:
            return NO_ANSWER
        except Exception as error:  # noqa: BLE001 - that is the question
            return f"500 {type(error).__name__}"
        return f"{status} {next((name for name in ('resumed', 'closed') if reply.get(name)), '')}".strip()

    def sweep(self) -> dict[str, Any]:
        """Return what the sweep prints."""
        clients = self.clients["dynamodb"], real.TABLE, self.clients["stepfunctions"], real.MACHINE
        with redirect_stdout(io.StringIO()) as printed:
            Sweep(*clients, clock=real.NOW.timestamp, sleep=lambda _: None).everything()
        line: dict[str, Any] = json.loads(printed.getvalue())
        return line

    def breaks(self, call: str, fault: str, times: float) -> Faulty:
        """Give this call this fault, the next `times` times."""
        service = (CALLS | SWEEP_CALLS)[call]
        faulty = self.clients[service] = Faulty(self.clients[service], call, FAULTS[fault], times)
        return faulty

    @property
    def taken(self) -> list[tuple[str, str, str]]:
        """Return which run was resumed, with which decision, decided when."""
        return [
            (token.removeprefix("token of "), sent["decision"], sent["decidedAt"])
            for token, sent in self.stepfunctions.accepted
        ]

    def entries(self) -> dict[str, dict[str, str]]:
        """Return the table's items by entry."""
        found = self.dynamodb.scan(TableName=real.TABLE, ConsistentRead=True)["Items"]
        return items(tuple(json.dumps(item) for item in found))
