"""Shorten lists that may be long: in a log line, and in a sentence."""

from typing import Any

LOGGED = 100  # texts in a list of a log line


def cut(value: Any) -> Any:
    """Return a list of at most LOGGED texts, the last of which says how many more there were; any other value as is."""
    if isinstance(value, list) and len(value) > LOGGED:
        return [*value[: LOGGED - 1], f"and {len(value) - LOGGED + 1} more"]
    return value


def named(names: list[str] | tuple[str, ...], most: int) -> str:
    """Return the first names with commas between, and how many more there are: `a, b and 7 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
