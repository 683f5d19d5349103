"""The shapes of public state machines, read from public_machines.txt: names, types and ways, nothing else of them.

A line is a state: `-> next`, `?> target @ condition / …`, `:> default`, `!> target @ error / …`. What it
holds is indented. The first state of a machine is the one it starts at.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

WAYS = re.compile(r" (->|\?>|:>|!>) ")


def public_machines() -> Iterator[tuple[str, dict[str, Any]]]:
    """Source and definition of each."""
    for block in (Path(__file__).parent / "public_machines.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        source, *lines = block.split("\n")
        yield source.removeprefix("# "), machine(lines)


def machine(lines: list[str]) -> dict[str, Any]:
    states: dict[str, Any] = {}
    for head, held in nested(lines):
        kind, _, rest = head.partition(" ")
        name, *ways = WAYS.split(rest)
        states[name] = state(kind, dict(zip(ways[::2], ways[1::2], strict=True)))
        inner = [(how, machine(deeper)) for how, deeper in nested(held)]
        if kind == "Parallel":
            states[name]["Branches"] = [branch for _, branch in inner]
        for how, processor in inner if kind == "Map" else ():
            states[name] |= (
                {"Iterator": processor}
                if how == "Iterator"
                else {"ItemProcessor": processor | {"ProcessorConfig": {"Mode": how}}}
            )
    return {"StartAt": next(iter(states)), "States": states}


def nested(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each line that is not indented, and the indented ones below it."""
    starts = [number for number, line in enumerate(lines) if not line.startswith("  ")]
    for start, end in pairwise([*starts, len(lines)]):
        yield lines[start], [line[2:] for line in lines[start + 1 : end]]


def state(kind: str, ways: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": kind}
    if kind == "Choice":
        found["Choices"] = [
            {"Condition": condition or "x" * 99, "Next": target} for target, condition in pairs(ways["?>"])
        ]
        found["Default"] = ways[":>"]
    elif kind not in ("Succeed", "Fail"):
        found |= {"Next": ways["->"]} if "->" in ways else {"End": True}
    if "!>" in ways:
        found["Catch"] = [
            {"ErrorEquals": [error or "States.ALL"], "Next": target} for target, error in pairs(ways["!>"])
        ]
    return found


def pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(" / "):
        target, _, words = part.partition(" @ ")
        yield target, words
