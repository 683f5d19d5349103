"""Send the callback a delivery that decides nothing, and see it in the function's log."""

import secrets
import time
from dataclasses import dataclass

from storygate.deployment.functions import callback_url
from storygate.deployment.stage_secret import read_field
from storygate.operations import jira_webhook
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.http import post
from storygate.support.patience import Patience

ANSWER_SECONDS = 30.0
LOG_SECONDS = 60.0  # CloudWatch Logs shows a line after some seconds


@dataclass(frozen=True)
class Trial:
    """What the callback answered, and whether its log shows the delivery."""

    status: int
    text: str
    logged: bool


def try_delivery(context: Context, story: str, *, patience: float = LOG_SECONDS) -> Trial:
    """Send a signed webhook without a change of status, as Jira sends for an edited story, and look for its line.

    `patience` is in seconds. Raises OperatorError if the callback cannot be reached, or the stage is not deployed.
    """
    secret = read_field(context.client("secretsmanager"), context.stage.secret, "callback")
    identifier = f"storygate-{secrets.token_hex(8)}"
    body = {
        "timestamp": round(time.time() * 1000),
        "webhookEvent": "jira:issue_updated",
        "issue": {"key": story},
        "changelog": {"items": []},
    }
    raw = jira_webhook.encode(body)
    headers = {"X-Hub-Signature": jira_webhook.sign(raw, secret), "X-Atlassian-Webhook-Identifier": identifier}
    began = round(time.time() * 1000) - 60_000  # the two clocks may differ
    answer = post(callback_url(context), raw, headers, timeout=ANSWER_SECONDS, what="The callback")
    if not answer.is_success:
        raise OperatorError(
            f"The callback answered a test delivery with HTTP {answer.status}: {answer.text.strip()}",
            "Deploy the stage, and run this again.",
        )
    return Trial(answer.status, answer.text.strip(), _is_logged(context, identifier, began, patience))


def _is_logged(context: Context, identifier: str, since: int, seconds: float) -> bool:
    """Wait until the callback's log has a line with the delivery's identifier; `since` is in epoch milliseconds."""
    logs, group = context.client("logs"), f"/aws/lambda/{context.stage.api_function}"
    patience = Patience(seconds)
    while True:
        try:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=since, filterPattern=f'"{identifier}"'
            )
            if any(page["events"] for page in pages):
                return True
        except logs.exceptions.ResourceNotFoundException:
            pass  # Lambda makes the group with the function's first line
        if not patience.pause():
            return False
