"""CloudFormation updates a role's policies, and attaches managed ones.

AWS: CloudFormation user guide, aws-resource-iam-role.html. Inline policies, the trust policy and managed policies
change without interruption; only another name or path replaces.
moto 5.2.5 updates the description alone, loses the role if its name was generated, keeps inline policies as Python
objects where the API needs text, and ignores `ManagedPolicyArns`.
"""

import json
from typing import Any

from moto.iam.models import Role, iam_backends
from moto.utilities.utils import get_partition

_create_of_moto = Role.create_from_cloudformation_json.__func__
_delete_of_moto = Role.delete_from_cloudformation_json.__func__


def fill() -> None:
    """Extend moto's role."""
    Role.create_from_cloudformation_json = classmethod(_create)
    Role.update_from_cloudformation_json = classmethod(_update)
    Role.delete_from_cloudformation_json = classmethod(_delete)


def _create(
    cls: Any, /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
) -> Any:
    role = _create_of_moto(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    _configure(role, cloudformation_json["Properties"], account_id, region_name)
    return role


def _update(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    if properties.get("RoleName", original_resource.name) != original_resource.name:
        role = _create(cls, new_resource_name, cloudformation_json, account_id, region_name)
        _delete(cls, original_resource.name, cloudformation_json, account_id, region_name)
        return role
    original_resource.description = properties.get("Description", "")
    original_resource.max_session_duration = properties.get("MaxSessionDuration", 3600)
    original_resource.assume_role_policy_document = _text(properties["AssumeRolePolicyDocument"])
    _configure(original_resource, properties, account_id, region_name)
    return original_resource


def _configure(role: Any, properties: dict[str, Any], account_id: str, region_name: str) -> None:
    role.policies = {policy["PolicyName"]: _text(policy["PolicyDocument"]) for policy in properties.get("Policies", [])}
    backend = iam_backends[account_id][get_partition(region_name)]
    wanted = set(properties.get("ManagedPolicyArns", []))
    for arn in set(role.managed_policies) - wanted:
        backend.detach_role_policy(arn, role.name)
    for arn in wanted - set(role.managed_policies):
        if arn in backend.managed_policies:  # AWS's own managed policies are not there, and nothing here enforces them
            backend.attach_role_policy(arn, role.name)


def _delete(cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str) -> None:
    backend = iam_backends[account_id][get_partition(region_name)]
    for arn in list(backend.get_role(resource_name).managed_policies):
        backend.detach_role_policy(arn, resource_name)
    _delete_of_moto(cls, resource_name, cloudformation_json, account_id, region_name)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)  # YAML dates a bare Version
