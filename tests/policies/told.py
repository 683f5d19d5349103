"""The proof's tables in pytest's normal output; `pytest_terminal_summary` is called by tests/conftest.py."""

from collections.abc import Iterable, Sequence
from typing import Any

NAME = "least privilege"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows in columns as wide as they need."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    body = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([title, *(f"  {line}" for line in body), ""])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the tables that reports bring along, from a worker of pytest-xdist, too."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    told = [text for report in reports for name, text in getattr(report, "user_properties", ()) if name == NAME]
    if told:
        terminalreporter.section(NAME)
        for text in told:
            terminalreporter.write_line(text)
