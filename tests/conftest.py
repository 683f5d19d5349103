"""What every test run shows: under pytest-xdist only this file is read by the process that prints the summary."""

import functools
import gc
from typing import Any

import botocore.hooks
import pytest
from xdist.scheduler import LoadScopeScheduling

import localcloud.light  # noqa: F401 - for the tests without a local cloud, too
from tests import proofs

# The tests make hundreds of botocore sessions. Each would look up the alias of each of its 130 built-in events and the
# signature of each handler, after it has read the services' models (light.py).
_alias = functools.cache(botocore.hooks.EventAliaser(None)._alias_event_name)
botocore.hooks.EventAliaser._alias_event_name = lambda _, name: _alias(name)
_accepts_kwargs = functools.cache(botocore.hooks.accepts_kwargs)
botocore.hooks.accepts_kwargs = lambda handler: _accepts_kwargs(getattr(handler, "__func__", handler))


def pytest_collection_finish() -> None:
    """Takes all that imports and collection have made out of the garbage collector's sight."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--proofs`."""
    parser.addoption("--proofs", action="store_true", help="print the tables of what the tests prove")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what the tests prove."""
    proofs.show(terminalreporter, whole=config.getoption("--proofs"))


class ByCloud(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped
    """A file's tests stay on one worker, for their fixtures; those of tests/e2e stay together, for their cloud."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return "tests/e2e" if path.startswith("tests/e2e/") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCloud:
    """`--dist loadgroup` would do, but pytest-xdist 3.8 cannot rename the tests of pytest 9.2 for it."""
    return ByCloud(config, log)
