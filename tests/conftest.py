"""What every test run shows: under pytest-xdist only this file is read by the process that prints the summary."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "protocol"))

from summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
