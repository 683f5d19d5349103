"""CloudFormation configures and updates DynamoDB tables.

AWS: CloudFormation user guide, aws-resource-dynamodb-table.html. `TimeToLiveSpecification`,
`PointInTimeRecoverySpecification` and `SSESpecification` are properties of the table; most changes update in place,
another name or key replaces, and what is replaced survives under `UpdateReplacePolicy: Retain`.
moto 5.2.5 ignores the first two, misreads the third, and cannot update a table.
"""

from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from localcloud.gaps.cloudformation.update import retains

_create_of_moto = Table.create_from_cloudformation_json.__func__


def fill() -> None:
    """Extend moto's table."""
    Table.create_from_cloudformation_json = classmethod(_create)
    Table.update_from_cloudformation_json = classmethod(_update)


def _create(
    cls: Any, /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
) -> Any:
    table = _create_of_moto(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    _configure(table, cloudformation_json["Properties"], dynamodb_backends[account_id][region_name])
    return table


def _update(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    backend = dynamodb_backends[account_id][region_name]
    same_name = properties.get("TableName", original_resource.name) == original_resource.name
    if same_name and properties["KeySchema"] == original_resource.schema:
        backend.update_table(
            original_resource.name,
            attr_definitions=properties["AttributeDefinitions"],
            global_index=[],
            throughput=properties.get("ProvisionedThroughput", {}),
            billing_mode=properties.get("BillingMode", "PROVISIONED"),
            stream_spec={},
            deletion_protection_enabled=properties.get("DeletionProtectionEnabled"),
            warm_throughput=None,
        )
        _configure(original_resource, properties, backend)
        return original_resource
    table = _create(cls, new_resource_name, cloudformation_json, account_id, region_name)
    if not retains(cloudformation_json, "UpdateReplacePolicy"):
        backend.delete_table(original_resource.name)
    return table


def _configure(table: Any, properties: dict[str, Any], backend: Any) -> None:
    encryption = properties.get("SSESpecification", {})
    # The API's name for SSEEnabled is Enabled.
    table.sse_specification = {**encryption, "Enabled": _is_true(encryption.get("SSEEnabled", False))}
    if expiry := properties.get("TimeToLiveSpecification"):
        backend.update_time_to_live(table.name, {**expiry, "Enabled": _is_true(expiry["Enabled"])})
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        enabled = _is_true(recovery.get("PointInTimeRecoveryEnabled", False))
        backend.update_continuous_backups(table.name, {**recovery, "PointInTimeRecoveryEnabled": enabled})


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"  # a parameter's value is text
