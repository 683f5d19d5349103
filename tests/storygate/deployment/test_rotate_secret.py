"""What a rotation does to the secret, and when it refuses; the whole of it is in tests/e2e/test_rotate.py."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storygate.commands.rotate import show, show_revoked
from storygate.deployment.rotation import Rotation, _seconds_left, rotate
from storygate.deployment.secret_values import FIELDS
from storygate.deployment.stage_secret import ensure_secret, read_secret, renew_secret
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context, load_context
from storygate.support.errors import OperatorError

NAME = "storygate-dev"
GRACE = 3600.0


@pytest.fixture
def client(aws: Aws, screen: Any) -> Any:
    client = aws.client("secretsmanager")
    ensure_secret(client, NAME, screen.terminal)
    return client


def stored(client: Any) -> dict[str, Any]:
    return dict(json.loads(client.get_secret_value(SecretId=NAME)["SecretString"]))


def test_new_values_take_the_place_of_the_old_which_become_the_previous(client: Any) -> None:
    first = read_secret(client, NAME)
    renewed = renew_secret(client, NAME, first, GRACE)
    after = read_secret(client, NAME)
    assert (after.version, after.values) == (renewed.version, renewed.values)
    assert after.values["previous"] == first.values
    assert abs(datetime.fromisoformat(after.values["rotatedAt"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert all(len(after.values[name]) == 43 and after.values[name] != first.values[name] for name in FIELDS)


def test_what_else_the_secret_holds_is_kept_once(client: Any) -> None:
    client.put_secret_value(SecretId=NAME, SecretString=json.dumps(stored(client) | {"note": "ours"}))
    renew_secret(client, NAME, read_secret(client, NAME), GRACE)
    assert stored(client)["note"] == "ours"
    assert "note" not in stored(client)["previous"]


def test_of_two_at_once_one_renews_it_and_the_values_in_use_stay_accepted(client: Any) -> None:
    first = read_secret(client, NAME)

    def attempt(_: int) -> str:
        try:
            return renew_secret(client, NAME, first, GRACE).version
        except OperatorError as error:
            return error.message

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, range(4)))
    assert sum("at the same moment" in outcome for outcome in outcomes) == 3
    assert stored(client)["previous"] == first.values


def test_a_broken_secret_is_not_renewed_and_not_quoted(client: Any) -> None:
    client.put_secret_value(SecretId=NAME, SecretString='{"callback": "only-this-value"}')
    with pytest.raises(OperatorError, match="lacks automation, validation") as raised:
        renew_secret(client, NAME, read_secret(client, NAME), GRACE)
    assert "only-this-value" not in raised.value.message + raised.value.hint


def test_a_stage_that_is_not_deployed_keeps_its_secret_as_it_is(client: Any, context: Context, screen: Any) -> None:
    before = read_secret(client, NAME)
    with pytest.raises(OperatorError, match="is not deployed here"):
        rotate(context, screen.terminal)
    assert read_secret(client, NAME) == before


@pytest.mark.parametrize("hours", ["0", "0.9", "soon"])
def test_a_grace_period_that_a_rotation_could_outlast_is_refused(
    configure: Any, aws: Aws, screen: Any, hours: str
) -> None:
    project = configure(
        lambda config: config["stages"]["dev"]["environment_variables"].update(STORYGATE_SECRET_GRACE_HOURS=hours)
    )
    with pytest.raises(OperatorError, match="STORYGATE_SECRET_GRACE_HOURS") as raised:
        rotate(load_context(project, "dev", aws), screen.terminal)
    assert "1 or more" in raised.value.hint


def test_no_secret_is_no_traceback(aws: Aws) -> None:
    with pytest.raises(OperatorError, match="is not there"):
        read_secret(aws.client("secretsmanager"), "nowhere")


@pytest.mark.parametrize(("age", "left"), [(0, 31), (27, 4), (40, 0), (-100, 31)])
def test_a_version_is_given_to_the_connections_when_it_is_old_enough(age: int, left: int) -> None:
    made = datetime.now(UTC) - timedelta(seconds=age)
    assert _seconds_left(made, timedelta(seconds=31)) == pytest.approx(left, abs=0.5)


def test_the_operator_is_shown_what_to_change_where_and_until_when(stage: Stage, screen: Any) -> None:
    knowing = replace(stage, variables={"STORYGATE_JIRA_SITE": "https://example.atlassian.net"})
    show(knowing, Rotation(datetime(2027, 1, 31, 12, 0, tzinfo=UTC), ("validation",)), screen.terminal)
    for said in ("before 2027-01-31 ", "the webhook's Secret: the new `callback`", "Authorization header of each rule"):
        assert said in screen.text
    assert f"aws secretsmanager get-secret-value --secret-id {NAME}" in screen.text
    assert "jira connect --stage dev --webhook" in screen.text
    assert "rotate --stage dev --revoke" in screen.text
    assert "Not changed: your own connections to validation" in screen.text


def test_the_operator_is_shown_who_is_shut_out_by_a_revocation(screen: Any) -> None:
    show_revoked([datetime(2027, 1, 31, 12, 0, tzinfo=UTC)], screen.terminal)
    assert "accepted until 2027-01-31" in screen.text


def test_a_revocation_of_nothing_says_so(screen: Any) -> None:
    show_revoked([], screen.terminal)
    assert "Nobody is shut out" in screen.text
