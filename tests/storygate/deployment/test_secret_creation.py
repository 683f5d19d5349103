"""The secret is made once, never overwritten, and never shown."""

import json
from typing import Any

import pytest

from storygate.deployment.secret_values import FIELDS
from storygate.deployment.stage_secret import ensure_secret, read_field
from storygate.stage.aws import Aws
from storygate.support.errors import OperatorError
from tests.storygate.conftest import Screen

NAME = "storygate-dev"


@pytest.fixture
def client(aws: Aws) -> Any:
    return aws.client("secretsmanager")


def values(client: Any) -> Any:
    return json.loads(client.get_secret_value(SecretId=NAME)["SecretString"])


def test_a_new_secret_has_a_random_value_for_each_field(client: Any, screen: Screen) -> None:
    version = ensure_secret(client, NAME, screen.terminal)
    assert version == client.get_secret_value(SecretId=NAME)["VersionId"]
    assert tuple(values(client)) == FIELDS
    assert len(set(values(client).values())) == 5
    # What a connection's value may hold: at most 512 characters, no colon.
    assert all(40 <= len(value) <= 500 and ":" not in value for value in values(client).values())


def test_an_existing_secret_is_never_overwritten(client: Any, screen: Screen) -> None:
    written = {field: f"mine-{field}" for field in FIELDS} | {"note": "also mine"}
    created = client.create_secret(Name=NAME, SecretString=json.dumps(written))
    assert ensure_secret(client, NAME, screen.terminal) == created["VersionId"]
    assert values(client) == written


def test_a_rotated_secret_gives_its_new_version(client: Any, screen: Screen) -> None:
    first = ensure_secret(client, NAME, screen.terminal)
    rotated = client.put_secret_value(SecretId=NAME, SecretString=json.dumps(dict.fromkeys(FIELDS, "new")))
    assert ensure_secret(client, NAME, screen.terminal) == rotated["VersionId"] != first


def test_what_is_missing_is_added_and_no_value_changed(client: Any, screen: Screen) -> None:
    written = {field: f"mine-{field}" for field in FIELDS if field not in {"deployment", "notification"}}
    client.create_secret(Name=NAME, SecretString=json.dumps(written))
    version = ensure_secret(client, NAME, screen.terminal)
    assert version == client.get_secret_value(SecretId=NAME)["VersionId"]
    found = values(client)
    assert {field: found[field] for field in written} == written
    assert len({found["deployment"], found["notification"]} - set(written.values())) == 2
    assert "has deployment, notification now; no value was changed" in screen.text


@pytest.mark.parametrize("value", [" ", "", 5, None])
def test_what_is_there_and_no_value_is_reported_not_replaced(client: Any, screen: Screen, value: Any) -> None:
    written = dict.fromkeys(FIELDS, "mine") | {"validation": value}
    client.create_secret(Name=NAME, SecretString=json.dumps(written))
    with pytest.raises(OperatorError, match="lacks validation: what is there is no text, or blank") as caught:
        ensure_secret(client, NAME, screen.terminal)
    assert "umask 077" in caught.value.hint
    assert values(client) == written


@pytest.mark.parametrize("text", ["hush", '"hush"', '["hush"]'])
def test_a_secret_of_another_form_is_reported_without_its_value(client: Any, screen: Screen, text: str) -> None:
    client.create_secret(Name=NAME, SecretString=text)
    with pytest.raises(OperatorError, match="not a JSON object") as caught:
        ensure_secret(client, NAME, screen.terminal)
    assert "hush" not in f"{caught.value.message}{caught.value.hint}"


def test_a_secret_without_a_value_is_reported(client: Any, screen: Screen) -> None:
    client.create_secret(Name=NAME)
    with pytest.raises(OperatorError, match="has no value"):
        ensure_secret(client, NAME, screen.terminal)


def test_a_secret_scheduled_for_deletion_is_restored_with_its_values(client: Any, screen: Screen) -> None:
    version = ensure_secret(client, NAME, screen.terminal)
    before = values(client)
    client.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
    assert ensure_secret(client, NAME, screen.terminal) == version
    assert values(client) == before


def test_no_value_is_ever_shown(client: Any, screen: Screen) -> None:
    ensure_secret(client, NAME, screen.terminal)
    ensure_secret(client, NAME, screen.terminal)
    assert not any(value in screen.text for value in values(client).values())


def test_one_field_is_read_for_signing(client: Any, screen: Screen) -> None:
    ensure_secret(client, NAME, screen.terminal)
    assert read_field(client, NAME, "callback") == values(client)["callback"]


def test_a_field_that_deploy_adds_is_said_to_be_added_by_it(client: Any) -> None:
    client.create_secret(Name=NAME, SecretString=json.dumps({"callback": "hush"}))
    with pytest.raises(OperatorError, match="lacks automation") as caught:
        read_field(client, NAME, "automation")
    assert "deploy --stage STAGE" in caught.value.hint
    assert read_field(client, NAME, "callback") == "hush"
