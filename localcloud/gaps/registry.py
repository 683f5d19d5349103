"""All gaps in the order in which they are filled, for the one moto that they are written for."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.metadata import version

from localcloud import LocalCloudError
from localcloud.gaps.patching import Gap

MOTO = "5.2.5"
"""The version of moto whose gaps these are. The requirements pin the same one; a test compares."""

GAPS = (
    "server.memory",
    "server.speed",
    "apigateway.authorizers",
    "apigateway.swagger",
    "awslambda.invoke",
    "cloudformation.resource",
    "cloudformation.parameters",
    "cloudformation.references",
    "cloudformation.update",
    "cloudformation.failures",
    "cloudformation.drift",
    "cloudformation.alarm",
    "cloudformation.bucket",
    "cloudformation.connection",
    "cloudformation.event_invoke",
    "cloudformation.log_group",
    "cloudformation.metric_filter",
    "cloudformation.role",
    "cloudformation.statemachine",
    "cloudformation.statemachine_version",
    "cloudformation.table",
    "dynamodb.speed",
    "dynamodb.isolation",  # after `speed`: its lock covers the faster transaction too
    "events.targets",
    "s3.events",
    "s3.filter_names",
    "s3.policy_conditions",
    "stepfunctions.assign",
    "stepfunctions.attempts",
    "stepfunctions.branches",
    "stepfunctions.choice",
    "stepfunctions.clients",
    "stepfunctions.context",
    "stepfunctions.definition",
    "stepfunctions.deletion",
    "stepfunctions.describing",
    "stepfunctions.errors",
    "stepfunctions.evaluation",
    "stepfunctions.execution",
    "stepfunctions.http",
    "stepfunctions.jsonata",
    "stepfunctions.nested",
    "stepfunctions.sdk",
    "stepfunctions.speed",
    "stepfunctions.status_events",
    "stepfunctions.tokens",
    "stepfunctions.versions",
    "stepfunctions.wait",
)
"""Modules of this package, each with a `gap`. Only the line with a comment depends on another line."""

_lock = threading.RLock()
_undo = ExitStack()
_filled: set[str] = set()
_holders = 0


@contextmanager
def filled(*names: str) -> Iterator[None]:
    """Fill these gaps, by default all, while the block runs; then restore every attribute of moto.

    moto's state is global to the process, so this is too: blocks may overlap, a gap is filled once, and the end of the
    last block restores all. Raises LocalCloudError if the installed moto is another one than `MOTO`.
    """
    check_moto(version("moto"))
    with ExitStack() as block:
        with _lock:
            block.callback(_release)
            _hold(names or GAPS)
        yield


def check_moto(installed: str) -> None:
    """Raise LocalCloudError unless this is the version of moto that the gaps are written for."""
    if installed != MOTO:
        raise LocalCloudError(
            f"moto {installed} is installed, but the local cloud works with moto {MOTO} only; "
            f'run: pip install "moto=={MOTO}"'
        )


def load(name: str) -> Gap:
    """Import one gap, named as in `GAPS`. That alone changes nothing in moto."""
    found: Gap = import_module(f"localcloud.gaps.{name}").gap
    return found


def _hold(names: tuple[str, ...]) -> None:
    global _holders
    _holders += 1
    gaps = {name: load(name) for name in names if name not in _filled}  # all imported before the first is filled
    for name, found in gaps.items():
        for patch in found.patches:
            _undo.callback(patch.apply())
        _filled.add(name)
    _forget_types()


def _release() -> None:
    global _holders
    with _lock:
        _holders -= 1
        if not _holders:
            _undo.close()
            _filled.clear()
            _forget_types()


def _forget_types() -> None:
    """Have moto look up CloudFormation's resource types again; it remembers those of its first look."""
    import moto.cloudformation.parsing as parsing  # after `check_moto`: another moto may have it elsewhere

    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
