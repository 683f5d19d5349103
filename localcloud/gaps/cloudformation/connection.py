"""CloudFormation makes `AWS::Events::Connection`.

AWS: CloudFormation template reference, aws-resource-events-connection.html. `Ref` is the name; GetAtt gives `Arn`,
`ArnForPolicy` (without the id at its end) and `SecretArn`; another name replaces, anything else updates in place and
keeps ARN and secret. The credentials are in a secret that EventBridge manages; every update changes them there.
moto 5.2.5 has connections, but not for CloudFormation, and its `UpdateConnection` leaves the old value in the secret.
"""

import json
from collections.abc import Callable
from typing import Any, ClassVar

from moto.events.models import EventsBackend, events_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.utilities.utils import CamelToUnderscoresWalker

from localcloud.gaps.cloudformation.resource import RESOURCES, Attributes, Place, Properties, Resource
from localcloud.gaps.patching import Gap

gap = Gap()


class EventsConnection(Resource):
    """An EventBridge connection."""

    kind = "AWS::Events::Connection"
    name_property = "Name"
    attributes: ClassVar[Attributes] = {
        "Arn": lambda connection: connection.arn,
        "ArnForPolicy": lambda connection: connection.arn.rpartition("/")[0],
        "SecretArn": lambda connection: connection.secret_arn,
    }

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        return place.regional(events_backends).create_connection(name=name, **_settings(properties))

    def update(self, properties: Properties, place: Place) -> Any:
        place.regional(events_backends).update_connection(name=self.name, **_settings(properties))
        return self.model

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        place.regional(events_backends).delete_connection(physical_id)


gap.sets(RESOURCES, EventsConnection.kind, EventsConnection)


def _settings(properties: Properties) -> dict[str, Any]:
    return {
        "description": properties.get("Description", ""),
        "authorization_type": properties["AuthorizationType"],
        "auth_parameters": properties["AuthParameters"],
    }


@gap.wraps(EventsBackend, "update_connection")
def _update_connection(original: Callable[..., Any], backend: Any, name: str, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = original(backend, name=name, **changes)
    connection = backend.connections[name]
    secret = secretsmanager_backends[backend.account_id][backend.region_name].secrets[connection.secret_arn]
    secret.secret_string = json.dumps(_secret_value(connection.auth_parameters))
    secret.versions[secret.default_version_id]["secret_string"] = secret.secret_string
    return answer


def _secret_value(auth_parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what moto's `Connection` writes into its secret when it is made."""
    value: dict[str, Any] = {}
    for kind, parameters in auth_parameters.items():
        value.update({kind: parameters} if kind == "InvocationHttpParameters" else parameters)
    parsed: dict[str, Any] = CamelToUnderscoresWalker.parse(value)
    return parsed
