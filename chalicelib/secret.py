"""The stage's secret: `{"callback", "automation", "validation", "deployment", "notification"}`, one value for each use.

After a rotation it also holds `previous` (the whole object as it was) and `rotatedAt`. The previous values are accepted
until the grace period after `rotatedAt` is over, so that a sender that does not have the new value yet is not refused.
An object under `previous` may hold a `previous` of its own, with its own `rotatedAt`: after a second rotation the
values from before the first one are accepted until their own grace period is over. `rotate --revoke` removes
`previous`. Secrets Manager's staging labels decide nothing.
"""

import hmac
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.refusals import Unavailable

KEPT_SECONDS = 300
REFETCH_SECONDS = 30


def same(given: str, expected: str) -> bool:
    """Compare in constant time; also text that is not ASCII, which `compare_digest` refuses."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode(errors="replace"))


class Secret:
    """The secret, read when it is first needed and again when the value is older than KEPT_SECONDS.

    It may have been rotated since, so a mismatch reads it again. If that does not help, the next mismatches do not read
    it for REFETCH_SECONDS: many bad signatures do not cause as many Secrets Manager calls. `rotate` gives nobody a new
    value before every function may read again, so a right value never meets a function that may not
    (storygate/deployment/rotation.py).

    A read that fails never drops a value that is known: while Secrets Manager is down, what was accepted before is
    accepted, each previous value until its own end. What matches nothing is then answered with 503, because it may be
    a value that this function could not read.
    """

    def __init__(
        self, client: Any, name: str, grace_hours: float = 72.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._client, self._name, self._grace, self._clock = client, name, grace_hours * 3600, clock
        self._current: dict[str, Any] | None = None
        self._read_at = self._tried_at = self._refetched_at = float("-inf")
        self._failure: Unavailable | None = None

    def proves(self, field: str, is_right: Callable[[str], bool]) -> bool:
        """Return whether `is_right` holds for an accepted value of the field.

        Raises Unavailable if that cannot be said, since the secret cannot be read or lacks the field: Jira never
        retries a refusal (401), and the delivery may be authentic.
        """
        return self.which((field,), is_right) is not None

    def which(self, fields: Sequence[str], is_right: Callable[[str], bool]) -> str | None:
        """Return the first field with an accepted value for which `is_right` holds, or None. Raises as `proves`."""
        now = self._clock()
        asked = self._refresh(now)
        found = self._match(fields, is_right, now)
        if not found and now - self._refetched_at >= REFETCH_SECONDS:
            if not asked:
                self._read(now)
                found = self._match(fields, is_right, now)
            if not found:
                self._refetched_at = now
        if not found:
            self._check(fields)
        return found

    def _refresh(self, now: float) -> bool:
        """Read the secret if it is unknown or old; return whether Secrets Manager was asked. Raises Unavailable."""
        if self._current is None:
            # Each request may be authentic, and no other read can tell: so each one tries.
            self._read(now)
            if self._failure:
                raise self._failure
            return True
        if now - self._read_at > KEPT_SECONDS and now - self._tried_at >= REFETCH_SECONDS:
            self._read(now)
            return True
        return False

    def _match(self, fields: Sequence[str], is_right: Callable[[str], bool], now: float) -> str | None:
        for values in accepted(self._current or {}, self._grace, now):
            for field in fields:
                if is_value(values.get(field)) and is_right(values[field]):
                    return field
        return None

    def _check(self, fields: Sequence[str]) -> None:
        """Raise Unavailable if what matched nothing may be right all the same."""
        if self._failure:
            raise self._failure
        current = self._current or {}
        for field in fields:
            if not is_value(current.get(field)):
                raise Unavailable(f"the secret {self._name} has no {field!r}: run `deploy`, or restore it")
        if isinstance(current.get("previous"), dict) and moment(current.get("rotatedAt")) is None:
            raise Unavailable(f"the secret {self._name} has a `previous`, but its `rotatedAt` is not a time")

    def _read(self, now: float) -> None:
        self._tried_at = now
        try:
            value = json.loads(self._client.get_secret_value(SecretId=self._name)["SecretString"])
            if not isinstance(value, dict):
                raise ValueError("not an object")
        except (ClientError, BotoCoreError):
            self._failure = Unavailable("the secret cannot be read")
        except (KeyError, ValueError, RecursionError):
            self._failure = Unavailable(f"the secret {self._name} is not a JSON object: run `deploy`, or restore it")
        else:
            self._current, self._read_at, self._failure = value, now, None


def accepted(secret: dict[str, Any], grace: float, now: float) -> Iterator[dict[str, Any]]:
    """Yield the objects whose values are accepted at `now` (epoch seconds), the current one first.

    `grace` is in seconds, counted from the `rotatedAt` beside each `previous`.
    """
    yield secret
    while isinstance(previous := secret.get("previous"), dict):
        rotated = moment(secret.get("rotatedAt"))
        if rotated is not None and now <= rotated.timestamp() + grace:
            yield previous
        secret = previous


def is_value(value: Any) -> bool:
    """Return whether a field holds a value that may be compared: text that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def moment(text: Any) -> datetime | None:
    """Return a `rotatedAt` as a time: ISO 8601, UTC unless it says otherwise. None if it is no such time."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
