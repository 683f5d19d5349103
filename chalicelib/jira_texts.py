"""The words for people in Jira: the link on a story while a run waits, the link and the comment when it is over.

All texts are plain: a text node of the Atlassian Document Format is shown as it is, so nothing in it is a mention, a
picture or markup, and what is not for eyes (control characters, changes of direction) is left out.
"""

import unicodedata
from typing import Any

from chalicelib.shortening import named

LONGEST_TITLE = 250  # Jira takes 255 for a link's title
LONGEST_TEXT = 1000
MOST_PACKAGES = 20

HEADLINES = {
    "approved": "Deployment approved",
    "rejected": "Deployment rejected",
    "timed_out": "Deployment not decided in time",
    "api_failed": "Deployment failed before the story was decided",
    "release_failed": "Release failed after the approval",
    "error": "Deployment ended by an error",
    "aborted": "Deployment stopped",
}
"""What became of a run, by its outcome."""


def global_id(execution: str) -> str:
    """Return what names a run's link: Jira replaces a link that has the same one."""
    return f"storygate={execution}"


def waiting_link(execution: str, url: str, request: dict[str, Any] | None) -> dict[str, Any]:
    """Return the remote link of a run that waits for the story."""
    return _link(execution, url, "Deployment waits for this story", request or {}, resolved=False)


def ended_link(execution: str, url: str, outcome: str, request: dict[str, Any] | None) -> dict[str, Any]:
    """Return the remote link of a run that is over; Jira strikes a resolved link through."""
    return _link(execution, url, headline(outcome), request or {}, resolved=True)


def comment(execution: str, url: str, outcome: str, reason: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the comment when a run is over, as a document of the Atlassian Document Format."""
    facts = [f"{name}: {value}" for name, value in _facts(request) if value]
    lines: list[dict[str, Any]] = [part for fact in facts for part in (_text(fact), {"type": "hardBreak"})]
    run = _text(f"Run: {plain(execution, LONGEST_TITLE)}") | {"marks": [{"type": "link", "attrs": {"href": url}}]}
    head = _text(headline(outcome)) | {"marks": [{"type": "strong"}]}
    return {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": [head]},
            {"type": "paragraph", "content": [_text(plain(reason) or "No reason was recorded.")]},
            {"type": "paragraph", "content": [*lines, run]},
        ],
    }


def headline(outcome: str) -> str:
    """Return what became of a run in a few words."""
    return HEADLINES.get(outcome) or f"Deployment ended: {plain(outcome, 40)}"


def plain(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Return text on one line, without control characters and changes of direction, cut to fit; "" for no text."""
    if not isinstance(value, str):
        return ""
    kept = "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else char for char in value)
    text = " ".join(kept.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _link(execution: str, url: str, title: str, request: dict[str, Any], *, resolved: bool) -> dict[str, Any]:
    summary = "; ".join(value for _, value in _facts(request) if value)
    return {
        "globalId": global_id(execution),
        "application": {"type": "storygate", "name": "storygate"},
        "relationship": "deployment",
        "object": {
            "url": url,
            "title": plain(title, LONGEST_TITLE),
            "summary": plain(summary or execution, LONGEST_TITLE),
            "status": {"resolved": resolved},
        },
    }


def _facts(request: dict[str, Any]) -> list[tuple[str, str]]:
    packages = [plain(name, 100) for name in request.get("packageIds") or [] if isinstance(name, str)]
    metadata = request.get("metadata")
    environment = metadata.get("environment") if isinstance(metadata, dict) else None
    return [("Packages", named(packages, MOST_PACKAGES)), ("Environment", plain(environment, 100))]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
