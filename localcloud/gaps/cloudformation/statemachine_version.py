"""CloudFormation makes `AWS::StepFunctions::StateMachineVersion` and `AWS::StepFunctions::StateMachineAlias`.

AWS: CloudFormation template reference, aws-resource-stepfunctions-statemachineversion and …-statemachinealias. A
version is published from the current revision, if that is still the `StateMachineRevisionId` that is asked for; any
change replaces it. An alias is updated in place, but for its name. `Ref` is the ARN of either.
moto 5.2.5 has versions and aliases, but not for CloudFormation.
"""

from typing import Any

import moto.cloudformation.parsing as parsing
from moto.cloudformation.exceptions import ValidationError
from moto.stepfunctions.exceptions import ResourceNotFound, StateMachineDoesNotExist
from moto.stepfunctions.models import StateMachineAlias, StateMachineVersion
from moto.stepfunctions.responses import get_backend

from localcloud.gaps.cloudformation.statemachine import revision


def fill() -> None:
    """Make both types known."""
    for model, kind, name in (
        (StateMachineVersion, "AWS::StepFunctions::StateMachineVersion", ""),
        (StateMachineAlias, "AWS::StepFunctions::StateMachineAlias", "Name"),
    ):
        model.cloudformation_type = staticmethod(lambda kind=kind: kind)
        model.cloudformation_name_type = staticmethod(lambda name=name: name)
        model.physical_resource_id = property(lambda resource: resource.arn)
        model.has_cfn_attr = classmethod(lambda _cls, attr: attr == "Arn")
        model.get_cfn_attribute = lambda resource, _name: resource.arn
    StateMachineVersion.create_from_cloudformation_json = classmethod(_publish)
    StateMachineVersion.delete_from_cloudformation_json = classmethod(_delete_version)
    StateMachineAlias.create_from_cloudformation_json = classmethod(_create_alias)
    StateMachineAlias.update_from_cloudformation_json = classmethod(_update_alias)
    StateMachineAlias.delete_from_cloudformation_json = classmethod(_delete_alias)
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()


def _publish(
    _cls: Any, /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
) -> Any:
    properties = cloudformation_json["Properties"]
    machine = get_backend(account_id, region_name).describe_state_machine(properties["StateMachineArn"])
    wanted = properties.get("StateMachineRevisionId")
    if wanted not in {None, revision(machine)}:
        raise ValidationError(message=f"{resource_name}: the current revision is not {wanted} (ConflictException)")
    return machine.publish(properties.get("Description"))


def _delete_version(_cls: Any, arn: str, _json: Any, account_id: str, region_name: str) -> None:
    machine_arn, _, number = arn.rpartition(":")
    try:
        get_backend(account_id, region_name).describe_state_machine(machine_arn).versions.pop(int(number), None)
    except StateMachineDoesNotExist:
        return  # it went with its state machine


def _create_alias(
    _cls: Any, /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
) -> Any:
    properties = cloudformation_json["Properties"]
    backend = get_backend(account_id, region_name)
    return backend.create_state_machine_alias(resource_name, _routes(properties), properties.get("Description"))


def _update_alias(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    backend, routes = get_backend(account_id, region_name), _routes(properties)
    same_machine = routes[0]["stateMachineVersionArn"].startswith(f"{original_resource.statemachine_arn}:")
    if new_resource_name == original_resource.name and same_machine:
        return backend.update_state_machine_alias(original_resource.arn, properties.get("Description"), routes)
    alias = backend.create_state_machine_alias(new_resource_name, routes, properties.get("Description"))
    _delete_alias(cls, original_resource.arn, cloudformation_json, account_id, region_name)
    return alias


def _delete_alias(_cls: Any, arn: str, _json: Any, account_id: str, region_name: str) -> None:
    try:
        get_backend(account_id, region_name).delete_state_machine_alias(arn)
    except (ResourceNotFound, StateMachineDoesNotExist):
        return  # it went with its state machine


def _routes(properties: Any) -> list[dict[str, Any]]:
    return [
        {"stateMachineVersionArn": route["StateMachineVersionArn"], "weight": int(route["Weight"])}
        for route in properties["RoutingConfiguration"]
    ]
