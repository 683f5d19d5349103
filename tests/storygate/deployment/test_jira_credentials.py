"""Jira's credentials are a secret of their own, made, replaced, and restored if it is about to be deleted."""

import json
from datetime import date
from typing import Any

import pytest

from storygate.deployment.jira_credentials import api_base, store_credentials
from storygate.stage.aws import Aws
from storygate.stage.context import load_context
from storygate.support.errors import OperatorError
from tests.storygate.conftest import Configure

NAME = "storygate-dev-jira"
EXPIRES = date(2027, 1, 31)


@pytest.mark.parametrize("before", ["nothing", "another token", "deletion"])
def test_the_secret_holds_what_was_stored_last(aws: Aws, before: str) -> None:
    client = aws.client("secretsmanager")
    if before != "nothing":
        store_credentials(client, NAME, "bob@example.com", "old", EXPIRES)
    if before == "deletion":
        client.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
    store_credentials(client, NAME, "ada@example.com", "new", EXPIRES)
    stored = json.loads(client.get_secret_value(SecretId=NAME)["SecretString"])
    assert stored == {"user": "ada@example.com", "token": "new", "expires": "2027-01-31"}


@pytest.mark.parametrize(
    ("variables", "site", "base"),
    [
        ({"STORYGATE_JIRA_SITE": "https://a.atlassian.net/"}, None, "https://a.atlassian.net"),
        ({"STORYGATE_JIRA_SITE": "https://a.atlassian.net"}, "https://b.atlassian.net", "https://b.atlassian.net"),
        (
            {
                "STORYGATE_JIRA_SITE": "https://a.atlassian.net",
                "STORYGATE_JIRA_API": "https://api.atlassian.com/ex/jira/1",
            },
            None,
            "https://api.atlassian.com/ex/jira/1",
        ),
    ],
)
def test_calls_go_to_the_api_if_the_stage_names_one_else_to_the_site(
    configure: Configure, aws: Aws, variables: dict[str, str], site: Any, base: str
) -> None:
    project = configure(lambda config: config["stages"]["dev"]["environment_variables"].update(variables))
    assert api_base(load_context(project, "dev", aws), site) == base


@pytest.mark.parametrize(
    ("variables", "said"), [({}, "names no Jira"), ({"STORYGATE_JIRA_SITE": "http://a.example"}, "must be an address")]
)
def test_a_stage_without_a_usable_address_is_told_so(
    configure: Configure, aws: Aws, variables: dict[str, str], said: str
) -> None:
    project = configure(lambda config: config["stages"]["dev"]["environment_variables"].update(variables))
    with pytest.raises(OperatorError, match=said):
        api_base(load_context(project, "dev", aws))
