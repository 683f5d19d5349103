"""The one secret: the callback's, and each API's token. `{"callback", "validation", "deployment", "notification"}`."""

import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable

# Rotation turns AWSCURRENT into AWSPREVIOUS (Secrets Manager user guide, staging labels): both are accepted, so that
# nobody is refused between the rotation and the moment a sender learns the new value.
STAGES = ("AWSCURRENT", "AWSPREVIOUS")
KEPT_SECONDS = 300
REFETCH_SECONDS = 5


def same(given: str, expected: str) -> bool:
    """Constant-time comparison that also takes what is not ASCII, which `compare_digest` refuses as text."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode(errors="replace"))


class Secret:
    """The secret's current and previous values, each read when it is first needed and kept for minutes.

    A value that does not match may have been rotated a moment ago, so the first mismatch reads again; mismatches
    within `REFETCH_SECONDS` of it do not, so that a flood of bad signatures is no flood of Secrets Manager calls.
    """

    def __init__(self, client: Any, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._name, self._clock = client, name, clock
        self._versions: dict[str, dict[str, Any] | None] = {}
        self._began = self._refetched = float("-inf")

    def proves(self, field: str, is_right: Callable[[str], bool]) -> bool:
        """Whether `is_right` holds for a valid value of the field.

        Raises Unavailable if the secret cannot be read or lacks the field: no proof is possible then, and a refusal
        would make Jira drop for good what may well be authentic.
        """
        return self.which((field,), is_right) is not None

    def which(self, fields: Sequence[str], is_right: Callable[[str], bool]) -> str | None:
        """The first of the fields for a valid value of which `is_right` holds, or None. Raises as `proves` does."""
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
