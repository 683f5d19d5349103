"""The rules of an input, as the workflow checks them (workflow.asl.yaml, InputIsValid), to refuse it before the upload.

A test gives the same inputs to both and compares what they say.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib import story_key

FIELDS = ("jiraStoryId", "packageIds", "metadata", "timeoutSeconds")
"""The fields that an input may have."""
STORY_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[1-9][0-9]*")
BLANKS = " \t\r\n"  # what JSONata's $trim removes
LONGEST_TEXT = 255  # characters of a story's key, and of a package id
LONGEST_JSON = 32_768  # characters of all package ids, and of the metadata
LONGEST_WAIT = 31_536_000  # seconds, a year
MOST_PACKAGES = 100


def story_key_of(request: dict[str, Any]) -> str | None:
    """Return the story's key as workflow and callback write it, trimmed and in capitals; None if it is no key."""
    given = request.get("jiraStoryId")
    key = given.strip(BLANKS) if isinstance(given, str) and len(given) <= LONGEST_TEXT else ""
    return story_key.normal(key) if STORY_KEY.fullmatch(key) else None


def problems(request: object, projects: Sequence[str]) -> list[str]:
    """Return what is wrong with a parsed input, in the workflow's words and order; empty for a good one.

    `projects` are the keys of the projects that the stage gates; none: every project.
    """
    if not isinstance(request, dict):
        return ["the input must be one JSON object"]
    return list(_problems(request, projects))


def _problems(request: dict[str, Any], projects: Sequence[str]) -> Iterator[str]:
    story = story_key_of(request)
    if not story:
        yield 'jiraStoryId must be the key of a Jira story, such as "PROJ-123"'
    elif projects and story.partition("-")[0] not in projects:
        yield f"jiraStoryId must be a story of a project in STORYGATE_PROJECTS: {', '.join(projects)}"
    if not _are_packages(request.get("packageIds")):
        yield "packageIds must be a list of 1 to 100 non-empty strings of at most 255 characters"
    metadata = request.get("metadata", {})
    if not isinstance(metadata, dict) or _length(metadata) > LONGEST_JSON:
        yield "metadata must be an object of at most 32768 characters, or left out"
    if not _is_timeout(request.get("timeoutSeconds", 1)):
        yield "timeoutSeconds must be a whole number from 1 to 31536000, or left out"
    if unknown := [name[:100] for name in request if name not in FIELDS]:
        yield f"the fields must be among {', '.join(FIELDS)} (unknown: {', '.join(unknown)[:4000]})"


def _are_packages(given: object) -> bool:
    return (
        isinstance(given, list)
        and 1 <= len(given) <= MOST_PACKAGES
        and all(isinstance(text, str) and text.strip(BLANKS) and len(text) <= LONGEST_TEXT for text in given)
        and _length(given) <= LONGEST_JSON
    )


def _is_timeout(given: object) -> bool:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    return 1 <= given <= LONGEST_WAIT and math.floor(given) == given


def _length(value: Any) -> int:
    """Return the length of a value as JSONata's $string writes it: compact JSON, numbers rounded to 15 digits."""
    if isinstance(value, float):
        return len(f"{value:.15g}")
    if isinstance(value, list):
        return 2 + sum(map(_length, value)) + max(0, len(value) - 1)
    if isinstance(value, dict):
        return 2 + sum(_length(name) + 1 + _length(item) for name, item in value.items()) + max(0, len(value) - 1)
    return len(json.dumps(value, ensure_ascii=False))
