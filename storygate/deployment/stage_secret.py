"""The stage's secret: what signs webhooks, the bearer of Automation and scripts, and a token for each mock API.

Its form, and which values are accepted, is described in chalicelib/secret.py. Its values are never printed and never
part of a command line.
"""

import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.apis import APIS
from chalicelib.secret import is_value, moment
from storygate.support.errors import OperatorError
from storygate.support.own_command import command_line
from storygate.support.terminal import Terminal
from storygate.support.times import iso

FIELDS = ("callback", "automation", *APIS)

Values = dict[str, Any]
"""The secret's JSON object."""


@dataclass(frozen=True)
class StoredSecret:
    """The current version of the secret: its id, when it was made, and its object."""

    version: str
    made: datetime
    values: Values


def ensure_secret(client: Any, name: str, terminal: Terminal) -> str:
    """Create the secret if it does not exist, or add what it lacks; return the id of its current version.

    A new secret gets a random value for each field. An existing value is never changed, so a deploy shuts nobody out.
    `_completed` says what is added. One that is scheduled for deletion is restored with its values (Secrets Manager,
    RestoreSecret). Raises OperatorError if a value is there that cannot be one.
    """
    try:
        described = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return _create(client, name, terminal)
    if described.get("DeletedDate"):
        client.restore_secret(SecretId=name)
        terminal.done(f"secret {name}: was scheduled for deletion, restored with its values")
    return _complete(client, name, described.get("VersionIdsToStages", {}), terminal)


def read_field(client: Any, name: str, field: str) -> str:
    """Return the current value of one field; raises OperatorError if the secret lacks it."""
    return str(read_fields(client, name, (field,))[field])


def read_fields(client: Any, name: str, fields: Sequence[str] = FIELDS) -> Values:
    """Return the current values; raises OperatorError if the secret lacks one of these fields."""
    values = _parse(client.get_secret_value(SecretId=name).get("SecretString", ""), name)
    _refuse_unless_whole(values, name, fields)
    return values


def read_secret(client: Any, name: str) -> StoredSecret:
    """Return the secret; raises OperatorError if it does not exist, has no value, or is no JSON object."""
    try:
        answer = client.get_secret_value(SecretId=name)
    except client.exceptions.ResourceNotFoundException as error:
        raise OperatorError(
            f"Secret {name} is not there, or has no value.",
            f"Deploy its stage first: {command_line('deploy --stage STAGE')}",
        ) from error
    return StoredSecret(answer["VersionId"], answer["CreatedDate"], _parse(answer.get("SecretString", ""), name))


def renew_secret(client: Any, name: str, old: StoredSecret, grace: float) -> StoredSecret:
    """Replace the values by random ones; return the new version.

    The old object becomes `previous`, with the `previous` in it as long as that is accepted: `grace` is the grace
    period in seconds. Fields that storygate does not know are kept. Raises OperatorError if the secret lacks a field,
    or if somebody changed it at the same moment.
    """
    _refuse_unless_whole(old.values, name)
    now = datetime.now(UTC)
    known = {*FIELDS, "previous", "rotatedAt"}
    kept = {field: value for field, value in _without_expired(old.values, now, grace).items() if field in known}
    new = old.values | {field: _random() for field in FIELDS}
    return _put(client, name, old.version, new | {"previous": kept, "rotatedAt": iso(now)})


def revoke_previous(client: Any, name: str, old: StoredSecret) -> StoredSecret:
    """Remove the previous values from the secret; return the new version, or `old` if it has none."""
    if "previous" not in old.values and "rotatedAt" not in old.values:
        return old
    current = {field: value for field, value in old.values.items() if field not in {"previous", "rotatedAt"}}
    return _put(client, name, old.version, current)


def previous_ends(values: Mapping[str, Any], grace: float) -> datetime | None:
    """Return when the last of the previous values is no longer accepted; None if there is none."""
    rotated = moment(values.get("rotatedAt"))
    if not isinstance(values.get("previous"), dict) or rotated is None:
        return None
    return datetime.fromtimestamp(rotated.timestamp() + grace, UTC)


def _create(client: Any, name: str, terminal: Terminal) -> str:
    try:
        answer = client.create_secret(
            Name=name,
            Description="storygate: the callback's two secrets and the tokens of the three APIs",
            SecretString=json.dumps({field: _random() for field in FIELDS}),
        )
    except client.exceptions.ResourceExistsException:  # another deploy has just made it
        return _complete(client, name, {}, terminal)
    terminal.done(f"secret {name}: created with random values")
    return str(answer["VersionId"])


