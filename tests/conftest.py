"""What every test run shows: under pytest-xdist only this file is read by the process that prints the summary."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "protocol"))

import botocore.loaders
import botocore.session
import pytest
import summary
from iam import told
from xdist.scheduler import LoadScopeScheduling

# botocore reads a service's model anew for every session, and the tests make hundreds of sessions.
_loader = botocore.loaders.create_loader()
botocore.session.create_loader = lambda *_: _loader


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The tables of the decision protocol, and those of least privilege."""
    summary.pytest_terminal_summary(terminalreporter)
    told.pytest_terminal_summary(terminalreporter)


class ByCloud(LoadScopeScheduling):
    """A file's tests stay on one worker, for their fixtures; those of tests/e2e stay together, for their cloud."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return "tests/e2e" if path.startswith("tests/e2e/") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCloud:
    """`--dist loadgroup` would do, but pytest-xdist 3.8 cannot rename the tests of pytest 9.2 for it."""
    return ByCloud(config, log)
