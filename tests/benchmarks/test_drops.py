"""The simulation of a flood of drops: each is started or kept, and a reservation keeps none from starting."""

import pytest

from benchmarks.drops import LARGE, SMALL, UNRESERVED, Bucket, play


def test_a_bucket_gives_its_size_at_once_and_then_its_refill() -> None:
    bucket = Bucket(3, 2)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1) for _ in range(3)] == [True, True, False]
    assert sum(bucket.take(100) for _ in range(9)) == 3


@pytest.mark.parametrize("quota", [LARGE, SMALL])
@pytest.mark.parametrize("environments", [UNRESERVED, 10])
def test_each_drop_is_started_or_kept_in_the_queue(environments: int, quota: tuple[int, int]) -> None:
    played = play(environments, quota)
    assert played.started + played.queued == 10_000
    assert played.busiest <= environments
    assert (played.queued == 0) is (environments == 10 or quota is LARGE)


def test_a_small_burst_needs_no_reservation() -> None:
    assert play(UNRESERVED, SMALL, drops=500).queued == 0
