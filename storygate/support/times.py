"""Times for people: spans in two units, moments in local time; and for scripts, in UTC."""

from datetime import UTC, datetime
from typing import Any

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(seconds: float, *, precise: bool = False) -> str:
    """Return a span in its two largest units: `3 h 12 min`, `45 s`; a negative one (clocks differ) is `0 s`.

    `precise`: below a minute in milliseconds or tenths of a second: `8 ms`, `4.2 s`.
    """
    if precise and seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if precise and seconds < 59.95:
        return f"{seconds:.1f} s"
    rest = max(0, int(seconds))
    for index, (unit, size) in enumerate(UNITS):
        if rest >= size:
            smaller, smaller_size = UNITS[min(index + 1, len(UNITS) - 1)]
            more = rest % size // smaller_size
            return f"{rest // size} {unit}" + (f" {more} {smaller}" if more and smaller != unit else "")
    return "0 s"


def local_time(at: datetime, now: datetime | None = None) -> str:
    """Return a moment in the local zone: `14:03:22` if it is today, else `2026-01-31 14:03:22`."""
    local = at.astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")


def zone() -> str:
    """Return the name of the local zone that `local_time` uses, such as `CET` or `UTC`."""
    return datetime.now(UTC).astimezone().tzname() or "local"


def moment_of(text: Any) -> datetime | None:
    """Return the moment of an ISO 8601 text; None for anything else."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def iso(at: datetime) -> str:
    """Return a moment in UTC as results write it: `2026-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
