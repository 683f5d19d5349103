"""The one form of a story's key: as the decision table holds it, results show it, and people compare it."""


def normal(text: str) -> str:
    """Return a key without blanks around it and in Jira's capitals; other text is returned trimmed."""
    key = " ".join(text.split())
    # Beyond ASCII a capital may be another letter (\N{LATIN SMALL LETTER LONG S} becomes S) and name another story.
    return key.upper() if key.isascii() else key
