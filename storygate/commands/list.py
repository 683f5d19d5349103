"""`list`: the newest runs, each with its story and outcome, or those that wait."""

import argparse
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from storygate.commands.arguments import add_command, context_of, number_between, print_json
from storygate.runs.executions import RUNNING, Runs
from storygate.runs.run_rows import Row, rows_of
from storygate.stage.context import Context
from storygate.support.terminal import Terminal
from storygate.support.times import local_time, span, zone

MOST = 1000


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "list",
        run,
        help="show the newest runs, or those that wait",
        description="Shows runs with story, outcome and age since their start; newest first: running ones by their "
        "start, the others by their end.",
        example="--stage dev --waiting",
    )
    parser.add_argument("--waiting", action="store_true", help="only runs that wait for their story")
    parser.add_argument(
        "--limit", type=number_between(1, MOST), default=20, metavar="N", help="how many at most (default 20)"
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Show the rows: 0, also if there are none."""
    context = context_of(args)
    rows = list(islice(_rows(context, args.limit, args.waiting), args.limit))
    if args.json:
        print_json(rows)
    elif rows:
        terminal.table(("RUN", "STORY", "OUTCOME", f"STARTED ({zone()})", "AGE", "BY"), [_cells(row) for row in rows])
    else:
        terminal.say(f"stage {context.stage.name}: no run {'is waiting' if args.waiting else 'yet'}")
    return 0


def _rows(context: Context, size: int, waiting: bool) -> Iterator[Row]:
    """The rows, read `size` at a time; a second batch is read only if some of the first do not wait."""
    runs = Runs(context).latest(RUNNING if waiting else None)
    while batch := list(islice(runs, size)):
        for row in rows_of(context, batch):
            if not waiting or row["outcome"] == "waiting":
                yield row
        if not waiting:
            return


def _cells(row: Row) -> tuple[str, ...]:
    started = local_time(datetime.fromisoformat(row["startedAt"]))
    # S3 names the principal `AWS:<the role's id>:<session>`; people recognise the session.
    who = (row["startedBy"] or "-").rpartition(":")[2]
    return row["execution"], row["story"] or "-", row["outcome"], started, span(row["ageSeconds"]), who
