"""CloudFormation updates a role's policies, and attaches managed ones.

AWS: CloudFormation template reference, aws-resource-iam-role.html. Inline policies, the trust policy and managed
policies change without interruption; only another name or path replaces.
moto 5.2.5 updates the description alone, loses the role if its name was generated, keeps inline policies as Python
objects where the API needs text, and ignores `ManagedPolicyArns`.
"""

import json
from typing import Any

from moto.iam.models import Role as MotoRole
from moto.iam.models import iam_backends

from localcloud.gaps.cloudformation.resource import RESOURCES, Place, Properties, Resource
from localcloud.gaps.patching import Gap

gap = Gap()


class Role(Resource):
    """A role with its policies."""

    kind = "AWS::IAM::Role"
    name_property = "RoleName"
    extends = MotoRole

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        return _configure(super().create(name, properties, place), properties, place)

    def update(self, properties: Properties, place: Place) -> Any:
        self.model.description = properties.get("Description", "")
        self.model.max_session_duration = properties.get("MaxSessionDuration", 3600)
        self.model.assume_role_policy_document = _text(properties["AssumeRolePolicyDocument"])
        return _configure(self.model, properties, place)

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        backend = place.partitioned(iam_backends)
        for arn in list(backend.get_role(physical_id).managed_policies):
            backend.detach_role_policy(arn, physical_id)
        MotoRole.delete_from_cloudformation_json(physical_id, {}, *place)


gap.sets(RESOURCES, Role.kind, Role)


def _configure(role: Any, properties: Properties, place: Place) -> Any:
    role.policies = {policy["PolicyName"]: _text(policy["PolicyDocument"]) for policy in properties.get("Policies", [])}
    backend = place.partitioned(iam_backends)
    wanted = set(properties.get("ManagedPolicyArns", []))
    for arn in set(role.managed_policies) - wanted:
        backend.detach_role_policy(arn, role.name)
    for arn in wanted - set(role.managed_policies):
        if arn in backend.managed_policies:  # AWS's own managed policies are not there, and nothing here enforces them
            backend.attach_role_policy(arn, role.name)
    return role


def _text(document: Any) -> str:
    # YAML reads a policy's `Version` without quotes as a date.
    return document if isinstance(document, str) else json.dumps(document, default=str)
