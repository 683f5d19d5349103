"""The AWS clients of a function, made at their first use and kept while the function is warm."""

import time
from functools import cache
from threading import local
from typing import Any

import boto3
from botocore.config import Config

# Jira gives up after 20 seconds (Data Center's Automation after 3) and sends a 503 again. Two attempts of at most
# 1 + 1.5 seconds leave a call that fails for good time to be answered as such; usual calls take milliseconds.
PATIENCE = Config(connect_timeout=1, read_timeout=1.5, retries={"mode": "standard", "total_max_attempts": 2})

_request = local()


class Client:
    """A boto3 client, made at its first use: what is refused at the door needs none, and most callbacks need two.

    What its calls take is kept for `call_times`.
    """

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(_made(self._service), name)


@cache
def _made(service: str) -> Any:
    made = boto3.client(service, config=PATIENCE)
    # botocore emits the first once a call, before its retries, and one of the others when it is over.
    made.meta.events.register("before-call", _begin)
    made.meta.events.register("after-call", _end)
    made.meta.events.register("after-call-error", _end)
    return made


def call_times() -> list[str]:
    """The AWS calls since this was last asked, in order, with their milliseconds: `["Query 7", "PutItem 12"]`."""
    times: list[str] = getattr(_request, "times", [])
    _request.times = []
    return times


def _begin(model: Any, context: dict[str, Any], **_: Any) -> None:
    context["began"] = (model.name, time.perf_counter())


def _end(context: dict[str, Any], **_: Any) -> None:
    operation, began = context.get("began") or ("call", time.perf_counter())
    taken = f"{operation} {(time.perf_counter() - began) * 1000:.0f}"
    _request.times = [*getattr(_request, "times", []), taken]
