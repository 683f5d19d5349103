"""The stage's secret in Secrets Manager: made once, completed, renewed, revoked; never shown, never an argument.

What is in it: secret_values.py. Every change is made from the version that was read, so of two at once one fails.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storygate.deployment.secret_values import (
    FIELDS,
    Values,
    completed,
    fresh,
    how_to_write,
    parsed,
    renewed,
    require,
    revoked,
)
from storygate.support.errors import OperatorError
from storygate.support.own_command import command_line
from storygate.support.terminal import Terminal


@dataclass(frozen=True)
class StoredSecret:
    """The current version of the secret: its id, when it was made, and its object."""

    version: str
    made: datetime
    values: Values


def ensure_secret(client: Any, name: str, terminal: Terminal) -> str:
    """Create the secret if it does not exist, or add what it lacks; return the id of its current version.

    A new secret gets a random value for each field. An existing value is never changed, so a deploy shuts nobody out.
    One that is scheduled for deletion is restored with its values (Secrets Manager, RestoreSecret). Raises
    OperatorError if a value is there that cannot be one.
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
    values = parsed(client.get_secret_value(SecretId=name).get("SecretString", ""), name)
    require(values, name, fields)
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
    return StoredSecret(answer["VersionId"], answer["CreatedDate"], parsed(answer.get("SecretString", ""), name))


def renew_secret(client: Any, name: str, old: StoredSecret, grace: float) -> StoredSecret:
    """Replace the values by random ones; return the new version, in which the old values are the previous ones.

    `grace` is the grace period in seconds. Raises OperatorError if the secret lacks a field.
    """
    require(old.values, name)
    return _put(client, name, old.version, renewed(old.values, grace))


def revoke_previous(client: Any, name: str, old: StoredSecret) -> StoredSecret:
    """Remove the previous values from the secret; return the new version, or `old` if it has none.

    The version that Secrets Manager calls AWSPREVIOUS loses that label, and with it the last way to read it by name.
    Raises OperatorError if the secret lacks a field: then the functions may still be those that accept that label.
    """
    require(old.values, name)
    values = revoked(old.values)
    new = old if values == old.values else _put(client, name, old.version, values)
    for version in _labelled(client.describe_secret(SecretId=name)["VersionIdsToStages"]):
        client.update_secret_version_stage(SecretId=name, VersionStage="AWSPREVIOUS", RemoveFromVersionId=version)
    return new


def _create(client: Any, name: str, terminal: Terminal) -> str:
    try:
        answer = client.create_secret(
            Name=name,
            Description="storygate: the callback's two secrets and the tokens of the three APIs",
            SecretString=json.dumps(fresh()),
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
        raise OperatorError(error.message, how_to_write(name, FIELDS)) from error
    before = next(iter(_labelled(labels)), None)
    values = completed(old.values, _version(client, name, before))
    require(values, name)
    added = ", ".join(field for field in values if field not in old.values)
    if not added:
        terminal.detail(f"secret {name}: exists, not changed")
        return old.version
    new = _put(client, name, old.version, values)
    if before:
        # Functions of before the upgrade accept what AWSCURRENT and AWSPREVIOUS say, until they are replaced.
        client.update_secret_version_stage(
            SecretId=name, VersionStage="AWSPREVIOUS", MoveToVersionId=before, RemoveFromVersionId=old.version
        )
    terminal.done(f"secret {name}: has {added} now; no value was changed")
    return new.version


def _labelled(labels: Mapping[str, list[str]]) -> list[str]:
    return [version for version, staged in labels.items() if "AWSPREVIOUS" in staged]


def _version(client: Any, name: str, version: str | None) -> Values | None:
    """Return the object of an older version; None if there is none, or nothing that was ever accepted."""
    if version is None:
        return None
    try:
        return parsed(client.get_secret_value(SecretId=name, VersionId=version).get("SecretString", ""), name)
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
            f"Another command changed secret {name} at the same moment.", "Run this again; it goes on from there."
        ) from error
    return StoredSecret(str(answer["VersionId"]), datetime.now(UTC), values)
