"""The words on a drawing of a state machine: what a state calls, when a choice is taken, which errors are caught."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_CONDITION = 34  # characters; a longer one would be a paragraph on an arrow
LONGEST_CAPTION = 40
LONGEST_ERRORS = 2  # names of errors on one arrow
ANY_ERROR = ("any error", "any other error")
TASK_PATTERNS = {"sync": "waits for its end", "waitForTaskToken": "waits for a callback"}
COMPARISONS = {
    "Equals": "=",
    "LessThan": "<",
    "GreaterThan": ">",
    "LessThanEquals": "≤",
    "GreaterThanEquals": "≥",
    "Matches": "matches",
}
TESTS = {
    "IsPresent": ("is present", "is missing"),
    "IsNull": ("is null", "is not null"),
    "IsNumeric": ("is a number", "is no number"),
    "IsString": ("is a string", "is no string"),
    "IsBoolean": ("is a boolean", "is no boolean"),
    "IsTimestamp": ("is a timestamp", "is no timestamp"),
}


def caption(state: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands under a state's name: none to two short lines."""
    kind = state.get("Type")
    if kind == "Task":
        lines = _called(str(state.get("Resource", "")), state)
    elif kind == "Wait":
        lines = [_wait(state)]
    elif kind == "Fail":
        lines = [_plain(state.get("Error", ""))]
    elif kind == "Parallel":
        branches = len(state.get("Branches", ()))
        lines = ["one branch" if branches == 1 else f"{branches} branches in parallel"]
    elif kind == "Map":
        distributed = (state.get("ItemProcessor") or {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
        lines = ["for each item, distributed" if distributed else "for each item"]
    else:
        lines = []
    return tuple(shortened(line, LONGEST_CAPTION) for line in lines if line)


def _called(resource: str, state: Mapping[str, Any]) -> list[str]:
    """`arn:aws:states:::SERVICE:ACTION.PATTERN`, or the ARN of a function or an activity."""
    integration = re.fullmatch(r"arn:[\w-]*:states:[\w-]*::(?:aws-sdk:)?([\w:]+?)(?:\.([\w:]+))?", resource)
    if integration:
        action, pattern = integration.groups()
        given: Any = state.get("Arguments") or state.get("Parameters")
        function = (
            str(given.get("FunctionName", "")) if action == "lambda:invoke" and isinstance(given, Mapping) else ""
        )
        short = _last(function)
        return [f"{action} {short}".strip(), TASK_PATTERNS.get((pattern or "").partition(":")[0], "")]
    kind = re.fullmatch(r"arn:[\w-]+:(lambda|states):[^:]*:[^:]*:(?:function|activity):(.+)", resource)
    if kind:
        return [f"{'lambda' if kind[1] == 'lambda' else 'activity'} {kind[2]}"]
    return [_plain(_last(resource))]


def _last(name: str) -> str:
    """A function's own name in an ARN; nothing of an expression, which only a run can tell."""
    return (
        ""
        if name.startswith(("$", "{%")) and not name.startswith("${")
        else name.removesuffix(":$LATEST").split(":")[-1].strip("${}")
    )


def _wait(state: Mapping[str, Any]) -> str:
    for fields, words in ((("Seconds", "SecondsPath"), "for {} s"), (("Timestamp", "TimestampPath"), "until {}")):
        for field in fields:
            if field in state:
                return words.format(_plain(state[field]))
    return ""


def condition(rules: Sequence[Mapping[str, Any]]) -> str:
    """When a Choice takes one arrow; empty where the rules are too long for one."""
    texts = dict.fromkeys(_rule(rule) for rule in rules)
    text = " or ".join(texts)
    return text if len(text) <= LONGEST_CONDITION and "" not in texts else ""


def _rule(rule: Mapping[str, Any]) -> str:
    if "Condition" in rule:
        return _plain(rule["Condition"])
    for word in ("And", "Or"):
        if word in rule:
            return f" {word.lower()} ".join(map(_rule, rule[word]))
    if "Not" in rule:
        return f"not ({_rule(rule['Not'])})"
    variable = str(rule.get("Variable", "")).removeprefix("$.")
    for operator, value in rule.items():
        if operator in TESTS:
            return f"{variable} {TESTS[operator][0 if value else 1]}"
        match = re.fullmatch(r"(String|Numeric|Boolean|Timestamp)(\w+?)(Path)?", operator)
        if match and match[2] in COMPARISONS:
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            return f"{variable} {COMPARISONS[match[2]]} {shown}"
    return ""


def errors(names: Sequence[str], *, alone: bool) -> str:
    """The errors a Catch takes; `alone`: no other Catch of the state takes any."""
    if "States.ALL" in names:
        # A name without a service before it is the definition's own: something a caller answers, such as a rejection.
        own = [name for name in names if "." not in name][:LONGEST_ERRORS]
        return ", ".join([*own, ANY_ERROR[0 if alone and not own else 1]])
    short = [name.rpartition(".")[2].removesuffix("Exception") or name for name in names]
    return ", ".join(short[:LONGEST_ERRORS]) + (", …" if len(short) > LONGEST_ERRORS else "")


def shortened(text: str, length: int) -> str:
    """The text, or its beginning and an ellipsis, in at most `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _plain(text: Any) -> str:
    """A JSONata expression without its brackets, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"^\{%(.*)%\}$", r"\1", str(text).strip(), flags=re.DOTALL)).strip()
