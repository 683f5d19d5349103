"""Thousands of runs of one story: the callback answers in time, the sweep resumes the others, each run once.

On the local cloud real runs wait, and each must end approved. For the times, AWS is a stub in another process that
answers after some milliseconds. A function has the share of a CPU that Lambda gives it: all of one at 1,769 MB, a
seventh at 256 MB. The share is made by stopping and continuing its process, as Lambda does, fifty times a second.
"""

import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

from benchmarks.cold_start import CALLBACK
from benchmarks.local_stage import awaited, local_stage
from benchmarks.stub_aws import StubAws, stub_aws
from benchmarks.table import Figure
from storygate.operations import jira_webhook

AWS_SECONDS = 0.008  # of a call to AWS
SEVENTH = 256 / 1769
PERIOD_SECONDS = 0.02
ANSWER_SECONDS = 3.0
PATIENCE = 600.0
ALL_SECONDS = 60.0
WAITING = (1, 10, 100, 1_000, 5_000)
SWEEPS_A_MONTH = 30 * 24 * 12
# us-east-1: a GB-second, a million requests, a million read units (AWS Lambda and Amazon DynamoDB pricing).
GB_SECOND, REQUEST, READ_UNIT = 0.0000166667, 0.20 / 1e6, 0.125 / 1e6
SWEEP_GB = 1769 / 1024


def run(quick: bool) -> Sequence[Figure]:
    """Measure answers with ever more runs of the story, the sweep of what they leave, and a sweep without work."""
    figures: list[Figure] = []
    for waiting in WAITING[: 4 if quick else None]:
        figures += _one_delivery(waiting)
    return [*figures, *_without_work(100 if quick else 1_000), _on_the_local_cloud(150 if quick else 1_000)]


def _one_delivery(waiting: int) -> list[Figure]:
    """One delivery for a story with that many waiting runs, then the sweep that it is handed over to."""
    runs = f"{waiting:,} waiting run{'' if waiting == 1 else 's'}"
    with stub_aws(waiting, seconds=AWS_SECONDS, remembers=True) as aws:
        seconds, (status, body) = _timed(_callback, aws, SEVENTH)
        resumed, left = len(body.get("resumed", [])), body.get("resuming", 0)
        answered = Figure(
            f"{runs}: answer at a seventh of a CPU",
            f"{seconds:.2f} s",
            f"< {ANSWER_SECONDS:.0f} s",
            status == 200 and seconds < ANSWER_SECONDS,
            f"{status}, {resumed} resumed" + (f", {left:,} handed over" if left else ""),
        )
        if not left:
            return [answered]
        swept, mended = _timed(_sweep, aws, 1.0, aws.handed_over[0])
        sends = aws.calls["SendTaskSuccess"]
    return [
        answered,
        Figure(
            f"{runs}: the others, by the sweep with one CPU",
            f"{swept:.1f} s",
            f"< {ALL_SECONDS:.0f} s after the delivery",
            seconds + swept < ALL_SECONDS,
            f"{mended / swept:.0f} a second; AWS allows 300 to 500",
        ),
        Figure(
            f"{runs}: resumed, and sends",
            f"{resumed + mended:,}, {sends:,}",
            "each once",
            resumed + mended == sends == waiting,
            must=True,
        ),
    ]


def _without_work(stories: int) -> list[Figure]:
    """A sweep through that many stories with a run each that no verdict counts for."""
    with stub_aws(1, stories, AWS_SECONDS) as aws:
        seconds, _ = _timed(_sweep, aws, 1.0, {})
        calls = aws.calls.total()
    price = SWEEPS_A_MONTH * (seconds * SWEEP_GB * GB_SECOND + REQUEST + (calls + stories / 8) * READ_UNIT)
    return [
        Figure(f"a sweep through {stories:,} waiting runs without a verdict", f"{seconds:.1f} s", None, None),
        Figure("its calls of AWS", f"{calls:,}", f"{stories + 3:,}", calls == stories + 3, must=True),
        Figure("its price, every five minutes for a month", f"${price:.2f}", None, None),
    ]


def _on_the_local_cloud(waiting: int) -> Figure:
    """One delivery for a story with that many real runs, which all must end approved, none twice."""
    with local_stage() as stage:
        machine, request = stage.cloud.client("stepfunctions"), {"jiraStoryId": "MANY-1", "packageIds": ["pkg-001"]}
        for number in range(waiting):
            machine.start_execution(stateMachineArn=stage.machine, name=f"many-{number}", input=json.dumps(request))
        awaited("all wait", lambda: len(stage.waiting()) == waiting, PATIENCE)
        began = time.perf_counter()
        answer = stage.call_back(jira_webhook.encode(jira_webhook.issue_updated("MANY-1", "approved")))
        awaited("no entry is left", lambda: not stage.waiting(), PATIENCE)
        seconds = time.perf_counter() - began
        running = {"RUNNING"}
        awaited("all ended", lambda: running.isdisjoint(r["status"] for r in stage.executions().values()), PATIENCE)
        ends = Counter(execution["status"] for execution in stage.executions().values())
    return Figure(
        f"{waiting:,} real runs on the local cloud, one delivery: approved",
        f"{ends['SUCCEEDED']:,}",
        f"{waiting:,}",
        ends == {"SUCCEEDED": waiting},
        f"answered {answer.status} after {answer.seconds:.1f} s, {answer.body.get('resuming', 0)} handed over, "
        f"all sent to after {seconds:.0f} s",
        must=True,
    )


def _timed(work: Callable[..., Any], aws: StubAws, share: float, *arguments: Any) -> tuple[float, Any]:
    """Run the work in a process of its own, once it is warm; return its seconds, and what it returns."""
    ours, theirs = multiprocessing.Pipe()
    fresh = multiprocessing.get_context("spawn")  # app.py reads the environment at import
    process = fresh.Process(target=work, args=(theirs, dict(aws.environment), *arguments))
    process.start()
    try:
        ours.recv()  # it is warm
        began = time.perf_counter()
        ours.send("go")
        while not ours.poll(PERIOD_SECONDS * share if share < 1 else None):
            os.kill(process.pid or 0, signal.SIGSTOP)
            time.sleep(PERIOD_SECONDS * (1 - share))
            os.kill(process.pid or 0, signal.SIGCONT)
        return time.perf_counter() - began, ours.recv()
    finally:
        process.join(60)


def _callback(pipe: Connection, environment: Mapping[str, str]) -> None:
    """Deliver a webhook once it may, after one for another story."""
    app = _app(environment, "app.app")
    context = SimpleNamespace(aws_request_id="1")
    with open(os.devnull, "w") as log, redirect_stdout(log):
        app.app({**CALLBACK, "body": "{"}, context)  # refused; reads the secret, and the clients are made
        pipe.send("warm")
        pipe.recv()
        answer = app.app(CALLBACK, context)
    pipe.send((answer["statusCode"], json.loads(answer["body"])))


def _sweep(pipe: Connection, environment: Mapping[str, str], event: Any) -> None:
    """Sweep once it may; return how many runs were resumed."""
    app = _app(environment, "app.sweep")
    arn = "arn:aws:lambda:us-east-1:123456789012:function:storygate-dev-sweep"
    with open(os.devnull, "w") as log, redirect_stdout(log):
        pipe.send("warm")
        pipe.recv()
        swept = app.sweep(event, SimpleNamespace(invoked_function_arn=arn))
    pipe.send(len(swept["mended"]))


def _app(environment: Mapping[str, str], handler: str) -> Any:
    os.environ.update(environment, _HANDLER=handler, AWS_LAMBDA_FUNCTION_NAME="storygate-dev")
    import app

    return app
