"""The stage's secret: one field for the callback and one token for each mock API.

Its values are never printed and never part of a command line.
"""

import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.apis import APIS
from storygate.support.errors import OperatorError, error_code
from storygate.support.own_command import command_line
from storygate.support.terminal import Terminal

FIELDS = ("callback", *APIS)


def ensure_secret(client: Any, name: str, terminal: Terminal) -> str:
    """Create the secret if it does not exist; return the id of its current version.

    A new secret gets a random value for each field. An existing one is never overwritten: raises OperatorError if it
    lacks a field, since its owner may be about to write it. One that is scheduled for deletion is restored with its
    values (Secrets Manager, RestoreSecret).
    """
    try:
        described = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return _create(client, name, terminal)
    if described.get("DeletedDate"):
        client.restore_secret(SecretId=name)
        terminal.done(f"secret {name}: was scheduled for deletion, restored with its values")
    version = _check(client, name)
    terminal.detail(f"secret {name}: exists, not changed")
    return version


def read_field(client: Any, name: str, field: str) -> str:
    """Return the current value of one field; raises OperatorError if the secret lacks any field."""
    return _parse(client.get_secret_value(SecretId=name)["SecretString"], name)[field]


@dataclass(frozen=True)
class SecretVersions:
    """The ids of the accepted versions: the current one, made at `since`, and the one before it, if there is one."""

    current: str
    since: datetime
    previous: str | None


def read_versions(client: Any, name: str) -> SecretVersions:
    """Return the versions that are accepted now; raises OperatorError if the secret does not exist or has no value."""
    try:
        labels = client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        current = client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")
    except client.exceptions.ResourceNotFoundException as error:
        raise OperatorError(
            f"Secret {name} is not there, or has no value.",
            f"Deploy its stage first: {command_line('deploy --stage STAGE')}",
        ) from error
    previous = next((version for version, staged in labels.items() if "AWSPREVIOUS" in staged), None)
    return SecretVersions(current["VersionId"], current["CreatedDate"], previous)


def renew_secret(client: Any, name: str, current: str) -> str:
    """Replace the values of version `current` by random ones; return the id of the new version.

    Version `current` becomes the previous one. The new id is computed from it, so of two rotations at the same time
    only one succeeds, and the values in use stay accepted (PutSecretValue refuses a second request with other values
    under one id). Fields that storygate does not know are kept.
    """
    values = _parse(client.get_secret_value(SecretId=name, VersionId=current)["SecretString"], name)
    try:
        answer = client.put_secret_value(
            SecretId=name,
            ClientRequestToken=str(uuid.uuid5(uuid.NAMESPACE_URL, f"storygate:{name}:{current}")),
            SecretString=json.dumps(values | {field: secrets.token_urlsafe(32) for field in FIELDS}),
        )
    except client.exceptions.ResourceExistsException as error:
        raise OperatorError(
            f"Another rotation renewed secret {name} at the same moment.", "Run this again; it continues that rotation."
        ) from error
    return str(answer["VersionId"])


def _create(client: Any, name: str, terminal: Terminal) -> str:
    # 43 characters of A-Z a-z 0-9 - _: within the 512 without a colon that a connection's value may have.
    values = {field: secrets.token_urlsafe(32) for field in FIELDS}
    try:
        answer = client.create_secret(
            Name=name,
            Description="storygate: the callback's secret and the tokens of the three APIs",
            SecretString=json.dumps(values),
        )
    except client.exceptions.ResourceExistsException:  # another deploy has just made it
        return _check(client, name)
    terminal.done(f"secret {name}: created with random values")
    return str(answer["VersionId"])


def _check(client: Any, name: str) -> str:
    try:
        answer = client.get_secret_value(SecretId=name)
    except client.exceptions.ClientError as error:
        # Secrets Manager answers ResourceNotFound also for a secret whose value was never written.
        if error_code(error) != "ResourceNotFoundException":
            raise
        raise OperatorError(f"Secret {name} has no value.", _how_to_write(name, FIELDS)) from error
    _parse(answer.get("SecretString", ""), name)
    return str(answer["VersionId"])


def _parse(text: str, name: str) -> dict[str, str]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None  # the parser's message would quote the secret
    if not isinstance(values, dict):
        raise OperatorError(f"Secret {name} is not a JSON object.", _how_to_write(name, FIELDS))
    missing = [field for field in FIELDS if not isinstance(values.get(field), str) or not values[field].strip()]
    if missing:
        raise OperatorError(f"Secret {name} lacks {', '.join(missing)}.", _how_to_write(name, missing))
    return values


def _how_to_write(name: str, fields: tuple[str, ...] | list[str]) -> str:
    return (
        f"Write {', '.join(fields)} into it as JSON, from a file, so that no value is kept in the shell's history: "
        f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://secret.json"
    )
