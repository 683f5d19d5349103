"""CloudFormation makes state machines from a file, with substitutions.

AWS: CloudFormation user guide, aws-resource-stepfunctions-statemachine.html. The definition is `DefinitionString`,
`DefinitionS3Location` or `Definition`; every `${Name}` of `DefinitionSubstitutions` in it is replaced; `Ref` is the
ARN, GetAtt gives `Arn`, `Name` and `StateMachineRevisionId` (INITIAL as long as the state machine was never updated:
PublishStateMachineVersion's name for it); a changed definition, role, logging or tracing updates in place, another name
or type replaces.
moto 5.2.5 knows `DefinitionString`, role, name and tags; has no attribute `Arn` and no revision; fails to delete by
name; and puts the state machine where its own executing API does not look.
"""

import json
import re
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.s3.models import s3_backends
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.responses import get_backend
from moto.stepfunctions.utils import cfn_to_api_tags
from moto.utilities.utils import get_partition

from localcloud.gaps.cloudformation.update import retains

PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
REVISION = "StateMachineRevisionId"

_get_attribute_of_moto = StateMachine.get_cfn_attribute
_has_attribute_of_moto = StateMachine.has_cfn_attr.__func__


def fill() -> None:
    """Replace how moto's state machine is made, updated and deleted by CloudFormation."""
    StateMachine.cloudformation_name_type = staticmethod(lambda: "StateMachineName")
    StateMachine.create_from_cloudformation_json = classmethod(_create)
    StateMachine.update_from_cloudformation_json = classmethod(_update)
    StateMachine.delete_from_cloudformation_json = classmethod(_delete)
    StateMachine.has_cfn_attr = classmethod(_has_attribute)
    StateMachine.get_cfn_attribute = _get_attribute


def _create(
    _cls: Any, /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
) -> Any:
    properties = cloudformation_json["Properties"]
    return get_backend(account_id, region_name).create_state_machine(
        name=resource_name,
        definition=_definition(properties, account_id, region_name),
        roleArn=properties["RoleArn"],
        tags=cfn_to_api_tags(properties.get("Tags", [])),
        loggingConfiguration=_in_api_form(properties.get("LoggingConfiguration")),
        tracingConfiguration=_in_api_form(properties.get("TracingConfiguration")),
        sm_type=properties.get("StateMachineType", "STANDARD"),
    )


def _update(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    same_name = properties.get("StateMachineName", original_resource.name) == original_resource.name
    if not same_name or properties.get("StateMachineType", "STANDARD") != original_resource.type:
        if same_name and "StateMachineName" in properties:
            raise ValidationError(message=f"{original_resource.name} already exists; rename it to change its type")
        machine = _create(cls, new_resource_name, cloudformation_json, account_id, region_name)
        if not retains(cloudformation_json, "UpdateReplacePolicy"):
            _delete(cls, original_resource.arn, cloudformation_json, account_id, region_name)
        return machine
    backend = get_backend(account_id, region_name)
    machine = backend.update_state_machine(
        original_resource.arn,
        definition=_definition(properties, account_id, region_name),
        role_arn=properties["RoleArn"],
        logging_configuration=_in_api_form(properties.get("LoggingConfiguration")) or {"level": "OFF"},
        tracing_configuration=_in_api_form(properties.get("TracingConfiguration")) or {"enabled": False},
    )
    backend.tagger.delete_all_tags_for_resource(machine.arn)
    backend.tagger.tag_resource(machine.arn, cfn_to_api_tags(properties.get("Tags", [])))
    return machine


def _delete(_cls: Any, name_or_arn: str, _json: Any, account_id: str, region_name: str) -> None:
    arn = name_or_arn
    if not arn.startswith("arn:"):
        arn = f"arn:{get_partition(region_name)}:states:{region_name}:{account_id}:stateMachine:{name_or_arn}"
    get_backend(account_id, region_name).delete_state_machine(arn)


def revision(machine: Any) -> str:
    """The name of a state machine's current revision (see `stepfunctions.versions`)."""
    return str(machine.revision_id or "INITIAL")


def _has_attribute(cls: Any, attr: str) -> bool:
    return attr in {"Arn", REVISION} or bool(_has_attribute_of_moto(cls, attr))


def _get_attribute(machine: Any, attribute_name: str) -> Any:
    if attribute_name == "Arn":
        return machine.arn
    if attribute_name == REVISION:
        return revision(machine)
    return _get_attribute_of_moto(machine, attribute_name)


def _definition(properties: dict[str, Any], account_id: str, region_name: str) -> str:
    if "DefinitionS3Location" in properties:
        text = _object(properties["DefinitionS3Location"], account_id, region_name)
    elif "Definition" in properties:
        text = json.dumps(properties["Definition"])
    else:
        text = properties["DefinitionString"]
    values = properties.get("DefinitionSubstitutions", {})
    return PLACEHOLDER.sub(
        lambda placeholder: _text(values[placeholder[1]]) if placeholder[1] in values else placeholder[0], text
    )


def _object(location: dict[str, Any], account_id: str, region_name: str) -> str:
    bucket, key, version = location["Bucket"], location["Key"], location.get("Version")
    found = s3_backends[account_id][get_partition(region_name)].get_object(bucket, key, version_id=version)
    if found is None:
        raise ValidationError(message=f"S3 error: s3://{bucket}/{key} does not exist (version {version or 'latest'})")
    return str(found.value.decode())


def _text(value: Any) -> str:
    # A substitution is text, a number or a truth value (CloudFormation user guide, DefinitionSubstitutions).
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _in_api_form(configuration: Any) -> Any:
    """CloudFormation's `LogGroupArn` is the API's `logGroupArn`, and so on all the way down."""
    if isinstance(configuration, dict):
        return {key[0].lower() + key[1:]: _in_api_form(value) for key, value in configuration.items()}
    if isinstance(configuration, list):
        return [_in_api_form(item) for item in configuration]
    return configuration
