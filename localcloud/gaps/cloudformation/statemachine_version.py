"""CloudFormation makes `AWS::StepFunctions::StateMachineVersion` and `AWS::StepFunctions::StateMachineAlias`.

AWS: CloudFormation template reference, aws-resource-stepfunctions-statemachineversion and …-statemachinealias. A
version is published from the current revision, if that is still the `StateMachineRevisionId` that is asked for; any
change replaces it. An alias is updated in place; another name or state machine replaces it. `Ref` is the ARN of either.
moto 5.2.5 has versions and aliases, but not for CloudFormation.
"""

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.stepfunctions.exceptions import ResourceNotFound, StateMachineDoesNotExist
from moto.stepfunctions.responses import get_backend

from localcloud.gaps.cloudformation.resource import RESOURCES, Place, Properties
from localcloud.gaps.cloudformation.statemachine import MachineResource, revision
from localcloud.gaps.patching import Gap

gap = Gap()


class StateMachineVersion(MachineResource):
    """A published version of a state machine."""

    kind = "AWS::StepFunctions::StateMachineVersion"

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        machine = get_backend(*place).describe_state_machine(properties["StateMachineArn"])
        wanted = properties.get("StateMachineRevisionId")
        if wanted not in {None, revision(machine)}:
            raise ValidationError(message=f"{name}: the current revision is not {wanted} (ConflictException)")
        return machine.publish(properties.get("Description"))

    def is_replaced_by(self, properties: Properties) -> bool:  # noqa: ARG002 - any change does
        return True

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        machine_arn, _, number = physical_id.rpartition(":")
        try:
            get_backend(*place).describe_state_machine(machine_arn).versions.pop(int(number), None)
        except StateMachineDoesNotExist:
            return  # AWS deletes the versions with their state machine


class StateMachineAlias(MachineResource):
    """A name for one or two versions of a state machine."""

    kind = "AWS::StepFunctions::StateMachineAlias"
    name_property = "Name"

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        return get_backend(*place).create_state_machine_alias(name, _routes(properties), properties.get("Description"))

    def is_replaced_by(self, properties: Properties) -> bool:
        version = _routes(properties)[0]["stateMachineVersionArn"]
        return super().is_replaced_by(properties) or not version.startswith(f"{self.model.statemachine_arn}:")

    def update(self, properties: Properties, place: Place) -> Any:
        description, routes = properties.get("Description"), _routes(properties)
        return get_backend(*place).update_state_machine_alias(self.model.arn, description, routes)

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        try:
            get_backend(*place).delete_state_machine_alias(physical_id)
        except (ResourceNotFound, StateMachineDoesNotExist):
            return  # AWS deletes the aliases with their state machine


gap.sets(RESOURCES, StateMachineVersion.kind, StateMachineVersion)
gap.sets(RESOURCES, StateMachineAlias.kind, StateMachineAlias)


def _routes(properties: Properties) -> list[dict[str, Any]]:
    return [
        {"stateMachineVersionArn": route["StateMachineVersionArn"], "weight": int(route["Weight"])}
        for route in properties["RoutingConfiguration"]
    ]
