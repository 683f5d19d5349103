"""The secret is kept for minutes, read again after a mismatch, and nothing is accepted without it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError

from chalicelib.refusals import Unavailable
from chalicelib.secret import KEPT_SECONDS, REFETCH_SECONDS, Secret, same
from tests.chalicelib.fakes import SECRET_VALUES, Clock, SecretsManager, aws_error

DOWN = aws_error("secretsmanager", "InternalServiceError")


@pytest.fixture
def clock() -> Any:
    return Clock()


def opened(manager: Any, clock: Any) -> Any:
    """A function that returns whether a text is the callback's value, and the Secrets Manager behind it."""
    secret = Secret(manager, "the-secret", 1, clock)
    return lambda value, field="callback": secret.proves(field, lambda expected: same(value, expected))


def test_a_matching_value_is_proven_with_one_read_for_minutes(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    for _ in range(100):
        assert proves(SECRET_VALUES["callback"])
        clock.now += KEPT_SECONDS / 100
    assert proves(SECRET_VALUES["callback"])
    assert manager.calls == ["the-secret"]
    clock.now += 1
    assert proves(SECRET_VALUES["callback"])
    assert manager.calls == ["the-secret"] * 2


def test_each_field_has_its_own_value(clock: Any) -> None:
    proves = opened(SecretsManager(), clock)
    assert proves(SECRET_VALUES["validation"], "validation")
    assert not proves(SECRET_VALUES["validation"], "deployment")


def test_a_rotation_works_at_once_and_the_previous_value_is_accepted(clock: Any) -> None:
    manager = SecretsManager({"callback": "old"})
    proves = opened(manager, clock)
    assert proves("old")
    manager.rotate({"callback": "new"})
    assert proves("new")
    assert proves("old")
    assert len(manager.calls) == 2


def test_two_rotations_at_once_are_seen_both(clock: Any) -> None:
    manager = SecretsManager({"callback": "first"})
    proves = opened(manager, clock)
    assert proves("first")
    for value in ("second", "third"):
        manager.rotate({"callback": value})
        assert proves(value)


def test_a_rotation_during_a_flood_is_seen_half_a_minute_later(clock: Any) -> None:
    manager = SecretsManager({"callback": "old"})
    proves = opened(manager, clock)
    for _ in range(10):
        proves("wrong")
    manager.rotate({"callback": "new"})
    clock.now += REFETCH_SECONDS - 1
    assert not proves("new")
    clock.now += 1
    assert proves("new")


def test_wrong_values_make_one_call_when_the_function_starts(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    assert not any(proves("wrong") for _ in range(10_000))
    assert len(manager.calls) == 1


def test_a_wrong_value_that_meets_an_old_secret_makes_one_call(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    assert proves(SECRET_VALUES["callback"])
    clock.now += KEPT_SECONDS + 1
    assert not proves("wrong")
    assert not proves("wrong")
    assert len(manager.calls) == 2


def test_a_flood_makes_one_call_in_half_a_minute_beside_those_of_a_value_that_is_in_use(clock: Any) -> None:
    manager = SecretsManager()
    proves = opened(manager, clock)
    assert proves(SECRET_VALUES["callback"])
    for _ in range(6000):
        assert not proves("wrong")
        clock.now += 0.01
    assert len(manager.calls) == 1 + 60 / REFETCH_SECONDS


@pytest.mark.parametrize(
    "failure",
    [
        DOWN,
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
    for value in (SECRET_VALUES["callback"], "wrong"):
        with pytest.raises(Unavailable, match=r"^the secret cannot be read$") as refusal:
            proves(value)
        assert refusal.value.status == 503
    manager.failure = None
    assert proves(SECRET_VALUES["callback"])


class TestWhileSecretsManagerIsDown:
    """The value that is known counts, and a value that is not known may be a new one."""

    def test_a_known_value_is_accepted_for_hours(self, clock: Any) -> None:
        manager = SecretsManager()
        proves = opened(manager, clock)
        assert proves(SECRET_VALUES["callback"])
        manager.failure = DOWN
        for _ in range(100):
            with pytest.raises(Unavailable):
                proves("wrong")
            assert proves(SECRET_VALUES["callback"])
            clock.now += 60

    def test_neither_strangers_nor_known_senders_make_a_call_each(self, clock: Any) -> None:
        manager = SecretsManager()
        proves = opened(manager, clock)
        assert proves(SECRET_VALUES["callback"])
        manager.failure = DOWN
        clock.now += KEPT_SECONDS + 1
        for _ in range(1000):
            assert proves(SECRET_VALUES["callback"])
            with pytest.raises(Unavailable):
                proves("wrong")
        assert len(manager.calls) == 3  # the first, one as the value is old, one for the stranger

    def test_an_old_value_is_read_again_half_a_minute_after_it_could_not_be(self, clock: Any) -> None:
        manager = SecretsManager()
        proves = opened(manager, clock)
        assert proves(SECRET_VALUES["callback"])
        manager.failure = DOWN
        clock.now += KEPT_SECONDS + 1
        assert proves(SECRET_VALUES["callback"])
        manager.failure = None
        manager.put({"callback": "new"})
        clock.now += REFETCH_SECONDS
        assert not proves(SECRET_VALUES["callback"])

    def test_a_new_value_waits_and_is_accepted_afterwards(self, clock: Any) -> None:
        manager = SecretsManager({"callback": "old"})
        proves = opened(manager, clock)
        assert proves("old")
        manager.rotate({"callback": "new"})
        manager.failure = DOWN
        for _ in range(2):
            with pytest.raises(Unavailable):
                proves("new")
        manager.failure = None
        clock.now += REFETCH_SECONDS
        assert proves("new")

    def test_a_text_that_is_no_secret_is_such_a_failure(self, clock: Any) -> None:
        manager = SecretsManager()
        proves = opened(manager, clock)
        assert proves(SECRET_VALUES["callback"])
        manager.put("{")
        with pytest.raises(Unavailable, match="the-secret is not a JSON object"):
            proves("wrong")
        assert proves(SECRET_VALUES["callback"])


@pytest.mark.parametrize(
    "text", ["", "the callback secret", "[]", "null", '"callback"', "{", '{"callback": "x"', "[" * 100_000]
)
def test_a_secret_that_is_no_json_object_is_503_naming_the_secret(clock: Any, text: str) -> None:
    with pytest.raises(Unavailable, match=r"the-secret is not a JSON object") as refusal:
        opened(SecretsManager(text), clock)("x")
    assert "the callback secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "value", [{}, {"callback": ""}, {"callback": " "}, {"callback": None}, {"callback": 5}, {"callback": ["x"]}]
)
def test_a_secret_that_lacks_its_field_is_503_naming_the_field(clock: Any, value: Any) -> None:
    with pytest.raises(Unavailable, match="the-secret has no 'callback'"):
        opened(SecretsManager(value), clock)(" ")


def test_a_secret_that_is_not_text_is_503(clock: Any) -> None:
    manager: Any = SecretsManager()
    manager.get_secret_value = lambda **_: {"SecretBinary": b"{}"}
    with pytest.raises(Unavailable, match="not a JSON object"):
        opened(manager, clock)("x")


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