def _complete(client: Any, name: str, labels: Mapping[str, list[str]], terminal: Terminal) -> str:
    """Add to the secret what it lacks; return the id of its current version."""
    try:
        old = read_secret(client, name)
    except OperatorError as error:
        # Secrets Manager answers ResourceNotFound also for a secret whose value was never written.
        raise OperatorError(error.message, _how_to_write(name, FIELDS)) from error
    before = next((version for version, staged in labels.items() if "AWSPREVIOUS" in staged), None)
    values = _completed(old.values, _version(client, name, before))
    _refuse_unless_whole(values, name)
    if values == old.values:
        terminal.detail(f"secret {name}: exists, not changed")
        return old.version
    added = ", ".join(field for field in values if field not in old.values)
    new = _put(client, name, old.version, values)
    if before and "previous" not in old.values:
        # Functions of before the upgrade accept what AWSCURRENT and AWSPREVIOUS say, until they are replaced.
        client.update_secret_version_stage(
            SecretId=name, VersionStage="AWSPREVIOUS", MoveToVersionId=before, RemoveFromVersionId=old.version
        )
    terminal.done(f"secret {name}: has {added} now; no value was changed")
    return new.version


def _completed(values: Values, before: Values | None) -> Values:
    """Return the secret's object with every field; `before` is that of its AWSPREVIOUS version.

    A secret without `automation` was made when `callback` was the bearer, too, and when functions accepted the
    AWSPREVIOUS version. So `automation` becomes what `callback` is, and what that version holds becomes `previous`,
    with the grace period from now on. What else is missing gets a random value.
    """
    if "automation" in values or "callback" not in values:
        return values | {field: _random() for field in FIELDS if field not in values}
    completed = values | {"automation": values["callback"]}
    if before and "previous" not in values:
        old = {field: value for field, value in before.items() if field in FIELDS}
        completed |= {"previous": {"automation": before.get("callback"), **old}, "rotatedAt": iso(datetime.now(UTC))}
    return completed | {field: _random() for field in FIELDS if field not in completed}


def _version(client: Any, name: str, version: str | None) -> Values | None:
    """Return the object of an older version; None if there is none, or nothing that was ever accepted."""
    if version is None:
        return None
    try:
        return _parse(client.get_secret_value(SecretId=name, VersionId=version).get("SecretString", ""), name)
    except OperatorError:
        return None


def _put(client: Any, name: str, base: str, values: Values) -> StoredSecret:
    """Write a new version that was made from version `base`.

    The new id is computed from `base`, so of several changes at the same time only one succeeds (PutSecretValue
    refuses a second request with another value under one id), and nothing that is accepted is lost.
    """
    try:
        answer = client.put_secret_value(
            SecretId=name,
            ClientRequestToken=str(uuid.uuid5(uuid.NAMESPACE_URL, f"storygate:{name}:{base}")),
            SecretString=json.dumps(values),
        )
    except client.exceptions.ResourceExistsException as error:
        raise OperatorError(
            f"Somebody else changed secret {name} at the same moment.", "Run this again; it goes on from there."
        ) from error
    return StoredSecret(str(answer["VersionId"]), datetime.now(UTC), values)


def _without_expired(values: Values, now: datetime, grace: float) -> Values:
    """Return the object without the previous values that are no longer accepted at `now`, at any depth."""
    ends = previous_ends(values, grace)
    kept = {field: value for field, value in values.items() if field not in {"previous", "rotatedAt"}}
    if ends is None or ends < now:
        return kept
    return kept | {"previous": _without_expired(values["previous"], now, grace), "rotatedAt": values["rotatedAt"]}


def _parse(text: str, name: str) -> Values:
    try:
        values = json.loads(text)
    except ValueError:
        values = None  # the parser's message would quote the secret
    if not isinstance(values, dict):
        raise OperatorError(f"Secret {name} is not a JSON object.", _how_to_write(name, FIELDS))
    return values


def _refuse_unless_whole(values: Values, name: str, fields: Sequence[str] = FIELDS) -> None:
    missing = [field for field in fields if not is_value(values.get(field))]
    if missing and not any(field in values for field in missing):
        raise OperatorError(
            f"Secret {name} lacks {', '.join(missing)}.",
            f"Deploy its stage, which adds that and changes no value: {command_line('deploy --stage STAGE')}",
        )
    if missing:
        raise OperatorError(
            f"Secret {name} lacks {', '.join(missing)}: what is there is no text, or blank.",
            _how_to_write(name, missing),
        )


def _random() -> str:
    # 43 characters of A-Z a-z 0-9 - _: within the 512 without a colon that a connection's value may have.
    return secrets.token_urlsafe(32)


def _how_to_write(name: str, fields: Sequence[str]) -> str:
    return (
        f"Write {', '.join(fields)} into it as JSON, from a file that only you can read (umask 077), so that no value "
        "is kept in the shell's history: "
        f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://secret.json"
    )
