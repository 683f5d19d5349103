"""CloudFormation resolves `{{resolve:secretsmanager:…}}` anywhere in a property's text.

AWS: CloudFormation user guide, dynamic-references-secretsmanager.html. The form is
`{{resolve:secretsmanager:secret-id:SecretString:json-key:version-stage:version-id}}`, the last three may be empty or
missing, `secret-id` is a name or an ARN. The resolved value appears neither in the template nor in a comparison, so an
update notices a rotated secret only if the reference's own text changes.
moto 5.2.5 gives the resource the reference itself.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import moto.cloudformation.parsing as parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.secretsmanager.models import secretsmanager_backends

from localcloud.gaps.patching import Gap

REFERENCE = re.compile(
    r"\{\{resolve:secretsmanager:(arn:[^:{}]*:[^:{}]*:[^:{}]*:[^:{}]*:[^:{}]*:[^:{}]*|[^:{}]+)((?::[^:{}]*)*)\}\}"
)

gap = Gap()


def resolve(value: Any, account_id: str, region: str) -> Any:
    """Return a copy of the JSON value with every reference in its strings replaced.

    Raises moto's ValidationError if the secret, the version or the JSON key does not exist, or if `SecretString` is
    misspelled.
    """
    if isinstance(value, dict):
        return {key: resolve(item, account_id, region) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, account_id, region) for item in value]
    if isinstance(value, str):
        return REFERENCE.sub(lambda match: _secret(match[1], match[2], account_id, region), value)
    return value


@gap.wraps(parsing, "parse_resource")
def _parse_resource(original: Callable[..., Any], resource_json: dict[str, Any], resources_map: Any) -> Any:
    parsed = original(resource_json, resources_map)
    if not parsed:
        return parsed
    resource_class, cleaned, resource_type = parsed
    # A copy: the secret must not get into the template that CloudFormation keeps and compares.
    properties = resolve(cleaned["Properties"], resources_map._account_id, resources_map._region_name)
    return resource_class, {**cleaned, "Properties": properties}, resource_type


def _secret(secret_id: str, rest: str, account_id: str, region: str) -> str:
    kind, json_key, stage, version = ([*rest.split(":")[1:], "", "", "", ""])[:4]
    if kind not in ("SecretString", ""):
        raise ValidationError(message=f"Dynamic reference to {secret_id}: '{kind}' must be SecretString")
    try:
        text: str = secretsmanager_backends[account_id][region].get_secret_value(
            secret_id, version or None, stage or ("" if version else "AWSCURRENT")
        )["SecretString"]
        return str(json.loads(text)[json_key]) if json_key else text
    except (JsonRESTError, ServiceException) as error:
        raise ValidationError(message=f"Dynamic reference to {secret_id}: {error}") from error
    except (KeyError, ValueError, TypeError) as error:
        raise ValidationError(message=f"Could not find a value associated with JSONKey in {secret_id}") from error
