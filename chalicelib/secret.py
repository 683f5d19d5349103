"""The stage's secret, `{"callback", "validation", "deployment", "notification"}`: one token for each."""

import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.refusals import Unavailable

# Rotation turns AWSCURRENT into AWSPREVIOUS (Secrets Manager user guide, staging labels). Both are accepted, so that a
# sender that does not have the new value yet is not refused.
STAGES = ("AWSCURRENT", "AWSPREVIOUS")
KEPT_SECONDS = 300
REFETCH_SECONDS = 5


def same(given: str, expected: str) -> bool:
    """Compare in constant time; also text that is not ASCII, which `compare_digest` refuses."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode(errors="replace"))


class Secret:
    """The secret's current and previous values, each read when it is first needed and kept for KEPT_SECONDS.

    The secret may have been rotated since it was read, so the first mismatch reads it again. Mismatches within
    REFETCH_SECONDS of that read do not, so that many bad signatures do not cause as many Secrets Manager calls.
    """

    def __init__(self, client: Any, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._name, self._clock = client, name, clock
        self._versions: dict[str, dict[str, Any] | None] = {}
        self._began = self._refetched = float("-inf")

    def proves(self, field: str, is_right: Callable[[str], bool]) -> bool:
        """Return whether `is_right` holds for a valid value of the field.

        Raises Unavailable if the secret cannot be read or lacks the field: Jira never retries a refusal (401), and the
        delivery may be authentic.
        """
        return self.which((field,), is_right) is not None

    def which(self, fields: Sequence[str], is_right: Callable[[str], bool]) -> str | None:
        """Return the first field with a valid value for which `is_right` holds, or None. Raises as `proves` does."""
        now = self._clock()
        stale = now - self._began > KEPT_SECONDS
        if stale:
            self._versions, self._began = {}, now
        found = self._match(fields, is_right)
        if found or stale or now - self._refetched < REFETCH_SECONDS:
            return found
        self._versions, self._began, self._refetched = {}, now, now
        return self._match(fields, is_right)

    def _match(self, fields: Sequence[str], is_right: Callable[[str], bool]) -> str | None:
        for stage in STAGES:
            if stage not in self._versions:
                self._versions[stage] = self._read(stage)
            version = self._versions[stage] or {}
            for field in fields:
                value = version.get(field)
                if isinstance(value, str) and value and is_right(value):
                    return field
        self._check(fields)
        return None

    def _check(self, fields: Sequence[str]) -> None:
        current = self._versions["AWSCURRENT"] or {}
        for field in fields:
            if not (isinstance(current.get(field), str) and current[field]):
                raise Unavailable(f"the secret {self._name} has no {field!r}: run `deploy`, or restore it")

    def _read(self, stage: str) -> dict[str, Any] | None:
        try:
            answer = self._client.get_secret_value(SecretId=self._name, VersionStage=stage)
            version = json.loads(answer["SecretString"])
            if not isinstance(version, dict):
                raise ValueError("not an object")
        except (ClientError, BotoCoreError) as error:
            # A secret that was never rotated has no AWSPREVIOUS.
            if stage == "AWSPREVIOUS" and _code(error) == "ResourceNotFoundException":
                return None
            raise Unavailable("the secret cannot be read") from error
        except (KeyError, ValueError) as error:
            raise Unavailable(f"the secret {self._name} is not a JSON object: run `deploy`, or restore it") from error
        return version


def _code(error: Exception) -> str:
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""
