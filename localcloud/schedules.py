"""The rules of EventBridge that have a schedule, played.

AWS: a rule `rate(5 minutes)` begins when it is made, so it first fires five minutes later, and then every five minutes;
its targets get a `Scheduled Event`. (EventBridge user guide, eb-scheduled-rule-pattern and eb-run-lambda-schedule.)
A rule that is disabled or deleted stops; one that is enabled again begins again. `cron(…)` is not played.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from moto.core import DEFAULT_ACCOUNT_ID
from moto.events.models import Rule, events_backends

from localcloud import LocalCloudError
from localcloud.gaps.events.targets import deliver, envelope

LOOK_SECONDS = 1.0
SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")

log = logging.getLogger("localcloud.events")


class Schedules:
    """The schedules of one local cloud. `clock` returns seconds; only their differences matter."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="localcloud-schedules")

    def start(self) -> None:
        """Look every second which rules are due, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; events that are on their way are delivered."""
        self._stopping.set()
        if self._thread.ident:
            self._thread.join()

    def tick(self) -> list[str]:
        """Fire the rules that are due, and return their names."""
        now, fired = self._clock(), []
        with self._lock:
            scheduled = {(rule.arn, rule.scheduled_expression): rule for rule in _scheduled()}
            before, self._due = self._due, {}
            for key, rule in scheduled.items():
                every = _seconds(rule)
                self._due[key] = due = before.get(key, now + every)
                if due <= now:
                    self._due[key] += every * (1 + (now - due) // every)  # once for all that were missed
                    fired.append(rule)
        for rule in fired:
            _fire(rule)
        return [rule.name for rule in fired]

    def fire(self, name: str, *, within: float = 30.0) -> None:
        """Fire the enabled rule whose name contains `name` now, and wait for its functions, `within` seconds each.

        Raises LocalCloudError if not exactly one rule has that name, TimeoutError if a function takes longer.
        """
        found = [rule for rule in _scheduled() if name in rule.name]
        if len(found) != 1:
            raise LocalCloudError(f"{len(found)} enabled rules with a schedule have {name!r} in their name, not one")
        for delivery in _fire(found[0]):
            delivery.result(within)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.tick()
            except Exception:  # the next look may do better
                log.exception("the schedules could not be played")


def _scheduled() -> Iterator[Rule]:
    for backend in list(events_backends[DEFAULT_ACCOUNT_ID].values()):
        for rule in list(backend.event_buses["default"].rules.values()):
            if rule.state != "DISABLED" and RATE.fullmatch(rule.scheduled_expression or ""):
                yield rule


def _seconds(rule: Rule) -> float:
    rate = RATE.fullmatch(rule.scheduled_expression or "")
    assert rate is not None  # noqa: S101 - `_scheduled` has matched it
    return int(rate[1]) * SECONDS[rate[2]]


def _fire(rule: Rule) -> list["Future[None]"]:
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "resources": [rule.arn], "detail": {}}
    return deliver(rule, envelope(rule, **event))
