"""What every test run shows: under pytest-xdist only this file is read by the process that prints the summary."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "protocol"))

import pytest
import summary
from iam import told


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The tables of the decision protocol, and those of least privilege."""
    summary.pytest_terminal_summary(terminalreporter)
    told.pytest_terminal_summary(terminalreporter)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay on one worker, for their fixtures; those of tests/e2e stay together, for their cloud."""
    for item in items:
        shared = "e2e" if item.path.parent.name == "e2e" else str(item.path)
        item.add_marker(pytest.mark.xdist_group(shared))
