"""Check SDK integrations by botocore's models, in the spelling of the Java SDK, which Step Functions uses."""

import json
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator
from sfnx.integrations import sdk_member  # the Java SDK's spelling of a member, as sfnx measured it on AWS


@cache
def operation(resource: str) -> OperationModel:
    """Return the operation of `arn:aws:states:::aws-sdk:<service>:<action>[.waitForTaskToken]`; raises if unknown."""
    service, action = resource.removesuffix(".waitForTaskToken").split(":")[-2:]
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(action[0].upper() + action[1:])


def misspelled(resource: str, arguments: Any) -> str:
    """Return botocore's complaints about the arguments, "" if none: unknown and missing members, types, lengths."""
    shape = operation(resource).input_shape
    report: str = ParamValidator().validate(_botocores(arguments, shape), shape).generate_report()
    return report


def _botocores(value: Any, shape: Shape) -> Any:
    """Return the arguments as boto3 takes them. A member in another spelling than Java's gets an unknown name."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {sdk_member(name): name for name in shape.members}
        return {
            members.get(name, f"not Java's: {name}"): (
                _botocores(item, shape.members[members[name]]) if name in members else item
            )
            for name, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_botocores(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: _botocores(item, shape.value) for name, item in value.items()}
    if shape.type_name == "blob" and isinstance(value, dict):
        return json.dumps(value).encode()  # s3:putObject writes an object as its JSON
    return value


def has_result_field(resource: str, path: list[str]) -> bool:
    """Return whether the operation's result has this field; a map has every key."""
    shape: Shape | None = operation(resource).output_shape
    for name in path:
        if isinstance(shape, MapShape):
            shape = shape.value
        elif isinstance(shape, StructureShape):
            members = {sdk_member(member): found for member, found in shape.members.items()}
            if name not in members:
                return False
            shape = members[name]
        else:
            return False
    return True
