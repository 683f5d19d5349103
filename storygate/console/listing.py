"""One page of the console's list, with a bounded number of calls however many runs there are.

A page is one answer of ListExecutions: 25 runs, unfiltered. Step Functions filters only by its own status, so for a
story, or for an outcome that is not such a status, a page searches at most 200 runs, says so, and links to the rest.
Only the runs that wait for a story are found without a search: by one Query of the story's partition in the decision
table. What never changes of a run is remembered.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from storygate.runs.executions import RUNNING, Run, Runs
from storygate.runs.run_rows import Row, rows_of
from storygate.runs.waits import waiting_for
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

ROWS = 25  # runs of one ListExecutions, and matches that end a search
SEARCHED = 200  # runs that one page looks at, at most
REMEMBERED = 10_000  # runs, some 300 bytes each

ONGOING = ("waiting", "running")
OUTCOMES = ("approved", "rejected", "timed_out", "api_failed", "release_failed", "invalid_input", "cancelled")
FILTERS = ("", *ONGOING, "ended", *OUTCOMES, "error")
STATUS = {"waiting": RUNNING, "running": RUNNING, "approved": "SUCCEEDED", "cancelled": "ABORTED"}
STATUS |= dict.fromkeys(("rejected", "timed_out", "api_failed", "release_failed", "invalid_input"), "FAILED")


@dataclass(frozen=True)
class Page:
    """Rows as in `list --json`, newest first; before them, runs that wait for the requested story."""

    rows: list[Row]
    searched: int
    """The number of runs searched; 0 if only the runs that wait for the story were asked for."""
    next: str | None
    """The token of the next page."""
    more_waiting: bool = False
    """Whether more runs wait for the story than are shown."""


class Listing:
    """The list of one stage's runs."""

    def __init__(self, context: Context) -> None:
        self._context, self._runs, self._known = context, Runs(context), _Remembered()

    def page(self, outcome: str = "", story: str = "", token: str | None = None) -> Page:
        """Return the runs of one of FILTERS and of a story, `""` for all, from `token` on. Raises AWS's errors."""
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
            runs, token = self._runs.page(STATUS.get(outcome), ROWS, token)
            searched += len(runs)
            rows += filter(wanted, rows_of(self._context, runs, self._known))
            if not token or len(rows) >= ROWS:
                break
        return rows, searched, token

    def _waiting_for(self, story: str) -> tuple[list[Row], bool]:
        names = waiting_for(self._context.client("dynamodb"), self._context.stage.table, story, ROWS + 1)
        runs = [run for name in names[:ROWS] if (run := self._run(name))]
        rows = [row for row in rows_of(self._context, runs, self._known) if row["outcome"] == "waiting"]
        return sorted(rows, key=lambda row: str(row["startedAt"]), reverse=True), len(names) > ROWS

    def _run(self, name: str) -> Run | None:
        try:
            described = self._runs.describe(name)
        except OperatorError:  # Step Functions deletes a run after 90 days, the table its entry after 400
            return None
        started, ended = described["startDate"], described.get("stopDate")
        return Run(described["executionArn"], name, described["status"], started, ended)


def _wanted(outcome: str, story: str) -> Callable[[Row], bool]:
    def wanted(row: Row) -> bool:
        if story and row["story"] != story:
            return False
        if outcome == "ended":
            return row["outcome"] not in ONGOING
        if outcome == "error":  # the workflow's own `error`, and AWS's errors such as States.Runtime
            return row["outcome"] not in (*ONGOING, *OUTCOMES)
        return outcome in ("", row["outcome"])

    return wanted


class _Remembered(dict[tuple[str, datetime | None], Row]):
    """What never changes of runs (`run_rows.KnownRuns`); the oldest entry is dropped first."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def __setitem__(self, key: tuple[str, datetime | None], value: Row) -> None:
        with self._lock:
            super().__setitem__(key, value)
            if len(self) > REMEMBERED:
                del self[next(iter(self))]
