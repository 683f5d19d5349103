"""The one form of a story's key: as the decision table holds it, results show it, and people compare it."""

import re

KEY = re.compile(r"[A-Z][A-Z0-9_]*-[1-9][0-9]*")  # as the workflow takes it (workflow.asl.yaml, InputIsValid)


def normal(text: str) -> str:
    """Return a key without blanks around it and in Jira's capitals; other text is returned trimmed."""
    key = " ".join(text.split())
    # Beyond ASCII a capital may be another letter (\N{LATIN SMALL LETTER LONG S} becomes S) and name another story.
    return key.upper() if key.isascii() else key


def is_key(text: str) -> bool:
    """Return whether a text in the normal form is the key of a story."""
    return bool(KEY.fullmatch(text))
