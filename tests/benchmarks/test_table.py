"""What `python -m benchmarks` prints and writes; that each benchmark runs is seen by running it: `make bench`."""

from datetime import UTC, datetime

import pytest

from benchmarks.__main__ import BEGIN, END, main, written
from benchmarks.table import Figure, show

FAST = Figure("time", "1.02", "<= 1.05", True)
SLOW = Figure("cost | month", "0.94", "<= 0.75", False, "like for like")
PLAIN = Figure("wall time", "12 ms", None, None)
DAY = datetime(2026, 1, 31, tzinfo=UTC)


def test_a_missed_goal_is_said_in_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show("Workflow", [FAST, SLOW, PLAIN])
    printed = capsys.readouterr().out
    assert "✗ MISSED: cost | month is 0.94; the goal is <= 0.75" in printed
    assert printed.count("MISSED") == 2
    assert next(line for line in printed.splitlines() if line.startswith("wall time")).split() == [
        "wall",
        "time",
        "12",
        "ms",
    ]


def test_the_page_gets_the_tables_measured_and_keeps_the_others_and_its_prose() -> None:
    page = f"before\n{BEGIN}\n{END}\nafter\n"
    page = written(page, {"workflow": ("Workflow", [SLOW])}, DAY)
    page = written(page, {"cold_start": ("Cold start", [PLAIN])}, DAY)
    again = written(page, {"cold_start": ("Cold start", [FAST])}, DAY)
    assert again.startswith("before\n")
    assert again.endswith("after\n")
    assert "| cost \\| month | 0.94 | <= 0.75 | MISSED | like for like |" in again
    assert "| time | 1.02 | <= 1.05 | met |  |" in again
    assert "wall time" not in again
    assert again.index("### Cold start") < again.index("### Workflow")


def test_an_unknown_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["warm"])
    assert ended.value.code == 2
    assert "no benchmark is called warm" in capsys.readouterr().err
