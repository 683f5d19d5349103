"""Bounded waits for AWS: looks are frequent at first, and rarer while nothing happens."""

import time
from collections.abc import Callable

FIRST, LONGEST = 0.1, 5.0  # seconds between two looks; GetExecutionHistory has 20 calls a second for a whole account


class Patience:
    """The bound of one wait. `pause` sleeps between two looks, and returns whether there is time for another one."""

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._clock, self._sleep = clock, sleep
        self._deadline = clock() + seconds
        self._next = FIRST

    def pause(self, *, news: bool = False) -> bool:
        """Sleep 0.1 seconds at first and after news, then longer up to 5; False, without sleeping, at the bound.

        The last sleep ends at the bound, so that the last look sees everything before it.
        """
        left = self._deadline - self._clock()
        if left <= 0:
            return False
        self._next = FIRST if news else self._next
        self._sleep(min(self._next, left))
        self._next = min(self._next * 1.4, LONGEST)
        return True
