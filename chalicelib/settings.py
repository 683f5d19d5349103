"""The stage's settings, read from the environment that `.chalice/config.json` gives each function.

They are names, never ARNs: region and account come from where the code runs.
"""

import os

from chalicelib.errors import Misconfigured


def required(variable: str) -> str:
    """The value of an environment variable that must not be empty; raises Misconfigured naming it."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise Misconfigured(
            f"{variable} is not set: give it a value under the stage's environment_variables in .chalice/config.json"
        )
    return value


def names(variable: str, default: frozenset[str] = frozenset()) -> frozenset[str]:
    """A comma-separated list of Jira names, folded for comparison; the default where it is unset.

    Raises Misconfigured for a list that is set but names nothing: it would quietly decide nothing.
    """
    text = os.environ.get(variable)
    if text is None:
        return frozenset(fold(name) for name in default)
    listed = frozenset(fold(name) for name in text.split(",") if name.strip())
    if not listed:
        raise Misconfigured(f"{variable} is set but names nothing: write names with commas between, or remove it")
    return listed


def fold(name: str) -> str:
    """A Jira name as it is compared: whatever its capitals, blanks and apostrophe."""
    return " ".join(name.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()).casefold()
