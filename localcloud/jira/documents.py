"""Documents of the Atlassian Document Format (ADF), which comments are made of."""

from collections.abc import Iterator
from typing import Any

BLOCKS = {"paragraph", "heading", "bulletList", "orderedList", "listItem", "codeBlock", "blockquote", "rule", "panel"}
INLINE = {"text", "hardBreak", "mention", "emoji", "inlineCard", "status"}


def is_valid(document: Any) -> bool:
    """Return whether Jira would take it: known nodes, and no empty text (ADF schema, `text_node`)."""
    return (
        isinstance(document, dict)
        and document.get("type") == "doc"
        and document.get("version") == 1
        and isinstance(document.get("content"), list)
        and all(_is_node(node) for node in document["content"])
    )


def plain(document: Any) -> str:
    """Return a document's text, a line for each block."""
    return "\n".join(line for line in _lines(document) if line)


def _is_node(node: Any) -> bool:
    if not isinstance(node, dict) or node.get("type") not in BLOCKS | INLINE:
        return False
    if node["type"] == "text" and not (isinstance(node.get("text"), str) and node["text"]):
        return False
    content = node.get("content", [])
    return isinstance(content, list) and all(_is_node(inner) for inner in content)


def _lines(node: Any) -> Iterator[str]:
    content = node.get("content", [])
    if all(inner.get("type") in INLINE for inner in content):
        yield "".join("\n" if inner["type"] == "hardBreak" else _text(inner) for inner in content)
    else:
        for inner in content:
            yield from _lines(inner)


def _text(node: Any) -> str:
    return str(node.get("text") or node.get("attrs", {}).get("text") or node.get("attrs", {}).get("url") or "")
