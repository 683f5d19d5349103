"""The tables of what tests prove, in pytest's output: one line each, or with `--proofs` the whole (`make proofs`).

A test hands a table over with `record_property(PROOF, text)`; it travels in the test's report, and so arrives from the
workers of pytest-xdist, too. tests/conftest.py calls `show`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

PROOF = "proof"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a title and, below it, rows in columns as wide as their longest cell."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    body = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([title, *(f"  {line}" for line in body)])


def show(terminalreporter: Any, whole: bool) -> None:
    """Print each table's title, or the whole tables."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    texts = [text for report in reports for name, text in getattr(report, "user_properties", ()) if name == PROOF]
    if texts:
        terminalreporter.section("proofs" if whole else "proofs (the tables: make proofs)")
    for text in sorted(texts):
        terminalreporter.write_line(f"{text}\n" if whole else text.partition("\n")[0])
