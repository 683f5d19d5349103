"""`jira connect` and `jira check` against the local Jira: credentials, permissions, webhook, test delivery."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud.jira.site_data import ACCOUNT, TOKEN, Status
from storygate.deployment.functions import callback_url
from storygate.deployment.jira_credentials import store_credentials
from storygate.support.own_command import command_line
from tests.e2e.conftest import Command, Ended, Local

EXPIRES = (datetime.now(UTC) + timedelta(days=200)).date()
ANSWERS = ("--user", ACCOUNT.email, "--expires", str(EXPIRES), "--story", "PROJ-12345")
Typing = Callable[..., Ended]


@pytest.fixture
def connect(storygate: Command, monkeypatch: pytest.MonkeyPatch) -> Typing:
    """Run `jira connect` with these flags, and these lines typed where a token is asked for."""

    def typed(*flags: str, lines: tuple[str, ...] = (TOKEN,)) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return storygate("jira", "connect", *flags)

    return typed


@pytest.fixture(autouse=True)
def as_it_was(local: Local) -> Iterator[None]:
    """Leave Jira, its credentials and its webhook as the other tests need them."""
    webhooks = {number: replace(webhook) for number, webhook in local.jira.deliveries.webhooks.items()}
    statuses = local.jira.site.statuses
    config = local.project / ".chalice" / "config.json"
    text = config.read_text()
    before = stored(local)
    yield
    config.write_text(text)
    local.jira.site.statuses, local.jira.site.denied = statuses, set()
    local.jira.deliveries.webhooks.clear()
    local.jira.deliveries.webhooks.update(webhooks)
    client, name = local.aws.client("secretsmanager"), local.context.stage.jira_secret
    client.put_secret_value(SecretId=name, SecretString=json.dumps(before))


def stored(local: Local) -> dict[str, Any]:
    client = local.aws.client("secretsmanager")
    return dict(json.loads(client.get_secret_value(SecretId=local.context.stage.jira_secret)["SecretString"]))


def expire(local: Local, days: int) -> None:
    day = (datetime.now(UTC) + timedelta(days=days)).date()
    client = local.aws.client("secretsmanager")
    store_credentials(client, local.context.stage.jira_secret, ACCOUNT.email, TOKEN, day)


def findings(ended: Ended) -> dict[str, tuple[str, str]]:
    return {finding["check"]: (finding["status"], finding["found"]) for finding in ended.json["findings"]}


def configure(local: Local, **variables: str) -> None:
    path = local.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["local"]["environment_variables"] |= variables
    path.write_text(json.dumps(config))


def test_what_works_is_stored_and_ends_with_a_delivery_seen_in_the_log(local: Local, connect: Typing) -> None:
    ended = connect(*ANSWERS)
    assert ended.code == 0, ended.err
    assert stored(local) == {"user": ACCOUNT.email, "token": TOKEN, "expires": str(EXPIRES)}
    for said in ("token: Deployments's", "BROWSE_PROJECTS, LINK_ISSUES, ADD_COMMENTS", "seen in its log"):
        assert said in ended.out
    assert "neither status nor resolution changed" in ended.out


def test_a_token_that_jira_refuses_is_not_stored_and_not_shown(local: Local, connect: Typing) -> None:
    before = stored(local)
    ended = connect(*ANSWERS, lines=("wrong-token",))
    assert ended.code == 1
    assert "does not accept user and token" in ended.err
    assert "STORYGATE_JIRA_API" in ended.err
    assert "wrong-token" not in ended.out + ended.err
    assert stored(local) == before


@pytest.mark.parametrize(
    ("denied", "code", "said"),
    [
        ("LINK_ISSUES", 0, "permission LINK_ISSUES is missing on PROJ-12345"),
        ("BROWSE_PROJECTS", 1, "may not browse PROJ-12345"),
    ],
)
def test_what_the_user_may_not_do_is_named(local: Local, connect: Typing, denied: str, code: int, said: str) -> None:
    local.jira.site.denied = {denied}
    ended = connect(*ANSWERS)
    assert (ended.code, said in ended.out + ended.err) == (code, True)


@pytest.mark.parametrize(
    ("flags", "lines", "said"),
    [
        (("--expires", "2020-01-01"), (TOKEN,), "does not expire on 2020-01-01"),
        (("--expires", "soon"), (TOKEN,), "soon is no day"),
        (("--user", ""), (TOKEN,), "add --user"),
        ((), (), "There is no token"),
        (("--site", "ftp://example.com"), (TOKEN,), "STORYGATE_JIRA_SITE must be an address"),
        (("--json",), (TOKEN,), "prints no JSON"),
    ],
)
def test_an_answer_of_no_use_is_named(connect: Typing, flags: Any, lines: Any, said: str) -> None:
    ended = connect(*ANSWERS, *flags, lines=lines)
    assert (ended.code, said in ended.err) == (1, True)


def test_a_missing_webhook_is_made_for_the_stages_projects_and_signs(local: Local, connect: Typing) -> None:
    local.jira.deliveries.webhooks.clear()
    configure(local, STORYGATE_PROJECTS="PROJ, OPS")
    ended = connect(*ANSWERS, "--webhook", "--admin", ACCOUNT.email, lines=(TOKEN, TOKEN))
    assert ended.code == 0, ended.err
    (made,) = local.jira.deliveries.webhooks.values()
    assert made.secret is not None
    assert (made.url, made.jql) == (callback_url(local.context), 'project in ("PROJ", "OPS")')
    assert set(made.events) == {"jira:issue_created", "jira:issue_updated", "jira:issue_deleted"}
    secrets = local.aws.client("secretsmanager").get_secret_value(SecretId=local.context.stage.secret)["SecretString"]
    assert made.secret == json.loads(secrets)["callback"]
    assert made.secret not in ended.out + ended.err


def test_a_webhook_that_is_wrong_is_mended_not_doubled(local: Local, connect: Typing, storygate: Command) -> None:
    (known,) = local.jira.deliveries.webhooks.values()
    known.events, known.jql, known.secret, known.enabled = (
        ["jira:issue_updated"],
        "project = PROJ AND status = Done",
        "old",
        False,
    )
    assert findings(storygate("jira", "check", "--json"))["jira webhook"][0] == "warn"
    ended = connect(*ANSWERS, "--webhook", "--admin", ACCOUNT.email, lines=(TOKEN, TOKEN))
    assert ended.code == 0, ended.err
    assert "mended (it is switched off; it lacks jira:issue_created, jira:issue_deleted; its JQL" in ended.out
    assert findings(storygate("jira", "check", "--json"))["jira webhook"][0] == "ok"
    assert len(local.jira.deliveries.webhooks) == 1


def test_who_is_no_administrator_is_told_so_and_the_check_is_skipped(
    local: Local, connect: Typing, storygate: Command
) -> None:
    local.jira.site.denied = {"ADMINISTER"}
    ended = connect(*ANSWERS, "--webhook", "--admin", ACCOUNT.email, lines=(TOKEN, TOKEN))
    assert (ended.code, "may administer Jira" in ended.err) == (1, True)
    assert findings(storygate("jira", "check", "--json"))["jira webhook"][0] == "skip"


def test_the_check_names_what_is_wrong_and_fails_only_for_a_token_that_is_refused(
    local: Local, storygate: Command
) -> None:
    configure(local, STORYGATE_PROJECTS="PROJ")
    expire(local, 200)
    ended = storygate("jira", "check", "--json")
    assert (ended.code, {status for status, _ in findings(ended).values()}) == (0, {"ok"})

    expire(local, 5)
    ended = storygate("jira", "check", "--json")
    assert (ended.code, findings(ended)["jira token"][0]) == (0, "warn")
    assert "in 5 days" in findings(ended)["jira token"][1]

    client = local.aws.client("secretsmanager")
    store_credentials(client, local.context.stage.jira_secret, ACCOUNT.email, "revoked", EXPIRES)
    ended = storygate("jira", "check")
    assert ended.code == 1
    assert command_line("jira connect --stage local") in ended.out
    assert "revoked" not in ended.out


def test_a_closing_status_that_no_list_has_is_named(local: Local, storygate: Command) -> None:
    configure(local, STORYGATE_PROJECTS="PROJ")
    assert findings(storygate("jira", "check", "--json"))["jira statuses"][0] == "ok"
    local.jira.site.statuses = (*local.jira.site.statuses, Status("10009", "Abgelehnt", "done"))
    assert findings(storygate("jira", "check", "--json"))["jira statuses"] == ("warn", "in no list: PROJ: Abgelehnt")


def test_a_stage_without_a_jira_skips_every_check(local: Local, storygate: Command) -> None:
    configure(local, STORYGATE_JIRA_SITE="")
    ended = storygate("jira", "check", "--json")
    assert (ended.code, {status for status, _ in findings(ended).values()}) == (0, {"skip"})


def test_a_jira_that_the_stage_does_not_name_yet_is_tried_and_to_be_added(local: Local, connect: Typing) -> None:
    configure(local, STORYGATE_JIRA_SITE="")
    ended = connect(*ANSWERS, "--site", local.jira.url)
    assert ended.code == 0, ended.err
    assert f'add "STORYGATE_JIRA_SITE": "{local.jira.url}"' in ended.out
