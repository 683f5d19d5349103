"""JSON text from AWS or an API, which may be missing or anything else."""

import json
from typing import Any


def loaded(text: str | None) -> Any:
    """Return the value of a JSON text, which may begin with a byte order mark; None without one that is JSON."""
    try:
        return json.loads((text or "null").removeprefix("\ufeff"))
    except ValueError:
        return None


def loaded_object(text: str | None) -> dict[str, Any]:
    """Return the object of a JSON text; an empty one for anything else."""
    value = loaded(text)
    return value if isinstance(value, dict) else {}
