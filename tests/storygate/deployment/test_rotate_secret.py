"""What a rotation does to the secret, and when it refuses; the whole of it is in tests/e2e/test_rotate.py."""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storygate.commands.rotate import parse_span
from storygate.deployment.rotation import _seconds_left, rotate
from storygate.deployment.stage_secret import FIELDS, ensure_secret, read_versions, renew_secret
from storygate.stage.aws import Aws
from storygate.stage.context import Context
from storygate.support.errors import OperatorError

NAME = "storygate-dev"


@pytest.fixture
def client(aws: Aws, screen: Any) -> Any:
    client = aws.client("secretsmanager")
    ensure_secret(client, NAME, screen.terminal)
    return client


def stored(client: Any, label: str = "AWSCURRENT") -> dict[str, str]:
    return dict(json.loads(client.get_secret_value(SecretId=NAME, VersionStage=label)["SecretString"]))


def test_new_values_take_the_place_of_the_old_which_become_the_previous(client: Any) -> None:
    first, before = read_versions(client, NAME), stored(client)
    assert first.previous is None
    renewed = renew_secret(client, NAME, first.current)
    after = read_versions(client, NAME)
    assert (after.current, after.previous) == (renewed, first.current)
    assert stored(client, "AWSPREVIOUS") == before
    assert all(len(stored(client)[name]) == 43 and stored(client)[name] != before[name] for name in FIELDS)


def test_what_else_the_secret_holds_is_kept(client: Any) -> None:
    client.put_secret_value(SecretId=NAME, SecretString=json.dumps(stored(client) | {"note": "ours"}))
    renew_secret(client, NAME, read_versions(client, NAME).current)
    assert stored(client)["note"] == "ours"


def test_of_two_at_once_one_renews_it_and_the_values_in_use_stay_accepted(client: Any) -> None:
    first = read_versions(client, NAME).current

    def attempt(_: int) -> str:
        try:
            return renew_secret(client, NAME, first)
        except OperatorError as error:
            return error.message

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, range(4)))
    assert sum("Another rotation" in outcome for outcome in outcomes) == 3
    assert read_versions(client, NAME).previous == first


def test_a_broken_secret_is_not_renewed_and_not_quoted(client: Any) -> None:
    client.put_secret_value(SecretId=NAME, SecretString='{"callback": "only-this-value"}')
    with pytest.raises(OperatorError, match="lacks validation") as raised:
        renew_secret(client, NAME, read_versions(client, NAME).current)
    assert "only-this-value" not in raised.value.message + raised.value.hint


def test_a_stage_that_is_not_deployed_keeps_its_secret_as_it_is(client: Any, context: Context, screen: Any) -> None:
    before = read_versions(client, NAME)
    with pytest.raises(OperatorError, match="is not deployed here"):
        rotate(context, screen.terminal)
    assert read_versions(client, NAME) == before


def test_no_secret_is_no_traceback(aws: Aws) -> None:
    with pytest.raises(OperatorError, match="is not there"):
        read_versions(aws.client("secretsmanager"), "nowhere")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("90min", 5400), ("1h", 3600), ("2 d", 172_800), ("0s", 0)])
def test_spans_are_read(text: str, seconds: int) -> None:
    assert parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "1 week", "-1h", "h"])
def test_other_spans_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse_span(text)


@pytest.mark.parametrize(("age", "left"), [(0, 6), (2, 4), (10, 0), (-100, 6)])
def test_a_version_is_given_to_the_connections_when_it_is_old_enough(age: int, left: int) -> None:
    made = datetime.now(UTC) - timedelta(seconds=age)
    assert _seconds_left(made, timedelta(seconds=6)) == pytest.approx(left, abs=0.5)
