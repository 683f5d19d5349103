"""A Jira on this machine for `local` and `demo`, connected to the stage that is deployed there."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localcloud import LocalCloudError
from storygate.deployment.functions import callback_url
from storygate.deployment.jira_credentials import store_credentials
from storygate.deployment.stage_secret import read_field
from storygate.operations.jira_webhook import closed_as
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

if TYPE_CHECKING:
    from localcloud.jira.local_jira import LocalJira

SITE, RUN_URL = "STORYGATE_JIRA_SITE", "STORYGATE_RUN_URL"
STORIES = {
    "PROJ-12345": "Release the billing packages",
    "PROJ-12346": "Release the search packages",
    "PROJ-12347": "Rotate the gateway's certificate",
    "PROJ-12348": "Ship the new invoice layout",
}
"""The stories of samples/*.json."""
EVENTS = ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted"]
TOKEN_DAYS = 365  # the longest that a token of Jira Cloud lives


@contextmanager
def local_jira(stage: Stage, port: int = 0) -> Iterator["LocalJira"]:
    """Run a Jira while the block runs, whose statuses and resolutions the stage lists; OperatorError if it cannot."""
    from localcloud.jira.local_jira import LocalJira  # Flask takes a while to import
    from localcloud.jira.site import Site
    from localcloud.jira.site_data import STATUSES, Status

    closed = closed_as(stage)
    statuses = (
        *(known for known in STATUSES if known.category != "done"),
        Status("10003", closed.status, "done", closed.approved),
        Status("10004", "Rejected", "done", closed.rejected),
    )
    try:
        with LocalJira(port=port, site=Site(summaries=STORIES, statuses=statuses)) as jira:
            yield jira
    except LocalCloudError as error:
        raise OperatorError(f"The local Jira: {error}", "Fix what it names, then run this again.") from error


def connect(context: Context, jira: "LocalJira") -> None:
    """Give the deployed stage Jira's credentials, and Jira the stage's callback with its secret."""
    client, stage = context.client("secretsmanager"), context.stage
    expires = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=TOKEN_DAYS)
    store_credentials(client, stage.jira_secret, **jira.credentials, expires=expires)
    secret = read_field(client, stage.secret, "callback")
    jira.deliveries.register({"name": "storygate", "url": callback_url(context), "events": EVENTS, "secret": secret})
