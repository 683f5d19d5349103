"""The interpreter's own AWS calls.

AWS: an SDK integration reaches its service, in every region.
moto 5.2.5 builds a new boto3 client for every call (tens of milliseconds each, and not safe in threads) and points
it at `localhost:$MOTO_PORT`, which is wrong for a server that listens on another address.

Here one client for each service and region answers from moto's backends in this process, without a socket.
"""

import sys
import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber

# Imports every module that holds a reference to `boto_client_for`.
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory as _  # noqa: F401

from localcloud.gaps.patching import Gap

gap = Gap()

_CONFIG = Config(
    parameter_validation=False,
    retries={"max_attempts": 0},
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    # moto finds the backend by AWS's own URL, so an endpoint that this process has exported must not replace it.
    ignore_configured_endpoint_urls=True,
)
_creating = threading.Lock()
_backends = BotocoreStubber()
_backends.enabled = True


def client_for(region: str, service: str, state_credentials: object = None) -> Any:  # noqa: ARG001
    """Return the client for a service, in moto's signature. There is one account, so credentials do not matter."""
    with _creating:
        return _client(region, service)


@lru_cache(maxsize=256)
def _client(region: str, service: str) -> Any:
    session = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106, of no AWS
    client = session.client(service, region_name=region, config=_CONFIG)
    client.meta.events.register("before-send", answer)
    return client


def answer(request: Any, **event: Any) -> Any:
    """Return the answer of moto's backend; an event handler of botocore's, `before-send`."""
    try:
        response = _backends(request=request, **{"event_name": "before-send", **event})
    except Exception as failure:  # A server would answer 500. The text of an exception can be empty.
        raise RuntimeError(f"moto failed to answer {request.url}: {failure!r}") from failure
    if response is None:
        raise ConnectionError(f"moto does not answer {request.url}, and nothing here may reach AWS")
    return response


for _name, _module in list(sys.modules.items()):
    if _name.startswith("moto.stepfunctions.") and hasattr(_module, "boto_client_for"):
        gap.sets(_module, "boto_client_for", client_for)
