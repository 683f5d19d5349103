"""Test what `python -m benchmarks` prints and writes; `make bench` runs the benchmarks themselves."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import BEGIN, END, lacking, main, written
from benchmarks.table import Figure, against, show

FAST = Figure("time", "1.02", "<= 1.05", True)
SLOW = Figure("cost | month", "0.94", "<= 0.75", False, "like for like")
PLAIN = Figure("wall time", "12 ms", None, None)
LOST = Figure("lost", "1", "0", False, must=True)
DAY = datetime(2026, 1, 31, tzinfo=UTC)


def modules(**runs: Callable[[bool], Sequence[Figure]]) -> Callable[[str], SimpleNamespace]:
    """Return an import of made-up benchmarks: each has a `run`, and its name as its title."""
    return lambda name: SimpleNamespace(__doc__=f"The {name}.\n\nMore.", run=runs[name])


def broken(_: bool) -> Sequence[Figure]:
    raise KeyError("verdict")


def test_a_missed_goal_is_said_in_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show([FAST, SLOW, PLAIN])
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


def test_a_title_stands_before_its_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def run(quick: bool) -> Sequence[Figure]:
        seen.append(f"{quick} {capsys.readouterr().out}")
        return [FAST]

    assert main(["callback", "--quick"], modules(callback=run)) == 0
    assert seen == ["True ▸ The callback.\n"]


def test_a_benchmark_that_raises_fails_the_command_and_loses_nothing_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "measured.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    named = ["cold_start", "callback", "workflow", "--write"]
    load = modules(cold_start=lambda _: [FAST], callback=broken, workflow=lambda _: [SLOW])
    assert main(named, load, page) == 1
    told = capsys.readouterr()
    assert "KeyError: 'verdict'" in told.err
    assert told.out.splitlines()[-3:] == [
        "2 of 3 goals missed",
        "✗ MISSED: callback is not measured; the goal is a measurement",
        "✗ MISSED: cost | month is 0.94; the goal is <= 0.75",
    ]
    assert "### The cold_start." in page.read_text()
    assert "### The workflow." in page.read_text()


def test_a_table_is_written_before_the_next_benchmark_runs(tmp_path: Path) -> None:
    page = tmp_path / "measured.md"
    page.write_text(f"{BEGIN}\n{END}\n")

    def stopped(_: bool) -> Sequence[Figure]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        main(["cold_start", "callback", "--write"], modules(cold_start=lambda _: [FAST], callback=stopped), page)
    assert "| time | 1.02 |" in page.read_text()


@pytest.mark.parametrize(("figure", "code"), [(SLOW, 0), (LOST, 1)])
def test_only_what_may_never_be_wrong_fails_the_command(figure: Figure, code: int) -> None:
    assert main(["scale"], modules(scale=lambda _: [figure])) == code


def test_what_a_benchmark_lacks_is_said_with_what_that_costs(tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert lacking(["scale", "hostile"], lambda _: None, none) == [
        f"scale cannot run: there is no {none}, where Linux reports the memory of a process",
        "hostile will have no flood: wrk is not installed (apt-get install wrk)",
    ]
    assert lacking(["callback"], lambda _: None, none) == []
    assert lacking(["scale", "hostile"], lambda name: f"/usr/bin/{name}", tmp_path) == []


def test_a_comparison_takes_the_median_of_the_ratios_of_each_round() -> None:
    ours, theirs = [0.010, 0.022, 0.300], [0.010, 0.020, 0.200]
    figure = against("time", ours, theirs, 1.05, "; one stub")
    assert (figure.measured, figure.goal, figure.verdict) == ("1.100", "<= 1.05", "MISSED")
    assert figure.note == "[1.000-1.500]; 22 [10-300] against 20 [10-200] ms; one stub"
