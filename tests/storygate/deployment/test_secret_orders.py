"""Deploys and rotations in every order let in whoever was let in before, for the grace period."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.apis import APIS
from chalicelib.credentials import authenticate, sign
from chalicelib.refusals import Refused
from chalicelib.secret import Secret
from chalicelib.tokens import api_of
from storygate.deployment.stage_secret import ensure_secret, read_secret, renew_secret, revoke_previous
from storygate.stage.aws import Aws
from storygate.support.errors import OperatorError
from tests.storygate.conftest import Screen

NAME = "storygate-dev"
HOUR = 3600.0
GRACE = 72 * HOUR
Values = dict[str, str]


@pytest.fixture
def client(aws: Aws) -> Any:
    return aws.client("secretsmanager")


@pytest.fixture
def deploy(client: Any, screen: Screen) -> Callable[[], Values]:
    """Do what `deploy` does to the secret; return the values that are to be used from now on."""

    def deployed() -> Values:
        ensure_secret(client, NAME, screen.terminal)
        return dict(values(client))

    return deployed


def values(client: Any) -> Any:
    return dict(json.loads(client.get_secret_value(SecretId=NAME)["SecretString"]))


def rotate(client: Any) -> Values:
    return renew_secret(client, NAME, read_secret(client, NAME), GRACE).values


def of_before(client: Any, *generations: str) -> list[Values]:
    """Make the secret of an older stage, rotated by its own `rotate`; return its values, the oldest first."""
    made = [{field: f"{field}-{name}" for field in ("callback", *APIS)} for name in generations]
    client.create_secret(Name=NAME, SecretString=json.dumps(made[0]))
    for generation in made[1:]:
        client.put_secret_value(SecretId=NAME, SecretString=json.dumps(generation))
    return made


def opened_by(client: Any, used: Values, hours: float = 0.0) -> set[str]:
    """Return what a function that starts so many hours from now lets these values do."""
    secret = Secret(client, NAME, GRACE / HOUR, lambda: time.time() + hours * HOUR)

    def let_in(signature: str | None, authorization: str | None) -> bool:
        try:
            authenticate(b"{}", signature, authorization, secret)
        except Refused:
            return False
        return True

    opened = {api for api in APIS if api_of(f"Bearer {used[api]}", secret) == api}
    opened |= {"signature"} if let_in(sign(b"{}", used["callback"]), None) else set()
    return opened | ({"bearer"} if let_in(None, f"Bearer {used.get('automation', used['callback'])}") else set())


def opened_before_the_upgrade(client: Any, used: Values) -> bool:
    """Return whether the functions of an older stage, which read both labels, accept all these values."""
    accepted = []
    for label in ("AWSCURRENT", "AWSPREVIOUS"):
        found = client.get_secret_value(SecretId=NAME, VersionStage=label)
        accepted.append(json.loads(found["SecretString"]))
    return all(any(value == version[field] for version in accepted) for field, value in used.items())


EVERYTHING = {"signature", "bearer", *APIS}


def test_a_deploy_over_an_older_stage_lets_in_its_current_and_its_previous_values(client: Any, deploy: Any) -> None:
    forgotten, previous, current = of_before(client, "first", "second", "third")
    used = deploy()
    assert used["automation"] == current["callback"]
    for generation in (used, current, previous):
        assert opened_by(client, generation) == EVERYTHING
    assert opened_by(client, forgotten) == set()
    assert opened_by(client, previous, hours=71.9) == EVERYTHING
    assert opened_by(client, previous, hours=72.1) == set()
    assert opened_by(client, current, hours=10_000) == EVERYTHING


def test_functions_that_the_deploy_has_not_replaced_yet_let_in_the_same(client: Any, deploy: Any) -> None:
    _, previous, current = of_before(client, "first", "second", "third")
    deploy()
    assert opened_before_the_upgrade(client, current)
    assert opened_before_the_upgrade(client, previous)


def test_a_deploy_over_an_older_stage_that_was_never_rotated_adds_one_field(client: Any, deploy: Any) -> None:
    (current,) = of_before(client, "first")
    assert deploy() == current | {"automation": current["callback"]}


def test_a_second_deploy_changes_nothing(client: Any, deploy: Any) -> None:
    of_before(client, "first", "second")
    used, version = deploy(), read_secret(client, NAME).version
    assert deploy() == used
    assert read_secret(client, NAME).version == version


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}"])
def test_a_previous_version_that_never_let_anybody_in_is_no_obstacle(client: Any, deploy: Any, text: str) -> None:
    client.create_secret(Name=NAME, SecretString=text)
    used = dict.fromkeys(("callback", *APIS), "x")
    client.put_secret_value(SecretId=NAME, SecretString=json.dumps(used))
    deploy()
    assert opened_by(client, used) >= {"signature", "bearer"}


def test_a_deploy_right_after_a_rotation_changes_nothing(client: Any, deploy: Any) -> None:
    first = deploy()
    second = rotate(client)
    assert deploy() == second
    assert opened_by(client, first) == opened_by(client, second) == EVERYTHING


def test_a_rotation_right_after_a_deploy_over_an_older_stage_lets_in_three_generations(
    client: Any, deploy: Any
) -> None:
    previous, current = of_before(client, "first", "second")
    deploy()
    new = rotate(client)
    for generation in (new, current, previous):
        assert opened_by(client, generation) == EVERYTHING
    assert new["automation"] != new["callback"]
    deploy()
    assert opened_by(client, previous) == EVERYTHING


def test_a_second_rotation_shuts_nobody_out(client: Any, deploy: Any) -> None:
    generations = [deploy(), rotate(client), rotate(client), rotate(client)]
    assert len({generation["callback"] for generation in generations}) == 4
    assert all(opened_by(client, generation) == EVERYTHING for generation in generations)
    assert [opened_by(client, generation, hours=72.1) for generation in generations] == [set()] * 3 + [EVERYTHING]


def test_a_rotation_forgets_values_whose_grace_period_is_over(client: Any, deploy: Any) -> None:
    old = deploy() | {"previous": {"callback": "ended"}}
    for hours, kept in ((71, True), (73, False)):
        rotated = datetime.now(UTC) - timedelta(hours=hours)
        client.put_secret_value(SecretId=NAME, SecretString=json.dumps(old | {"rotatedAt": rotated.isoformat()}))
        found: Any = rotate(client)["previous"]
        assert ("previous" in found, "rotatedAt" in found) == (kept, kept)


def test_revoked_values_are_gone_and_no_deploy_brings_them_back(client: Any, deploy: Any) -> None:
    before = of_before(client, "first", "second")
    deploy()
    first, second = rotate(client), rotate(client)
    revoked = revoke_previous(client, NAME, read_secret(client, NAME))
    assert deploy() == revoked.values
    assert opened_by(client, second) == EVERYTHING
    assert [opened_by(client, generation) for generation in (*before, first)] == [set()] * 3
    assert revoke_previous(client, NAME, revoked) == revoked
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_secret_value(SecretId=NAME, VersionStage="AWSPREVIOUS")


def test_a_stage_whose_functions_accept_a_label_is_not_revoked(client: Any) -> None:
    of_before(client, "first", "second")
    with pytest.raises(OperatorError, match="lacks automation"):
        revoke_previous(client, NAME, read_secret(client, NAME))
