"""Read the stage's settings from the environment variables that `.chalice/config.json` gives each function.

They are names, never ARNs: region and account are those of the running function.
"""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from chalicelib.refusals import Misconfigured

THIS_MACHINE = frozenset(("127.0.0.1", "localhost", "::1"))


def required(variable: str) -> str:
    """Return the value of an environment variable; raises Misconfigured, which names it, if it is empty or missing."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise Misconfigured(
            f"{variable} is not set: give it a value under the stage's environment_variables in .chalice/config.json"
        )
    return value


def names(variable: str, default: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return a comma-separated list of Jira names, folded for comparison, or the default if the variable is unset.

    Raises Misconfigured as `_listed` does.
    """
    listed = _listed(variable)
    return frozenset(map(fold, default if listed is None else listed))


def projects(variable: str) -> frozenset[str]:
    """Return a comma-separated list of Jira project keys, in capitals; none if the variable is unset.

    Raises Misconfigured as `_listed` does, and for what is not a project key, e.g. a project's name.
    """
    keys = _listed(variable) or []
    for key in keys:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", key):
            raise Misconfigured(
                f'{variable}: "{key}" is not a project key: write PROJ for the stories PROJ-1, PROJ-2, …'
            )
    return frozenset(map(str.upper, keys))


def _listed(variable: str) -> list[str] | None:
    """Return the texts between a variable's commas; None if it is unset.

    Raises Misconfigured for a variable that is set but lists nothing: it would match nothing, without an error.
    """
    text = os.environ.get(variable)
    if text is None:
        return None
    listed = [name.strip() for name in text.split(",") if name.strip()]
    if not listed:
        raise Misconfigured(f"{variable} is set but names nothing: write names with commas between, or remove it")
    return listed


def grace_hours(variables: Mapping[str, str] = os.environ) -> float:
    """Return for how many hours after a rotation the previous secret is accepted. Raises Misconfigured."""
    text = variables.get("STORYGATE_SECRET_GRACE_HOURS", "72")
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 24 * 366 * 100:  # a time beyond the calendar would be an error where it is used
        raise Misconfigured(f"STORYGATE_SECRET_GRACE_HOURS must be a number of hours, such as 72, not {text!r}")
    return number


def jira_site(variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the address of the stage's Jira, `https://example.atlassian.net`; None if the stage knows none.

    Raises Misconfigured for anything but HTTPS, or HTTP to this machine.
    """
    return _address(variables, "STORYGATE_JIRA_SITE")


def jira_api(variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the base of calls to Jira's API, which is the site unless STORYGATE_JIRA_API names another one.

    Scoped tokens and service accounts need `https://api.atlassian.com/ex/jira/<cloudId>` (Atlassian, "Manage API
    tokens"). Raises Misconfigured as `jira_site` does.
    """
    return _address(variables, "STORYGATE_JIRA_API") or jira_site(variables)


def jira_tell(variables: Mapping[str, str] = os.environ) -> bool:
    """Return whether Jira is told of runs: unless STORYGATE_JIRA_TELL is `off`. Raises Misconfigured."""
    text = variables.get("STORYGATE_JIRA_TELL", "").strip().lower()
    if text not in {"", "on", "off"}:
        raise Misconfigured("STORYGATE_JIRA_TELL must be on or off")
    return text != "off"


def run_url(variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the address at which people see a run, with `{execution}` in it; None for Step Functions' own page."""
    text = variables.get("STORYGATE_RUN_URL", "").strip()
    if not text:
        return None
    site = text.split("/", 3)[2] if text.startswith(("https://", "http://")) else ""
    if "{execution}" not in text or not site or "@" in site:  # it goes into Jira's comments
        raise Misconfigured("STORYGATE_RUN_URL must be an address with {execution} in it, without credentials")
    return text


def _address(variables: Mapping[str, str], variable: str) -> str | None:
    text = variables.get(variable, "").strip().rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        here = parts.scheme == "http" and parts.hostname in THIS_MACHINE
        usable = (parts.scheme == "https" or here) and parts.hostname and (parts.port or True)
        usable = usable and not ("@" in parts.netloc or parts.query or parts.fragment)
    except ValueError:  # a port that is no number, brackets without an address
        usable = False
    if not usable:
        raise Misconfigured(f"{variable} must be an address such as https://example.atlassian.net")
    return text


def fold(name: str) -> str:
    """Return a Jira name in the form that is compared: without regard to case, repeated blanks and apostrophe style."""
    return " ".join(name.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()).casefold()
