"""What every test run shows: under pytest-xdist only this file is read by the process that prints the summary."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "protocol"))

import summary
from iam import told


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The tables of the decision protocol, and those of least privilege."""
    summary.pytest_terminal_summary(terminalreporter)
    told.pytest_terminal_summary(terminalreporter)
