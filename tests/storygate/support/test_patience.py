"""Waits grow calmer while nothing happens, wake up with news, and end at their bound."""

from typing import Any

import pytest

from storygate.support.patience import FIRST, LONGEST, Patience


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> Any:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Any:
    return Time()


def test_pauses_grow_to_their_longest_and_news_shortens_them(time: Any) -> None:
    patience = Patience(1000, clock=time.clock, sleep=time.sleep)
    for _ in range(30):
        patience.pause()
    assert time.slept[0] == FIRST
    assert time.slept == sorted(time.slept)
    assert time.slept[-1] == LONGEST
    patience.pause(news=True)
    assert time.slept[-1] == FIRST


def test_the_last_look_is_at_the_bound_and_none_comes_after(time: Any) -> None:
    patience = Patience(7, clock=time.clock, sleep=time.sleep)
    while patience.pause():
        pass
    assert time.now == pytest.approx(7)
    assert not patience.pause()
