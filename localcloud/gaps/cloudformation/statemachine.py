"""CloudFormation makes state machines from a file, with substitutions.

AWS: CloudFormation template reference, aws-resource-stepfunctions-statemachine.html. The definition is
`DefinitionString`, `DefinitionS3Location` or `Definition`; every `${Name}` of `DefinitionSubstitutions` in it is
replaced; `Ref` is the ARN, GetAtt gives `Arn`, `Name` and `StateMachineRevisionId` (`INITIAL` before the first update,
as PublishStateMachineVersion names it); a changed definition, role, logging or tracing updates in place, another name
or type replaces.
moto 5.2.5 knows `DefinitionString`, role, name and tags; has no attribute `Arn` and no revision; fails to delete by
name; and puts the state machine where its own executing API does not look.
"""

import json
import re
from typing import Any, ClassVar

from moto.cloudformation.exceptions import ValidationError
from moto.s3.models import s3_backends
from moto.stepfunctions.models import StateMachine as MotoStateMachine
from moto.stepfunctions.responses import get_backend
from moto.stepfunctions.utils import cfn_to_api_tags

from localcloud.gaps.cloudformation.resource import RESOURCES, Attributes, Place, Properties, Resource
from localcloud.gaps.patching import Gap

PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")

gap = Gap()


def revision(machine: Any) -> str:
    """Return the name of a state machine's current revision (see `stepfunctions.versions`)."""
    return str(machine.revision_id or "INITIAL")


class MachineResource(Resource):
    """A resource of Step Functions: `Ref` and `Arn` are both the ARN."""

    attributes: ClassVar[Attributes] = {"Arn": lambda machine: machine.arn}

    @property
    def physical_resource_id(self) -> str:
        return str(self.model.arn)


class StateMachine(MachineResource):
    """A state machine, its definition read from where the template says."""

    kind = "AWS::StepFunctions::StateMachine"
    name_property = "StateMachineName"
    extends = MotoStateMachine
    attributes: ClassVar[Attributes] = MachineResource.attributes | {"StateMachineRevisionId": revision}

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        return get_backend(*place).create_state_machine(
            name=name,
            definition=_definition(properties, place),
            roleArn=properties["RoleArn"],
            tags=cfn_to_api_tags(properties.get("Tags", [])),
            loggingConfiguration=_in_api_form(properties.get("LoggingConfiguration")),
            tracingConfiguration=_in_api_form(properties.get("TracingConfiguration")),
            sm_type=properties.get("StateMachineType", "STANDARD"),
        )

    def is_replaced_by(self, properties: Properties) -> bool:
        if super().is_replaced_by(properties):
            return True
        other_type = bool(properties.get("StateMachineType", "STANDARD") != self.model.type)
        if other_type and self.name_property in properties:
            raise ValidationError(message=f"{self.name} already exists; rename it to change its type")
        return other_type

    def update(self, properties: Properties, place: Place) -> Any:
        backend = get_backend(*place)
        machine = backend.update_state_machine(
            self.model.arn,
            definition=_definition(properties, place),
            role_arn=properties["RoleArn"],
            logging_configuration=_in_api_form(properties.get("LoggingConfiguration")) or {"level": "OFF"},
            tracing_configuration=_in_api_form(properties.get("TracingConfiguration")) or {"enabled": False},
        )
        backend.tagger.delete_all_tags_for_resource(machine.arn)
        backend.tagger.tag_resource(machine.arn, cfn_to_api_tags(properties.get("Tags", [])))
        return machine

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        backend = get_backend(*place)
        backend.delete_state_machine(physical_id)
        if any(machine.arn == physical_id for machine in backend.state_machines):
            # AWS waits for the executions before it says so; see `stepfunctions.deletion`.
            raise ValidationError(message=f"{physical_id} did not stabilize: it is DELETING (NotStabilized)")


gap.sets(RESOURCES, StateMachine.kind, StateMachine)


def _definition(properties: Properties, place: Place) -> str:
    if "DefinitionS3Location" in properties:
        text = _object(properties["DefinitionS3Location"], place)
    elif "Definition" in properties:
        text = json.dumps(properties["Definition"])
    else:
        text = properties["DefinitionString"]
    values = properties.get("DefinitionSubstitutions", {})
    return PLACEHOLDER.sub(
        lambda placeholder: _text(values[placeholder[1]]) if placeholder[1] in values else placeholder[0], text
    )


def _object(location: dict[str, Any], place: Place) -> str:
    bucket, key, version = location["Bucket"], location["Key"], location.get("Version")
    found = place.partitioned(s3_backends).get_object(bucket, key, version_id=version)
    if found is None:
        raise ValidationError(message=f"S3 error: s3://{bucket}/{key} does not exist (version {version or 'latest'})")
    return str(found.value.decode())


def _text(value: Any) -> str:
    # A substitution is text, a number or a boolean (CloudFormation user guide, DefinitionSubstitutions).
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _in_api_form(configuration: Any) -> Any:
    """Rename at every depth: CloudFormation's `LogGroupArn` is the API's `logGroupArn`."""
    if isinstance(configuration, dict):
        return {key[0].lower() + key[1:]: _in_api_form(value) for key, value in configuration.items()}
    if isinstance(configuration, list):
        return [_in_api_form(item) for item in configuration]
    return configuration
