"""The words on the workflow's drawing: what a state calls, when a choice is taken, which errors are caught."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from storygate.report.coordinates import Way

LONGEST_CONDITION = 34  # characters; a longer one would be a paragraph on an arrow
LONGEST_CAPTION = 40
LONGEST_ERRORS = 2  # names of errors on one arrow


def caption(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the lines under a state's name: none, one or two short ones."""
    match state["Type"]:
        case "Task":
            # arn:aws:states:::SERVICE:ACTION, followed by .waitForTaskToken where the state waits for a callback
            action, _, pattern = state["Resource"].partition(":::")[2].removeprefix("aws-sdk:").partition(".")
            lines = [action, "waits for a callback" if pattern == "waitForTaskToken" else ""]
        case "Wait":
            lines = [f"for {_plain(state['Seconds'])} s"]
        case "Fail":
            lines = [_plain(state["Error"])]
        case "Parallel":
            lines = [f"{len(state['Branches'])} branches in parallel"]
        case _:
            lines = []
    return tuple(_shortened(line) for line in lines if line)


def label(state: Mapping[str, Any], way: Way, target: str) -> str:
    """Return the words on the arrow from a state to its target; "" if it needs none, or if they are too long."""
    if way == "choice":
        return condition([rule for rule in state["Choices"] if rule["Next"] == target])
    if way == "catch":
        caught = [name for catch in state["Catch"] if catch["Next"] == target for name in catch["ErrorEquals"]]
        return errors(caught, alone=len({catch["Next"] for catch in state["Catch"]}) == 1)
    return "otherwise" if way == "otherwise" else ""


def condition(rules: Sequence[Mapping[str, Any]]) -> str:
    """Return when a Choice takes one of these rules; "" if that is too long for an arrow."""
    text = " or ".join(dict.fromkeys(_plain(rule["Condition"]) for rule in rules))
    return text if len(text) <= LONGEST_CONDITION else ""


def errors(names: Sequence[str], *, alone: bool) -> str:
    """Return the errors that a Catch takes; `alone`: no other Catch of the state takes any."""
    if "States.ALL" in names:
        return "any error" if alone else "any other error"
    # A name that the stack fills in, `${RollbackOn}`, is shown as its placeholder's.
    short = [name.rpartition(".")[2].removesuffix("Exception").strip("${}") or name for name in names]
    return ", ".join(short[:LONGEST_ERRORS]) + (", …" if len(short) > LONGEST_ERRORS else "")


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_CAPTION else text[: LONGEST_CAPTION - 1].rstrip() + "…"


def _plain(text: Any) -> str:
    """Return a JSONata expression without its brackets, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"^\{%(.*)%\}$", r"\1", str(text).strip(), flags=re.DOTALL)).strip()
