"""CloudFormation updates log groups in place.

AWS: CloudFormation user guide, aws-resource-logs-loggroup.html. `RetentionInDays` and tags change without interruption,
only another name replaces; GetAtt `Arn` ends in `:*`.
moto 5.2.5 cannot update one, and its `Arn` has no `:*`.
"""

from typing import Any

from moto.logs.models import LogGroup, logs_backends

from localcloud.gaps.cloudformation.update import retains

_get_attribute_of_moto = LogGroup.get_cfn_attribute


def fill() -> None:
    """Extend moto's log group."""
    LogGroup.update_from_cloudformation_json = classmethod(_update)
    LogGroup.get_cfn_attribute = _get_attribute


def _update(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    if properties.get("LogGroupName", original_resource.name) == original_resource.name:
        days = properties.get("RetentionInDays")
        original_resource.retention_in_days = None if days is None else int(days)
        return original_resource
    group = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
    if not retains(cloudformation_json, "UpdateReplacePolicy"):
        logs_backends[account_id][region_name].delete_log_group(original_resource.name)
    return group


def _get_attribute(group: Any, attribute_name: str) -> str:
    value = str(_get_attribute_of_moto(group, attribute_name))
    return f"{value}:*" if attribute_name == "Arn" else value
