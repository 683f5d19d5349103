"""CloudFormation makes `AWS::Events::Connection`.

AWS: CloudFormation user guide, aws-resource-events-connection.html. `Ref` is the name; GetAtt gives `Arn`,
`ArnForPolicy` (without the id at its end) and `SecretArn`; a new name replaces, anything else updates in place and
keeps ARN and secret. The credentials live in a secret that EventBridge manages, and follow every update.
moto 5.2.5 has connections, but not for CloudFormation, and its `UpdateConnection` leaves the old value in the secret.
"""

import json
from typing import Any

import moto.cloudformation.parsing as parsing
from moto.core.common_models import CloudFormationModel
from moto.events.models import EventsBackend, events_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.utilities.utils import CamelToUnderscoresWalker

from localcloud.gaps.cloudformation.update import retains

_update_connection_of_moto = EventsBackend.update_connection


class EventsConnection(CloudFormationModel):  # type: ignore[misc]  # moto is untyped here
    """The resource; `connection` is moto's own."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def physical_resource_id(self) -> str:
        return str(self.connection.name)

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Events::Connection"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in ("Arn", "ArnForPolicy", "SecretArn")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return {
            "Arn": str(self.connection.arn),
            "ArnForPolicy": str(self.connection.arn).rpartition("/")[0],
            "SecretArn": str(self.connection.secret_arn),
        }[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "EventsConnection":
        properties = cloudformation_json["Properties"]
        connection = events_backends[account_id][region_name].create_connection(
            name=resource_name,
            description=properties.get("Description", ""),
            authorization_type=properties["AuthorizationType"],
            auth_parameters=properties["AuthParameters"],
        )
        return cls(connection)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "EventsConnection":
        properties = cloudformation_json["Properties"]
        old_name = original_resource.physical_resource_id
        if properties.get("Name", old_name) != old_name:
            new = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            if not retains(cloudformation_json, "UpdateReplacePolicy"):
                cls.delete_from_cloudformation_json(old_name, cloudformation_json, account_id, region_name)
            return new
        events_backends[account_id][region_name].update_connection(
            name=old_name,
            description=properties.get("Description", ""),
            authorization_type=properties["AuthorizationType"],
            auth_parameters=properties["AuthParameters"],
        )
        return cls(original_resource.connection)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        events_backends[account_id][region_name].delete_connection(resource_name)


def fill() -> None:
    """Make the type known, and let updates reach the managed secret."""
    EventsBackend.update_connection = _update_connection
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()


def _update_connection(backend: Any, name: str, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _update_connection_of_moto(backend, name=name, **changes)
    connection = backend.connections[name]
    secret = secretsmanager_backends[backend.account_id][backend.region_name].secrets[connection.secret_arn]
    secret.secret_string = json.dumps(_secret_value(connection.auth_parameters))
    secret.versions[secret.default_version_id]["secret_string"] = secret.secret_string
    return answer


def _secret_value(auth_parameters: dict[str, Any]) -> dict[str, Any]:
    """What moto's `Connection` writes into its secret when it is made."""
    value: dict[str, Any] = {}
    for kind, parameters in auth_parameters.items():
        value.update({kind: parameters} if kind == "InvocationHttpParameters" else parameters)
    parsed: dict[str, Any] = CamelToUnderscoresWalker.parse(value)
    return parsed
