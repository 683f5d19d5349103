"""The interpreter's own AWS calls.

AWS: an SDK integration reaches its service wherever the machine runs.
moto 5.2.5 builds a new boto3 client for every call (tens of milliseconds each, and not safe in threads) and points
it at `localhost:$MOTO_PORT`, which is not where a server on a port of its own listens.

Here one client for each service and region answers from moto's backends in this process, without a socket.
"""

import sys
import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber

# Imported for what it imports: every module that holds a reference to `boto_client_for`.
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory as _  # noqa: F401

from localcloud.gaps.patching import Gap

gap = Gap()

_CONFIG = Config(
    parameter_validation=False,
    retries={"max_attempts": 0},
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    # The URL says which backend answers, so it must be AWS's, whatever this process has exported for its own calls.
    ignore_configured_endpoint_urls=True,
)
_creating = threading.Lock()
_backends = BotocoreStubber()
_backends.enabled = True


def client_for(region: str, service: str, state_credentials: object = None) -> Any:  # noqa: ARG001
    """Return the client for a service, in moto's signature. Credentials are not told apart: there is one account."""
    with _creating:
        return _client(region, service)


@lru_cache(maxsize=256)
def _client(region: str, service: str) -> Any:
    session = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106, of no AWS
    client = session.client(service, region_name=region, config=_CONFIG)
    client.meta.events.register("before-send", answer)
    return client


def answer(request: Any, **event: Any) -> Any:
    """What the backend of the called service answers; an event handler of botocore's, `before-send`."""
    try:
        response = _backends(request=request, **{"event_name": "before-send", **event})
    except Exception as failure:  # A server would answer 500; its text alone can be empty.
        raise RuntimeError(f"moto failed to answer {request.url}: {failure!r}") from failure
    if response is None:
        raise ConnectionError(f"moto does not answer {request.url}, and nothing here may reach AWS")
    return response


for _name, _module in list(sys.modules.items()):
    if _name.startswith("moto.stepfunctions.") and hasattr(_module, "boto_client_for"):
        gap.sets(_module, "boto_client_for", client_for)
