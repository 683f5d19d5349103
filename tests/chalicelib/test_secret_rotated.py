"""Which values are accepted after rotations: the current ones, and previous ones until their grace period is over."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.refusals import Unavailable
from chalicelib.secret import REFETCH_SECONDS, Secret, moment, same
from tests.chalicelib.fakes import Clock, SecretsManager

HOUR = 3600.0
NOW = 1_800_000_000.0


def at(hours: float) -> str:
    """The time that is so many hours from now; negative for the past."""
    return datetime.fromtimestamp(NOW + hours * HOUR, UTC).isoformat()


def accepts(secret: Any, value: str, after: float = 0.0, grace: float = 72.0) -> bool:
    """Whether a value is accepted as `callback` so many hours from now."""
    clock = Clock()
    clock.now = NOW + after * HOUR
    reader = Secret(SecretsManager(secret), "the-secret", grace, clock)
    return reader.proves("callback", lambda expected: same(value, expected))


ONCE = {"callback": "new", "previous": {"callback": "old"}, "rotatedAt": at(0)}
TWICE = {"callback": "newest", "previous": ONCE, "rotatedAt": at(48)}


@pytest.mark.parametrize(
    ("secret", "value", "after", "accepted"),
    [
        (ONCE, "new", 1000, True),
        (ONCE, "old", 0, True),
        (ONCE, "old", 72, True),
        (ONCE, "old", 72.001, False),
        (TWICE, "newest", 1000, True),
        (TWICE, "new", 120, True),
        (TWICE, "new", 120.001, False),
        (TWICE, "old", 72, True),
        (TWICE, "old", 72.001, False),
    ],
)
def test_each_previous_value_ends_by_its_own_rotation(secret: Any, value: str, after: float, accepted: bool) -> None:
    assert accepts(secret, value, after) is accepted


def test_the_grace_period_is_the_stages_own() -> None:
    assert accepts(ONCE, "old", 1, grace=1)
    assert not accepts(ONCE, "old", 1.001, grace=1)
    assert not accepts(ONCE, "old", 0.001, grace=0)


def test_the_grace_period_is_72_hours_if_the_stage_does_not_say() -> None:
    clock = Clock()
    secret = Secret(SecretsManager(ONCE), "the-secret", clock=clock)
    for hours, accepted in ((72, True), (72.001, False)):
        clock.now = NOW + hours * HOUR
        assert secret.proves("callback", lambda expected: same("old", expected)) is accepted


GUARD = REFETCH_SECONDS + 1  # rotate gives nobody a new value earlier (storygate/deployment/rotation.py)


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("strangers", [range(-400, 310, every) for every in (1, 7, 50, 299, 301, 600)])
def test_no_new_value_is_refused_however_strangers_knock(warm: bool, strangers: Any) -> None:
    """They come every so many tenths of a second, from before the rotation until the new value's first use."""
    clock, manager = Clock(), SecretsManager({"callback": "old"})
    secret = Secret(manager, "the-secret", 72, clock)

    def proves(value: str, at: float) -> bool:
        clock.now = NOW + at
        return secret.proves("callback", lambda expected: same(value, expected))

    assert not warm or proves("old", -100)
    for tenth in strangers:
        if tenth >= 0 and "previous" not in manager.text:
            manager.rotate({"callback": "new"}, at(0))
        assert not proves("wrong", tenth / 10)
    if "previous" not in manager.text:
        manager.rotate({"callback": "new"}, at(0))
    assert proves("new", GUARD)
    assert proves("old", GUARD)


def test_a_previous_value_ends_in_a_warm_function_without_another_read() -> None:
    clock, manager = Clock(), SecretsManager(ONCE)
    clock.now = NOW + 72 * HOUR
    secret = Secret(manager, "the-secret", 72, clock)
    assert secret.proves("callback", lambda expected: same("old", expected))
    clock.now += 1
    assert not secret.proves("callback", lambda expected: same("old", expected))


@pytest.mark.parametrize("text", ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00", "2027-01-15T10:00:00.000+02:00"])
def test_rotated_at_may_be_any_iso_8601_and_is_utc_unless_it_says_otherwise(text: str) -> None:
    secret = ONCE | {"rotatedAt": text}  # all of them are NOW
    assert accepts(secret, "old", 72)
    assert not accepts(secret, "old", 72.001)


def test_a_time_without_a_zone_is_utc_wherever_the_function_runs() -> None:
    assert moment("2027-01-15T08:00:00") == datetime.fromtimestamp(NOW, UTC)


@pytest.mark.parametrize("text", [None, "", "yesterday", 1_800_000_000, [], {}])
def test_a_previous_value_without_a_time_is_not_accepted_and_nobody_is_refused_for_good(text: Any) -> None:
    secret = ONCE | {"rotatedAt": text}
    assert accepts(secret, "new")
    with pytest.raises(Unavailable, match="its `rotatedAt` is not a time"):
        accepts(secret, "old")


@pytest.mark.parametrize("previous", [None, "old", [], ["old"], 5, {}])
def test_a_previous_that_is_no_object_of_values_is_none(previous: Any) -> None:
    assert not accepts(ONCE | {"previous": previous}, "old")


def test_a_value_that_was_lost_in_a_rotation_is_known_from_before() -> None:
    lost = {"validation": "new", "previous": {"callback": "old"}, "rotatedAt": at(0)}
    assert accepts(lost, "old")
    with pytest.raises(Unavailable, match="has no 'callback'"):
        accepts(lost, "other")
