"""The secret is kept for minutes, read again after a mismatch, and nothing is accepted without it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError

from chalicelib.refusals import Unavailable
from chalicelib.secret import KEPT_SECONDS, REFETCH_SECONDS, Secret, same
from tests.chalicelib.fakes import SECRET_VALUES, Clock, SecretsManager, aws_error


@pytest.fixture
def clock() -> Any:
    return Clock()


def opened(manager: Any, clock: Any) -> Any:
    """A function that returns whether a text is the callback's value, and the Secrets Manager behind it."""
    secret = Secret(manager, "the-secret", clock)
    return lambda value, field="callback": secret.proves(field, lambda expected: same(value, expected))


def test_a_matching_value_is_proven_with_one_fetch_for_minutes(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    for _ in range(100):
        assert proves(SECRET_VALUES["callback"])
        clock.now += KEPT_SECONDS / 100
    assert proves(SECRET_VALUES["callback"])
    assert manager.calls == [("the-secret", "AWSCURRENT")]


def test_each_field_has_its_own_value(clock: Any) -> None:
    proves = opened(SecretsManager(), clock)
    assert proves(SECRET_VALUES["validation"], "validation")
    assert not proves(SECRET_VALUES["validation"], "deployment")


def test_after_minutes_the_secret_is_fetched_again(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    proves(SECRET_VALUES["callback"])
    clock.now += KEPT_SECONDS + 1
    proves(SECRET_VALUES["callback"])
    assert manager.calls == [("the-secret", "AWSCURRENT")] * 2


def test_a_rotation_works_at_once_and_the_previous_value_stays_valid(clock: Any) -> None:
    manager = SecretsManager({"callback": "old"})
    proves = opened(manager, clock)
    assert proves("old")
    manager.rotate({"callback": "new"})
    assert proves("new")
    assert proves("old")


def test_a_value_that_is_two_rotations_old_stops_to_count(clock: Any) -> None:
    manager = SecretsManager({"callback": "first"})
    proves = opened(manager, clock)
    for value in ("second", "third"):
        manager.rotate({"callback": value})
    assert proves("third")
    assert not proves("first")


def test_a_rotation_in_the_middle_of_a_flood_is_seen_seconds_later(clock: Any) -> None:
    manager = SecretsManager({"callback": "old"})
    proves = opened(manager, clock)
    for _ in range(10):
        proves("wrong")
    manager.rotate({"callback": "new"})
    clock.now += REFETCH_SECONDS
    assert proves("new")


def test_ten_thousand_wrong_values_make_a_handful_of_calls(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    assert not any(proves("wrong") for _ in range(10_000))
    assert len(manager.calls) <= 4


def test_a_flood_that_lasts_a_minute_makes_one_fetch_in_five_seconds(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    for _ in range(6000):
        assert not proves("wrong")
        clock.now += 0.01
    assert len(manager.calls) <= 2 * (1 + 60 / REFETCH_SECONDS + 1)


def test_a_secret_that_was_never_rotated_has_no_previous_value(clock: Any) -> None:
    assert opened(SecretsManager(previous=None), clock)(SECRET_VALUES["callback"])


@pytest.mark.parametrize(
    "failure",
    [
        aws_error("secretsmanager", "InternalServiceError"),
        aws_error("secretsmanager", "ThrottlingException"),
        aws_error("secretsmanager", "AccessDeniedException"),
        aws_error("secretsmanager", "DecryptionFailure"),
        aws_error("secretsmanager", "ResourceNotFoundException"),
        aws_error("secretsmanager", "InvalidRequestException"),
        EndpointConnectionError(endpoint_url="https://secretsmanager"),
        ConnectTimeoutError(endpoint_url="https://secretsmanager"),
        NoCredentialsError(),
    ],
)
def test_secrets_manager_that_says_no_is_503_and_heals_by_itself(clock: Any, failure: Any) -> None:
    manager = SecretsManager()
    manager.failure = failure
    proves = opened(manager, clock)
    with pytest.raises(Unavailable) as refusal:
        proves(SECRET_VALUES["callback"])
    assert refusal.value.status == 503
    manager.failure = None
    assert proves(SECRET_VALUES["callback"])


@pytest.mark.parametrize(
    "failure", [aws_error("secretsmanager", "ThrottlingException"), ConnectTimeoutError(endpoint_url="https://sm")]
)
def test_a_previous_value_that_cannot_be_read_is_503(clock: Any, failure: Any) -> None:
    manager: Any = SecretsManager()
    right = manager.get_secret_value

    def get_secret_value(SecretId: Any, VersionStage: Any) -> Any:
        if VersionStage == "AWSPREVIOUS":
            raise failure
        return right(SecretId=SecretId, VersionStage=VersionStage)

    manager.get_secret_value = get_secret_value
    with pytest.raises(Unavailable, match=r"^the secret cannot be read$"):
        opened(manager, clock)("x")


@pytest.mark.parametrize("text", ["", "the callback secret", "[]", "null", '"callback"', "{", '{"callback": "x"'])
@pytest.mark.parametrize("stage", ["AWSCURRENT", "AWSPREVIOUS"])
def test_a_secret_that_is_no_json_object_is_503_naming_the_secret(clock: Any, stage: str, text: str) -> None:
    manager = SecretsManager(previous={"callback": "old"})
    manager.put(stage, text)
    with pytest.raises(Unavailable, match=r"the-secret is not a JSON object") as refusal:
        opened(manager, clock)("x")
    assert "the callback secret" not in str(refusal.value)


@pytest.mark.parametrize("value", [{}, {"callback": ""}, {"callback": None}, {"callback": 5}, {"callback": ["x"]}])
def test_a_secret_that_lacks_its_field_is_503_naming_the_field(clock: Any, value: Any) -> None:
    with pytest.raises(Unavailable, match="the-secret has no 'callback'"):
        opened(SecretsManager(value), clock)("x")


def test_a_secret_that_is_not_text_is_503(clock: Any) -> None:
    manager: Any = SecretsManager()
    manager.get_secret_value = lambda **_: {"SecretBinary": b"{}"}
    with pytest.raises(Unavailable, match="not a JSON object"):
        opened(manager, clock)("x")


def test_a_value_that_is_lost_in_a_rotation_is_still_known_from_before(clock: Any) -> None:
    manager = SecretsManager({"callback": "old"})
    manager.rotate({"validation": "new"})
    assert opened(manager, clock)("old")


def test_the_comparison_takes_what_is_not_ascii() -> None:
    assert same("schlüssel 🔑", "schlüssel 🔑")
    assert not same("schlüssel", "schlussel")
    assert not same("\ud800", "schlüssel")
    assert not same("schlüssel", "\ud800")
    assert not same("", "x")


def test_a_refusal_never_quotes_a_value(clock: Any) -> None:
    manager = SecretsManager(json.dumps({"callback": "hunter2"})[:-1])
    with pytest.raises(Unavailable) as refusal:
        opened(manager, clock)("x")
    assert "hunter2" not in repr(refusal.value)
