"""`cost` computes from a run that really ran, and says so where it cannot."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def played(storygate: Command) -> dict[str, str]:
    """The newest runs, by outcome."""
    runs = storygate("smoke", "--yes", "--json").json["runs"]
    return {run["outcome"]: run["execution"] for run in runs}


def quantities(bill: Any, group: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in bill["lines"]:
        if line["group"] == group:
            found[line["what"]] += line["quantity"]
    return found


def test_it_counts_what_the_newest_approved_run_needed(storygate: Command, played: dict[str, str]) -> None:
    bill = storygate("cost", "--json").json
    assert bill["execution"] == played["approved"]
    usage = quantities(bill, "usage")
    expected = {
        "state transitions": 12,  # the states on an approved run's way
        "HTTP Task calls": 3,
        "Lambda requests": 3,  # trigger, callback, status event
        "REST API requests": 1,
        # A transaction of two items, STORY, the entry's removal, the index for both, and what Jira was told.
        "DynamoDB write units": 10,
        "DynamoDB read units": 1,
        "S3 PUT requests": 3,  # upload, log, result
        "S3 GET requests": 2,  # the input, and the result, for Jira
    }
    assert {name: usage[name] for name in expected} == expected
    mocks = {line["what"]: line["quantity"] for line in bill["lines"] if line["group"] == "mocks"}
    assert mocks["REST API requests"] == 3
    monthly = quantities(bill, "monthly")
    assert {name: monthly[name] for name in ("alarms", "metrics of our own", "dashboards", "Lambda requests")} == {
        "alarms": 12,
        "metrics of our own": 7,
        "dashboards": 1,
        "Lambda requests": 8640,  # a sweep in five minutes
    }
    assert any(line["basis"].endswith("its log") for line in bill["lines"]), "the trigger's duration is measured"


@pytest.mark.usefixtures("played")
def test_a_thousand_executions_use_less_than_half_a_dollar(storygate: Command) -> None:
    totals = storygate("cost", "--json").json["totals"]
    assert totals["usagePerThousand"] < 0.50
    assert totals["totalAfterFreeTier"] < totals["total"]


@pytest.mark.usefixtures("played")
def test_people_see_each_line_with_its_price_and_the_assumptions(storygate: Command) -> None:
    told = storygate("cost", "--executions", "5000").out
    for text in ("$25.00 per 1M", "5,000 executions in a month", "second-hand", "its log", "Not counted"):
        assert text in told


def test_a_run_that_was_not_approved_is_refused(storygate: Command, played: dict[str, str]) -> None:
    ended = storygate("cost", played["rejected"])
    assert ended.code == 1
    assert "FAILED" in ended.err
