"""Tables that a test wants in pytest's normal output, below the dots.

A test writes them with the `tell` fixture (conftest.py); they travel in its report, so that they arrive from the
workers of pytest-xdist, too.
"""

from collections.abc import Iterable, Sequence
from typing import Any

NAME = "protocol"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows in columns as wide as they need."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    body = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([title, *(f"  {line}" for line in body)])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what the tests told, once, however often this hook is registered."""
    if getattr(terminalreporter, "_protocol_told", False):
        return
    terminalreporter._protocol_told = True
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    told = [text for report in reports for name, text in getattr(report, "user_properties", ()) if name == NAME]
    if told:
        terminalreporter.section("the decision protocol")
        for text in sorted(told):
            terminalreporter.write_line(text)
            terminalreporter.write_line("")
