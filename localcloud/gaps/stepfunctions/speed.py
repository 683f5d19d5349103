"""The interpreter does expensive work once, or not at all.

AWS runs hundreds of executions at a time, each transition taking some milliseconds.
moto 5.2.5 parses `$` again for every state, starts two threads per machine and branch, keeps each thread object until
the process ends, and logs the whole machine whenever a state fails, even if a Retry or a Catch handles it. Every
internal call rebuilds the service's URL table, and for S3 loads its module from disk. `jsonata-python` looks up two
optional callbacks for every node, through all frames.
If a branch begins while its run is stopped, its thread raises, and the run waits for it and never ends.
"""

import logging
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jsonata
import moto.s3.urls as s3_urls
from moto.core.base_backend import BaseBackend
from moto.s3.models import S3Backend
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branch_worker
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend import execution_worker

from localcloud.gaps.patching import Gap

log = logging.getLogger("localcloud.stepfunctions")

gap = Gap()

_known_urls: dict[type, Any] = {}
_NOT_BOUND = jsonata.Utils.NONE
_parse_json_path = lru_cache(maxsize=1024)(json_path.parse)

gap.sets(json_path, "parse", _parse_json_path)
gap.sets(result_path, "parse", _parse_json_path)
gap.sets(S3Backend, "_url_module", property(lambda _: s3_urls))
for _module in (program, execute_state, branch_worker, execution_worker):
    gap.sets(_module, "TMP_THREADS", deque(maxlen=0))


@gap.wraps(program.Program, "eval")
def _eval(original: Callable[..., None], self: Any, env: Any) -> None:
    if self.timeout_seconds:  # Only a time limit needs a thread.
        original(self, env)
        return
    if env.program_state() is not None and not env.is_running():
        return  # the run was stopped before this branch began
    env.next_state_name = self.start_at.start_at_name
    EvalComponent.eval(self, env)


@gap.replaces(EvalComponent, "_log_failure_event_exception")
def _log_failure(self: object, failure_event_exception: Any) -> None:
    del self
    log.debug("%s", failure_event_exception.failure_event.event_details)


@gap.replaces(EvalComponent, "_log_exception")
def _log_exception(self: object, exception: Exception) -> None:
    log.debug("%s: %r", type(self).__name__, exception)


@gap.wraps(BaseBackend, "urls")
def _urls(original: Callable[[Any], Any], self: Any) -> Any:
    known = _known_urls.get(type(self))
    if known is None:
        known = _known_urls[type(self)] = original(self)
    return known


@gap.replaces(jsonata.Jsonata.Frame, "lookup")
def _lookup(self: Any, name: str) -> Any:
    if name == "__evaluate_exit":  # only an embedding program would bind it
        return None
    frame = self
    while frame is not None:
        value = frame.bindings.get(name, _NOT_BOUND)
        if value is not _NOT_BOUND:
            return value
        frame = frame.parent
    return None
