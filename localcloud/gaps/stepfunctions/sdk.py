"""Arguments and results of `aws-sdk` integrations, S3 objects among them.

AWS: fields are spelled as in the AWS SDK for Java, capitalised, at every depth: a DynamoDB value is `Bool` or `Ss`,
and an unknown field is refused when the machine is saved. `s3:getObject` gives `Body` as a string, and more than
256 KiB of it is `States.DataLimitExceeded`; `s3:putObject` writes a `Body` as JSON, a string with quotes around it, and
by default as `text/plain`. Times in a result are strings. (Step Functions developer guide, supported-services-awssdk;
recorded on AWS in localstack/localstack's aws.validated snapshots; measured on AWS by the author of the PyPI package
sfnx, its docs/design.md.)

moto 5.2.5 passes arguments to boto3 unchanged, so that `Bool` or an object as a `Body` is lost or fails, and
returns boto3's answer unchanged, with an open stream for the body.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.response import StreamingBody
from moto.stepfunctions.parser.asl.component.common.parargs import ArgumentsJSONataTemplateValueObject
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.quotas import MAX_STATE_SIZE_UTF8_BYTES

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.clients import client_for
from localcloud.gaps.stepfunctions.context import written
from localcloud.gaps.stepfunctions.errors import java_name

gap = Gap()


@lru_cache(maxsize=1024)
def _members(shape: StructureShape) -> dict[str, tuple[str, Shape]]:
    return {java_name(name): (name, member) for name, member in shape.members.items()}


def to_request(value: Any, shape: Shape | None) -> Any:
    """Translate arguments of a Task into those of boto3. Raises ValueError for a field that the call lacks."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = _members(shape)
        for field in value:
            if field not in members:
                raise ValueError(f"The field {field!r} is not supported; {shape.name} has {', '.join(members)}")
        return {members[field][0]: to_request(item, members[field][1]) for field, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [to_request(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: to_request(item, shape.value) for key, item in value.items()}
    if isinstance(shape, StringShape) and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if shape is not None and shape.type_name == "blob":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return value


def from_response(value: Any, shape: Shape | None) -> Any:
    """Translate boto3's answer into the result of a Task."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return {java_name(name): from_response(item, members[name]) for name, item in value.items() if name in members}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [from_response(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: from_response(item, shape.value) for key, item in value.items()}
    if isinstance(value, StreamingBody):
        # One byte over the limit is enough for moto's own check of a result's size.
        value = value.read(MAX_STATE_SIZE_UTF8_BYTES + 1)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, datetime):
        return written(value)
    return value


def _operation(task: Any, region: str) -> tuple[Any, str, Any]:
    client = client_for(region, task._get_boto_service_name())
    action = task._get_boto_service_action()
    if action not in client.meta.method_to_api_mapping:
        raise ValueError(f"The resource {task.resource.resource_arn} is not recognized")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[action])
    return client, action, model


@gap.wraps(StateTaskServiceAwsSdk, "from_state_props")
def _from_state_props(original: Callable[..., None], self: Any, state_props: Any) -> None:
    original(self, state_props)
    if self.parargs is None:
        raise ValueError(f"{self.resource.resource_arn} needs Arguments")
    _, _, model = _operation(self, "us-east-1")
    if isinstance(self.parargs, ArgumentsJSONataTemplateValueObject):
        fields = [binding.identifier for binding in self.parargs.template_eval_component.bindings]
        to_request(dict.fromkeys(fields), model.input_shape)


@gap.replaces(StateTaskServiceAwsSdk, "_eval_service_task")
def _eval_service_task(
    self: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: object
) -> None:
    del state_credentials  # One account, one set of clients.
    client, action, model = _operation(self, resource_runtime_part.region)
    request = to_request(normalised_parameters, model.input_shape)
    if model.name == "PutObject":
        request.setdefault("ContentType", "text/plain; charset=UTF-8")  # the default of the SDK for Java for text
    answer = getattr(client, action)(**request)
    for name in ("ConsumedCapacity", "ItemCollectionMetrics"):
        if f"Return{name}" not in request:
            answer.pop(name, None)  # moto's DynamoDB answers with them unasked
    env.stack.append(from_response(answer, model.output_shape))
