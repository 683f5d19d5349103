"""One page of the console's list, at a bounded price however many runs there are.

A page is what ListExecutions answers from one token to the next: 25 runs unfiltered. Step Functions filters by its own
status alone, so for a story, or for an outcome that is no status, a page looks through at most 200 runs, says so, and
hands on the token to go on with. Only the runs that wait for a story are found without a search: they are one Query of
the story's partition in the decision table. What an ended run wrote never changes and is remembered.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storygate.commands.arguments import Place
from storygate.commands.list import look_up
from storygate.runs.executions import RUNNING, Run
from storygate.runs.waits import waiting_for
from storygate.support.errors import OperatorError

Row = dict[str, Any]

ROWS = 25  # runs of one ListExecutions, and matches that end a search
SEARCHED = 200  # runs that one page looks at, at most
REMEMBERED = 10_000  # runs, some 300 bytes each

GOING = ("waiting", "running")
OUTCOMES = ("approved", "rejected", "timed_out", "api_failed", "invalid_input", "cancelled")
FILTERS = ("", *GOING, "ended", *OUTCOMES, "error")
STATUS = {"waiting": RUNNING, "running": RUNNING, "approved": "SUCCEEDED", "cancelled": "ABORTED"}
STATUS |= dict.fromkeys(("rejected", "timed_out", "api_failed", "invalid_input"), "FAILED")


@dataclass(frozen=True)
class Page:
    """Rows as `list --json` has them, newest first; those that wait for the story asked for come first."""

    rows: list[Row]
    searched: int
    """How many runs were looked at; 0 if none had to be, since all who wait for the story are known."""
    next: str | None
    """The token of the next page."""
    more_waiting: bool = False
    """Whether more runs wait for the story than are shown."""


class Listing:
    """The list of one stage's runs."""

    def __init__(self, place: Place) -> None:
        self._place, self._known = place, _Remembered()

    def page(self, outcome: str = "", story: str = "", token: str | None = None) -> Page:
        """The runs of one of FILTERS and of a story, `""` for all; from `token` on. Raises what AWS answers."""
        waiting, more = self._waiting_for(story) if story and outcome in ("", "waiting") and not token else ([], False)
        if story and outcome == "waiting":
            return Page(waiting, 0, None, more)
        found, searched, token = self._search(outcome, story, token)
        shown = {row["execution"] for row in waiting}
        return Page(waiting + [row for row in found if row["execution"] not in shown], searched, token, more)

    def _search(self, outcome: str, story: str, token: str | None) -> tuple[list[Row], int, str | None]:
        wanted = _wanted(outcome, story)
        rows: list[Row] = []
        searched = 0
        for _ in range(SEARCHED // ROWS):
            runs, token = self._place.runs.page(STATUS.get(outcome), ROWS, token)
            searched += len(runs)
            rows += filter(wanted, look_up(self._place, runs, self._known))
            if not token or len(rows) >= ROWS:
                break
        return rows, searched, token

    def _waiting_for(self, story: str) -> tuple[list[Row], bool]:
        names = waiting_for(self._place.dynamodb, self._place.stage.table, story, ROWS + 1)
        runs = [run for name in names[:ROWS] if (run := self._run(name))]
        rows = [row for row in look_up(self._place, runs, self._known) if row["outcome"] == "waiting"]
        return sorted(rows, key=lambda row: str(row["startedAt"]), reverse=True), len(names) > ROWS

    def _run(self, name: str) -> Run | None:
        try:
            described = self._place.runs.describe(name)
        except OperatorError:  # its entry outlived it: Step Functions forgets runs after 90 days, the table after 400
            return None
        started, ended = described["startDate"], described.get("stopDate")
        return Run(described["executionArn"], name, described["status"], started, ended)


def _wanted(outcome: str, story: str) -> Callable[[Row], bool]:
    def wanted(row: Row) -> bool:
        if story and row["story"] != story:
            return False
        if outcome == "ended":
            return row["outcome"] not in GOING
        if outcome == "error":  # ours, and whatever AWS ends a run with, such as States.Runtime
            return row["outcome"] not in (*GOING, *OUTCOMES)
        return outcome in ("", row["outcome"])

    return wanted


class _Remembered(dict[tuple[str, datetime | None], tuple[str | None, str]]):
    """What is known of runs; the oldest knowledge goes first."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def __setitem__(self, key: tuple[str, datetime | None], value: tuple[str | None, str]) -> None:
        with self._lock:
            super().__setitem__(key, value)
            if len(self) > REMEMBERED:
                del self[next(iter(self))]
