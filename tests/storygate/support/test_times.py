"""Ages in two units, clocks in local time."""

from datetime import UTC, datetime, timedelta

import pytest

from storygate.support.times import iso, local_time, span


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (3 * 3600 + 12 * 60 + 59, "3 h 12 min"),
        (86_400, "1 d"),
        (7 * 86_400 + 3600, "7 d 1 h"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_another_days_time_has_its_date() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert local_time(now, now) == now.astimezone().strftime("%H:%M:%S")
    assert local_time(now - timedelta(days=2), now) == (now - timedelta(days=2)).astimezone().strftime(
        "%Y-%m-%d %H:%M:%S"
    )


def test_times_for_scripts_are_utc() -> None:
    assert iso(datetime(2026, 1, 31, 12, 0, 0, 4_000, tzinfo=UTC)) == "2026-01-31T12:00:00.004Z"
