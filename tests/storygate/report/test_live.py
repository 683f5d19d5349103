"""The picture of a run in a terminal, and the lines that replace it where the output is no terminal."""

import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from storygate.report.follow_run import follow_live
from storygate.report.live_picture import Picture
from storygate.runs.history import History, Moment
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from tests.storygate.runs.history_events import BEGAN, FakeStepFunctions, entered, event, exited

ARN = "arn:aws:states:eu-central-1:123456789012:execution:storygate-dev:run-1"
READING = [event(1, "ExecutionStarted", 0), entered(2, "ReadInput", 1)]
RETRIED = [
    *READING,
    event(3, "TaskScheduled", 2, taskScheduled={}),
    event(4, "TaskFailed", 3, taskFailed={"error": "States.Http.StatusCode.503", "cause": "Bearer s3cr3t-t0ken"}),
    event(5, "TaskScheduled", 4, taskScheduled={}),
    exited(9, "ReadInput", 5),
]
WAITING = [*RETRIED, entered(10, "WaitForStory", 9), event(11, "TaskSubmitted", 10, taskSubmitted={})]
REFUSED = [
    *WAITING,
    event(8997, "TaskSucceeded", 11, taskSucceeded={"output": "{}"}),
    exited(8998, "WaitForStory", 8997),
    entered(8999, "VerdictCounts", 8998),
    exited(9000, "VerdictCounts", 8999, reason="PROJ-1 was rejected."),
    event(9001, "ExecutionFailed", 9000, executionFailed={"error": "rejected", "cause": "PROJ-1 was \x1b[2Jrejected."}),
]


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(events: Sequence[Any], seconds: int, *, width: int = 120, height: int = 40) -> list[str]:
    """The lines of the picture `seconds` after the run began."""
    history = History(FakeStepFunctions(events), ARN)
    history.read()
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, soft_wrap=True)
    with console.capture() as captured:
        console.print(Picture(history, now=lambda: BEGAN + timedelta(seconds=seconds)))
    return captured.get().splitlines()


def test_a_run_without_a_history_is_starting() -> None:
    assert drawn([], 0) == ["run-1: starting"]


def test_a_state_that_failed_once_has_its_error_and_a_cross_in_its_bar() -> None:
    state, standing = drawn(RETRIED, 9)
    assert state.startswith("↻ ReadInput")
    assert state.endswith("2 attempts, HTTP 503")
    assert "━" in state
    assert "✗" in state
    assert standing == "▸ running for 8.0 s"


def test_a_wait_says_how_long_it_has_lasted() -> None:
    *_, wait, standing = drawn(WAITING, 71)
    assert wait.startswith("◷ WaitForStory")
    assert "waiting for its story for 1 min, since" in standing


def test_a_wait_that_dominates_is_drawn_short_and_says_so() -> None:
    rows = drawn(REFUSED, 9001)
    assert "┆" in next(row for row in rows if "WaitForStory" in row)
    assert "  ┆ = 2 h 29 min, drawn short" in rows


def test_a_rejection_is_drawn_as_the_end_of_the_wait_and_not_as_an_error() -> None:
    (wait,) = [row for row in drawn(REFUSED, 9001) if "WaitForStory" in row]
    assert wait.startswith("✓ WaitForStory")
    assert "✗" not in wait


def test_the_end_says_outcome_and_reason_and_moves_no_cursor() -> None:
    assert drawn(REFUSED, 9001)[-1] == "✗ rejected after 2 h 30 min: PROJ-1 was \N{REPLACEMENT CHARACTER}[2Jrejected."


def test_a_reason_longer_than_the_screen_is_wide_goes_on_in_the_next_line() -> None:
    rows = drawn(REFUSED, 9001, width=50)
    assert max(map(len, rows)) <= 50
    assert "".join(rows[-2:]).endswith("2 h 30 min: PROJ-1 was \N{REPLACEMENT CHARACTER}[2Jrejected.")


def test_on_a_small_screen_the_first_states_give_way() -> None:
    events = [event(1, "ExecutionStarted", 0)]
    for number in range(20):
        events += [entered(2 * number + 2, f"S{number}", 2 * number + 1), exited(2 * number + 3, f"S{number}", 0)]
    rows = drawn(events, 50, height=16)
    assert len(rows) <= 16
    assert rows[0] == "  … 10 states before"
    assert "S19" in rows[-2]


def test_what_an_error_quotes_is_not_drawn() -> None:
    assert "s3cr3t" not in "\n".join(drawn(REFUSED, 9001))


@pytest.mark.parametrize(("stream", "term", "lines"), [(Tty, "xterm", 0), (Tty, "dumb", 7), (io.StringIO, "xterm", 7)])
def test_lines_are_written_only_where_nothing_can_be_redrawn(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], term: str, lines: int
) -> None:
    monkeypatch.setenv("TERM", term)
    output = stream()
    moments: list[Moment] = []
    history = History(FakeStepFunctions(REFUSED), ARN)
    assert follow_live(history, Patience(5), moments.append, Terminal(output))
    assert len(moments) == lines
    assert ("━" in output.getvalue()) == (lines == 0)
