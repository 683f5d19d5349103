"""The simulation of a burst on the mocks: the workflow's retries outlive it, and the callback has limits of its own."""

import pytest

from benchmarks.throttling import DROPS, play, retrier


def test_the_workflows_retries_outlive_a_burst_of_two_hundred_drops_on_the_default_limits() -> None:
    played = [play(DROPS, retrier(), is_shared=False, seed=seed) for seed in range(10)]
    assert {one.refused for one in played} == {0}
    assert max(one.last for one in played) < 60


@pytest.mark.parametrize("change", [{"MaxAttempts": 1}, {"IntervalSeconds": 0.1, "MaxDelaySeconds": 1}])
def test_fewer_or_hastier_retries_would_not(change: dict[str, float]) -> None:
    assert play(DROPS, {**retrier(), **change}, is_shared=False).refused > 0
