"""CloudFormation configures and updates DynamoDB tables.

AWS: CloudFormation template reference, aws-resource-dynamodb-table.html. `TimeToLiveSpecification`,
`PointInTimeRecoverySpecification` and `SSESpecification` are properties of the table; most changes update in place,
another name or key replaces. An update can add or remove one global secondary index, not two at once.
moto 5.2.5 ignores the first two, misreads the third, and cannot update a table.
"""

from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table as MotoTable

from localcloud.gaps.cloudformation.resource import RESOURCES, Place, Properties, Resource
from localcloud.gaps.patching import Gap

gap = Gap()


class Table(Resource):
    """A table and its settings."""

    kind = "AWS::DynamoDB::Table"
    name_property = "TableName"
    extends = MotoTable

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        return _configure(super().create(name, properties, place), properties, place)

    def is_replaced_by(self, properties: Properties) -> bool:
        return super().is_replaced_by(properties) or properties["KeySchema"] != self.model.schema

    def update(self, properties: Properties, place: Place) -> Any:
        place.regional(dynamodb_backends).update_table(
            self.name,
            attr_definitions=properties["AttributeDefinitions"],
            global_index=_index_updates(self.model, properties),
            throughput=properties.get("ProvisionedThroughput", {}),
            billing_mode=properties.get("BillingMode", "PROVISIONED"),
            stream_spec={},
            deletion_protection_enabled=None,  # `_configure` sets it
            warm_throughput=None,
        )
        return _configure(self.model, properties, place)

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        place.regional(dynamodb_backends).delete_table(physical_id)


gap.sets(RESOURCES, Table.kind, Table)


def _index_updates(table: Any, properties: Properties) -> list[dict[str, Any]]:
    """Return the one change of the table's indexes, as UpdateTable takes it. Raises moto's error for two changes."""
    standing = {index.name for index in table.global_indexes}
    wanted = {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes", [])}
    updates: list[dict[str, Any]] = [{"Create": index} for name, index in wanted.items() if name not in standing]
    updates += [{"Delete": {"IndexName": name}} for name in standing - wanted.keys()]
    if len(updates) > 1:
        raise MockValidationException("Cannot perform more than one GSI creation or deletion in a single update")
    return updates


def _configure(table: Any, properties: Properties, place: Place) -> Any:
    backend = place.regional(dynamodb_backends)
    table.deletion_protection_enabled = _is_true(properties.get("DeletionProtectionEnabled", False))
    encryption = properties.get("SSESpecification", {})
    # The API's name for SSEEnabled is Enabled.
    table.sse_specification = {**encryption, "Enabled": _is_true(encryption.get("SSEEnabled", False))}
    if expiry := properties.get("TimeToLiveSpecification"):
        backend.update_time_to_live(table.name, {**expiry, "Enabled": _is_true(expiry["Enabled"])})
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        enabled = _is_true(recovery.get("PointInTimeRecoveryEnabled", False))
        backend.update_continuous_backups(table.name, {**recovery, "PointInTimeRecoveryEnabled": enabled})
    return table


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"  # a parameter's value is text
