"""Add a member to a JSON object in a text, and leave the rest of the text as it is: blanks, line breaks, order."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

INDENT = 2


def inserted(text: str, path: Sequence[str], key: str, value: Any) -> str:
    """Return the text with `key: value` as the last member of the object that the keys of `path` lead to.

    Raises ValueError if the text is no JSON, and KeyError if there is no such object.
    """
    at = _blanks(text, 0)
    for name in path:
        at = next((start for found, _, start, _ in _members(text, at) if found == name), -1)
        if at < 0 or text[at] != "{":
            raise KeyError(name)
    members = list(_members(text, at))
    outer = _indent(text, at)
    indent = _indent(text, members[-1][1]) if members else outer + " " * INDENT
    end = members[-1][3] if members else at + 1
    added = f"{indent}{json.dumps(key)}: " + json.dumps(value, indent=INDENT).replace("\n", "\n" + indent)
    rest = text[end:] if members else f"\n{outer}" + text[_blanks(text, end) :]
    return f"{text[:end]}{',' if members else ''}\n{added}{rest}"


def _members(text: str, at: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield each member of the object that begins at `at`: key, its place, and where its value begins and ends."""
    decoder = json.JSONDecoder()
    at = _blanks(text, at + 1)
    while text[at] != "}":
        key, end = decoder.raw_decode(text, at)
        start = _blanks(text, _blanks(text, end) + 1)  # after the colon
        _, end = decoder.raw_decode(text, start)
        yield key, at, start, end
        at = _blanks(text, end)
        if text[at] == ",":
            at = _blanks(text, at + 1)


def _blanks(text: str, at: int) -> int:
    """Return the place of the first character from `at` on that is no blank."""
    return len(text) - len(text[at:].lstrip(" \t\r\n"))


def _indent(text: str, at: int) -> str:
    """Return the blanks at the beginning of the line of a place."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]
