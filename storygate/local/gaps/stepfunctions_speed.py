"""What makes moto's interpreter slow where AWS is not.

AWS runs hundreds of executions at once, each transition taking some milliseconds.
moto 5.2.5 parses `$` anew for every state, starts two threads per machine and branch, keeps each thread object for
ever, and writes the whole machine into its log whenever a state fails, even if a Retry or a Catch takes care of it.
"""

import logging
from collections import deque
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branch_worker
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend import execution_worker

log = logging.getLogger("storygate.local.stepfunctions")

_original_eval = program.Program.eval
_parse_json_path = lru_cache(maxsize=1024)(json_path.parse)


def _eval(self: Any, env: Any) -> None:
    if self.timeout_seconds:  # Only a time limit needs a thread that is watched.
        _original_eval(self, env)
        return
    env.next_state_name = self.start_at.start_at_name
    EvalComponent.eval(self, env)


def _log_failure(self: object, failure_event_exception: Any) -> None:
    del self
    log.debug("%s", failure_event_exception.failure_event.event_details)


def _log_exception(self: object, exception: Exception) -> None:
    log.debug("%s: %r", type(self).__name__, exception)


def fill() -> None:
    """Have moto do each of these once, or not at all."""
    json_path.parse = result_path.parse = _parse_json_path
    program.Program.eval = _eval
    EvalComponent._log_failure_event_exception = _log_failure
    EvalComponent._log_exception = _log_exception
    for module in (program, execute_state, branch_worker, execution_worker):
        module.TMP_THREADS = deque(maxlen=0)
