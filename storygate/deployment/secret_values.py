"""The JSON object of a stage's secret: its fields, and what a deploy or a rotation makes of it.

Its form, and which values are accepted, is described in chalicelib/secret.py. No value is ever part of an error.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.apis import APIS
from chalicelib.secret import is_value, moment
from storygate.support.errors import OperatorError
from storygate.support.own_command import command_line
from storygate.support.times import iso

FIELDS = ("callback", "automation", *APIS)
ROTATION = ("previous", "rotatedAt")

Values = dict[str, Any]
"""The secret's JSON object."""


def parsed(text: str, name: str) -> Values:
    """Return the object of secret `name`; raises OperatorError if the text is no JSON object."""
    try:
        values = json.loads(text)
    except ValueError:
        values = None  # the parser's message would quote the secret
    if not isinstance(values, dict):
        raise OperatorError(f"Secret {name} is not a JSON object.", how_to_write(name, FIELDS))
    return values


def require(values: Values, name: str, fields: Sequence[str] = FIELDS) -> None:
    """Raise OperatorError, which names what is missing and the fix, unless the object has a value for each field."""
    missing = [field for field in fields if not is_value(values.get(field))]
    if missing and not any(field in values for field in missing):
        raise OperatorError(
            f"Secret {name} lacks {', '.join(missing)}.",
            f"Deploy its stage, which adds that and changes no value: {command_line('deploy --stage STAGE')}",
        )
    if missing:
        raise OperatorError(
            f"Secret {name} lacks {', '.join(missing)}: what is there is no text, or blank.",
            how_to_write(name, missing),
        )


def fresh(fields: Sequence[str] = FIELDS) -> Values:
    """Return a random value for each field.

    43 characters of A-Z a-z 0-9 - _: within the 512 without a colon that a connection's value may have.
    """
    return {field: secrets.token_urlsafe(32) for field in fields}


def completed(values: Values, before: Values | None) -> Values:
    """Return the object with every field; `before` is that of the secret's AWSPREVIOUS version.

    A secret without `automation` was made when `callback` was the bearer, too, and when functions accepted the
    AWSPREVIOUS version. So `automation` becomes what `callback` is, and what that version holds becomes `previous`,
    with the grace period from now on. What else is missing gets a random value.
    """
    added: Values = {}
    if "automation" not in values and "callback" in values:
        added["automation"] = values["callback"]
        if before and "previous" not in values:
            old = {field: value for field, value in before.items() if field in FIELDS}
            added["previous"] = {"automation": before.get("callback"), **old}
            added["rotatedAt"] = iso(datetime.now(UTC))
    return fresh() | values | added


def renewed(old: Values, grace: float) -> Values:
    """Return the object with random values in place of the old ones, which become `previous`.

    The old object's own `previous` goes with it as long as that is accepted; `grace` is the grace period in seconds.
    Fields that storygate does not know are kept, once.
    """
    now = datetime.now(UTC)
    known = (*FIELDS, *ROTATION)
    previous = {field: value for field, value in _without_ended(old, now, grace).items() if field in known}
    return old | fresh() | {"previous": previous, "rotatedAt": iso(now)}


def revoked(old: Values) -> Values:
    """Return the object without its previous values."""
    return {field: value for field, value in old.items() if field not in ROTATION}


def previous_ends(values: Mapping[str, Any], grace: float) -> list[datetime]:
    """Return when each of the previous objects is no longer accepted, the newest first, also those that ended."""
    return list(_ends(values, grace))


def how_to_write(name: str, fields: Sequence[str]) -> str:
    """Return the fix for a secret that only a person can repair."""
    return (
        f"Write {', '.join(fields)} into it as JSON, from a file that only you can read (umask 077), so that no value "
        "is kept in the shell's history: "
        f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://secret.json"
    )


def _ends(values: Mapping[str, Any], grace: float) -> Iterator[datetime]:
    while isinstance(previous := values.get("previous"), dict):
        if rotated := moment(values.get("rotatedAt")):
            yield datetime.fromtimestamp(rotated.timestamp() + grace, UTC)
        values = previous


def _without_ended(values: Values, now: datetime, grace: float) -> Values:
    """Return the object without the previous values that are no longer accepted at `now`, at any depth."""
    rotated = moment(values.get("rotatedAt"))
    if not isinstance(values.get("previous"), dict) or not rotated or rotated.timestamp() + grace < now.timestamp():
        return revoked(values)
    return values | {"previous": _without_ended(values["previous"], now, grace)}
