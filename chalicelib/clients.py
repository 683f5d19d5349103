"""The AWS clients of a function, made while it starts or at their first use, and kept while it is warm.

They are botocore's clients, which `boto3.client` returns too; boto3 itself (resources, transfers) is never loaded.
"""

import gc
import os
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

from chalicelib.parallel import THREADS

# Jira waits 20 seconds for an answer (Data Center's Automation 3), and sends a 503 again. Two attempts of at most
# 1 + 1.5 seconds leave time to answer 503 when a call fails twice; usual calls take milliseconds.
# A client needs a connection for each thread that calls it at the same time.
TIMEOUTS = Config(
    connect_timeout=1,
    read_timeout=1.5,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=THREADS,
)

# A list that the threads of one request share, and no two requests.
_times: ContextVar[list[str]] = ContextVar("times")


class Client:
    """An AWS client, made at its first use unless `prepare` made it. `call_times` returns how long its calls took."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(_made(self._service), name)


def prepare(needed: Mapping[str, Iterable[str]]) -> None:
    """Make the clients of the running function, which Lambda names in `_HANDLER`, while app.py is imported.

    Lambda gives a function a whole CPU while it starts, then a share by its memory, a seventh of one at 256 MB (AWS,
    serverlessland.com, "Effectively running Java on serverless"; developer guide, "Configure memory").
    """
    services = needed.get(os.environ.get("_HANDLER", ""))
    if services is None:  # not in Lambda, or not of this app
        return
    gc.disable()  # botocore's models are hundreds of thousands of objects, none of them garbage
    for service in services:
        _made(service)
    gc.freeze()
    gc.enable()


@cache
def _session() -> Any:
    return botocore.session.Session()


@cache
def _made(service: str) -> Any:
    made = _session().create_client(service, config=TIMEOUTS)
    # botocore emits the first event once a call, before its retries, and one of the others when the call is over.
    made.meta.events.register("before-call", _begin)
    made.meta.events.register("after-call", _end)
    made.meta.events.register("after-call-error", _end)
    return made


def call_times() -> list[str]:
    """Return the AWS calls since the last time, in order, with their milliseconds: `["Query 7", "PutItem 12"]`."""
    times = _times.get([])
    _times.set([])
    return times


def _begin(model: Any, context: dict[str, Any], **_: Any) -> None:
    context["began"] = (model.name, time.perf_counter())


def _end(context: dict[str, Any], **_: Any) -> None:
    operation, began = context.get("began") or ("call", time.perf_counter())
    taken = f"{operation} {(time.perf_counter() - began) * 1000:.0f}"
    _times.set(times := _times.get([]))
    times.append(taken)
