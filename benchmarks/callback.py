"""Warm callback: its own time beside its AWS calls, and their number.

A warm function answers signed deliveries. In turn with it, bare clients make the calls that it made again, with the
same parameters. Both call a stub of AWS that answers at once, in another process. Wall time includes the stub's
time, which is shorter than that of AWS; CPU time does not.
"""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3
from botocore import xform_name
from moto import mock_aws

from benchmarks.cold_start import CALLBACK
from benchmarks.stub_aws import stub_aws
from benchmarks.table import Figure, against
from chalicelib import clients
from chalicelib.verdicts import Verdict, VerdictTable

GOAL = 1.10
RUNS = (0, 1, 10)
SERVICES = ("secretsmanager", "dynamodb", "stepfunctions")


class Took(NamedTuple):
    """Seconds of wall time and of CPU time."""

    wall: float
    cpu: float


def run(quick: bool) -> Sequence[Figure]:
    """Measure time and calls for 0, 1 and 10 waiting runs, then calls and entries read in a small and a large table."""
    figures = []
    for waiting in RUNS:
        figures += _figures(waiting, *_measured(waiting, 40 if quick else 400))
    return [*figures, *_grown_table(1_000 if quick else 10_000)]


def _figures(waiting: int, calls: Counter[str], ours: list[Took], bare: list[Took]) -> list[Figure]:
    runs = f"{waiting} waiting run{'' if waiting == 1 else 's'}"
    expected = {"PutItem": 1, "Query": 1} | ({"SendTaskSuccess": waiting, "DeleteItem": waiting} if waiting else {})
    return [
        Figure(
            f"{runs}: AWS calls",
            f"{calls.total()}",
            f"{sum(expected.values())}",
            calls == expected,
            ", ".join(f"{name} {count}" for name, count in calls.items()),
            must=True,
        ),
        against(f"{runs}: time to bare calls", [it.wall for it in ours], [it.wall for it in bare], GOAL),
        against(f"{runs}: CPU to bare calls", [it.cpu for it in ours], [it.cpu for it in bare], GOAL),
    ]


def _measured(waiting: int, rounds: int) -> tuple[Counter[str], list[Took], list[Took]]:
    with stub_aws(waiting) as stub:
        fresh = multiprocessing.get_context("spawn")  # app.py reads the environment at import
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            return pool.submit(_in_turn, dict(stub.environment), rounds).result()


def _in_turn(environment: Mapping[str, str], rounds: int) -> tuple[Counter[str], list[Took], list[Took]]:
    """The calls of one delivery, then the time of each round: ours, and that of the same calls by bare clients."""
    os.environ.update(environment, _HANDLER="app.app")  # as in Lambda, so that the clients are made at import
    import app  # see _measured

    made: list[tuple[str, str, dict[str, Any]]] = []

    def record(model: Any, params: dict[str, Any], **_: Any) -> None:
        made.append((model.service_model.service_name, model.name, params))

    context = SimpleNamespace(aws_request_id="1")
    with open(os.devnull, "w") as log, redirect_stdout(log):
        app.app(CALLBACK, context)  # reads the secret, makes the clients
        for service in SERVICES:
            clients.Client(service).meta.events.register("provide-client-params", record)
        answer = app.app(CALLBACK, context)
        for service in SERVICES:
            clients.Client(service).meta.events.unregister("provide-client-params", record)
        if answer["statusCode"] not in (200, 202):
            raise RuntimeError(f"the callback answered {answer}")
        bare = {service: boto3.client(service) for service in SERVICES}
        calls = [(getattr(bare[service], xform_name(operation)), params) for service, operation, params in made]

        def deliver() -> None:
            app.app(CALLBACK, context)

        def call_all() -> None:
            for call, params in calls:
                call(**params)

        ours, theirs = [], []
        for number in range(rounds):
            if number % 2:  # so that the order within a round has no influence
                theirs.append(_took(call_all))
                ours.append(_took(deliver))
            else:
                ours.append(_took(deliver))
                theirs.append(_took(call_all))
    return Counter(operation for _, operation, _ in made), ours, theirs


def _took(work: Callable[[], None]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def _grown_table(many: int) -> list[Figure]:
    """A delivery for a story with one waiting run, beside 10 entries of other stories and beside many."""
    few_calls, few_read = _delivered_beside(10)
    calls, read = _delivered_beside(many)
    return [
        Figure(
            f"calls beside {many:,} other entries, against 10",
            f"{calls} against {few_calls}",
            "the same",
            calls == few_calls,
            must=True,
        ),
        Figure(
            f"entries read beside {many:,} others, against 10",
            f"{read} against {few_read}",
            "the same",
            read == few_read,
            "ScannedCount",
            must=True,
        ),
    ]


def _delivered_beside(others: int) -> tuple[int, int]:
    with mock_aws():
        session = boto3.Session("test", "test", region_name="us-east-1")
        client = session.client("dynamodb")
        keys = {"story": "HASH", "entry": "RANGE"}
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        )
        items = [_wait(f"OTHER-{number}") for number in range(others)] + [_wait("PROJ-1")]
        for first in range(0, len(items), 25):
            client.batch_write_item(
                RequestItems={"t": [{"PutRequest": {"Item": item}} for item in items[first : first + 25]]}
            )
        calls: list[str] = []
        read: list[int] = []
        client.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
        client.meta.events.register(
            "after-call",
            lambda parsed, model, **_: read.append(parsed["ScannedCount"]) if model.name == "Query" else None,
        )
        moment = "2026-01-31T12:00:00.000Z"
        answers = SimpleNamespace(  # moto has no such task
            send_task_success=lambda **_: calls.append("SendTaskSuccess"),
            exceptions=session.client("stepfunctions").exceptions,
        )
        VerdictTable(client, "t", answers).deliver("PROJ-1", Verdict("approved", moment, moment))
        return len(calls), sum(read)


def _wait(story: str) -> dict[str, dict[str, str]]:
    texts = {"story": story, "entry": "WAIT#run", "taskToken": "t", "countsFrom": "2026-01-31T08:59:55.000Z"}
    return {name: {"S": text} for name, text in texts.items()}
