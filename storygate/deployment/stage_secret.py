"""The one secret: the callback's, and the token of each API. Its values are never printed, never on a command line."""

import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storygate.support.errors import OperatorError, error_code
from storygate.support.terminal import Terminal

FIELDS = ("callback", "validation", "deployment", "notification")


def ensure_secret(client: Any, name: str, terminal: Terminal) -> str:
    """Makes sure that the secret exists and is whole; returns the id of its current version.

    A new one gets a random value for each field. An existing one is never overwritten: fields it lacks are reported
    (OperatorError), not invented, for somebody may be about to write them. One that is scheduled for deletion is
    restored with the values it had (Secrets Manager, RestoreSecret).
    """
    try:
        described = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return _create(client, name, terminal)
    if described.get("DeletedDate"):
        client.restore_secret(SecretId=name)
        terminal.done(f"secret {name}: was scheduled for deletion, restored with its values")
    version = _check(client, name)
    terminal.detail(f"secret {name}: present, left as it is")
    return version


def read_field(client: Any, name: str, field: str) -> str:
    """The current value of one field; raises OperatorError if the secret is not whole."""
    return _parse(client.get_secret_value(SecretId=name)["SecretString"], name)[field]


@dataclass(frozen=True)
class Versions:
    """The secret's version that counts, since when, and the id of the one before it, which is accepted as well."""

    current: str
    since: datetime
    previous: str | None


def read_versions(client: Any, name: str) -> Versions:
    """Which versions are accepted now; raises OperatorError if the secret is not there or has no value."""
    try:
        labels = client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        current = client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")
    except client.exceptions.ResourceNotFoundException as error:
        raise OperatorError(
            f"Secret {name} is not there, or has no value.", "Run `python -m storygate deploy` for its stage first."
        ) from error
    previous = next((version for version, staged in labels.items() if "AWSPREVIOUS" in staged), None)
    return Versions(current["VersionId"], current["CreatedDate"], previous)


def renew_secret(client: Any, name: str, current: str) -> str:
    """Puts new random values in the place of version `current`, which becomes the previous one; returns the new id.

    The new id follows from the old one, so of two who do this at once one succeeds, and the values in use are never
    pushed out (PutSecretValue: a second request with another value under the same id is refused). What else the secret
    holds is kept.
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
            f"Secret {name} was renewed by somebody else this very moment.", "Run this again; it joins in."
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
    except client.exceptions.ResourceExistsException:  # another deploy was faster
        return _check(client, name)
    terminal.done(f"secret {name}: created with random values")
    return str(answer["VersionId"])


def _check(client: Any, name: str) -> str:
    try:
        answer = client.get_secret_value(SecretId=name)
    except client.exceptions.ClientError as error:
        # Secrets Manager says ResourceNotFound for a secret whose value was never written, too.
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
        f"Write {', '.join(fields)} into it as JSON text, from a file so that no value lands in the shell's history: "
        f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://secret.json"
    )
