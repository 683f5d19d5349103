"""Jira's credentials: a secret of their own, which only the functions that call Jira may read."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from chalicelib import settings
from chalicelib.jira_api import Credentials, JiraApi, JiraFailed
from chalicelib.refusals import Misconfigured
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

SECONDS = 60.0  # for all calls of one command


def store_credentials(client: Any, name: str, user: str, token: str, expires: date) -> None:
    """Write user, token and the day on which the token expires into the secret `name`; create it if it is not there.

    One that is scheduled for deletion is restored first.
    """
    text = json.dumps({"user": user, "token": token, "expires": expires.isoformat()})
    try:
        described = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        client.create_secret(Name=name, Description="storygate: how to call Jira", SecretString=text)
        return
    if described.get("DeletedDate"):
        client.restore_secret(SecretId=name)
    client.put_secret_value(SecretId=name, SecretString=text)


def stored_credentials(context: Context) -> Credentials:
    """Read the stage's credentials; raises JiraAway if they cannot be read."""
    return Credentials.read(context.client("secretsmanager"), context.stage.jira_secret)


def api_base(context: Context, site: str | None = None) -> str:
    """Return the base of API calls: STORYGATE_JIRA_API, else the site, by default STORYGATE_JIRA_SITE.

    Raises OperatorError if the stage names no Jira, or not by an address.
    """
    try:
        base = settings.jira_api({**context.stage.variables, **({"STORYGATE_JIRA_SITE": site} if site else {})})
    except Misconfigured as error:
        raise OperatorError(f"{error}.", "Correct it in .chalice/config.json, or give --site.") from error
    if not base:
        raise OperatorError(
            f"Stage {context.stage.name} names no Jira.",
            'Add "STORYGATE_JIRA_SITE": "https://example.atlassian.net" to its environment_variables in '
            ".chalice/config.json, or give --site.",
        )
    return base


def jira_at(base: str, credentials: Credentials) -> JiraApi:
    """Return Jira's API for a command, which may take a minute."""
    return JiraApi(base, credentials, time.monotonic() + SECONDS)


@contextmanager
def explained(fix: str) -> Iterator[None]:
    """Turn what Jira refuses into an OperatorError with this fix."""
    try:
        yield
    except JiraFailed as error:
        raise OperatorError(f"{error}.", fix) from error
