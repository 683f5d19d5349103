"""State machines have revisions, versions are snapshots of these, and an execution keeps the one that it began with.

AWS: UpdateStateMachine makes a new revision, which DescribeStateMachine names as `revisionId`; a machine that was
never updated has none. "Running executions will continue to use the previous definition and roleArn", so
DescribeStateMachineForExecution describes the revision that the execution began with. Each revision is published once:
a second call returns the same version. ListStateMachineVersions lists the newest first. StartExecution and
ListExecutions take the ARN of a version or of an alias, which leads to its versions by their weights. (API reference of
these and of DeleteStateMachineVersion, which refuses one that an alias names, and CreateStateMachineAlias.)
moto 5.2.5 knows no revisions, publishes one revision again under a new number, cannot list or delete versions, nor
publish one but with its machine, answers DescribeStateMachineForExecution with the newest definition, and fails to
start an execution of a version or an alias.
"""

import copy
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.exceptions import StateMachineDoesNotExist, ValidationException
from moto.stepfunctions.models import StateMachine, StateMachineInstance, StateMachineVersion
from moto.stepfunctions.parser.api import ConflictException
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.gaps.patching import Gap

ALIAS = re.compile(r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]{1,80}$")
FIELDS = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")

gap = Gap()
for _name in ("revision_id", "version_arn", "alias_arn"):
    gap.sets(StateMachineInstance, _name, None)


def machine_of(backend: Any, arn: str) -> tuple[Any, str | None]:
    """Return the machine of an ARN, and the ARN again if it names a version or an alias. Raises as AWS answers."""
    parts = arn.split(":")
    machine = backend.describe_state_machine(":".join(parts[:7]))
    if len(parts) == 7:
        return machine, None
    if parts[7] not in machine.aliases and parts[7] not in map(str, machine.versions):
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
    return machine, arn


def begun_with(backend: Any, arn: str) -> tuple[Any, Any]:
    """Return the machine of an ARN, and the copy of it, or of its version, that an execution keeps."""
    machine, qualified = machine_of(backend, arn)
    kept = copy.copy(machine)
    kept.executions = []
    if qualified:
        alias = machine.aliases.get(qualified.rpartition(":")[2])
        if alias:
            kept.alias_arn, routes = qualified, alias.routing_configuration
            weights = [route["weight"] for route in routes]
            qualified = random.choices(routes, weights)[0]["stateMachineVersionArn"]  # noqa: S311 - as the alias says
        version = machine.versions[int(qualified.rpartition(":")[2])]
        kept.version_arn, kept.revision_id = qualified, version.revision_id
        vars(kept).update({name: getattr(version, name) for name in FIELDS})
    return machine, kept


@gap.wraps(StateMachine, "update")
def _update(original: Callable[..., None], machine: Any, **changes: Any) -> None:
    changed = any(value is not None and getattr(machine, name, None) != value for name, value in changes.items())
    original(machine, **changes)
    if changed:
        machine.revision_id = str(uuid.uuid4())


@gap.wraps(StepFunctionResponse, "update_state_machine")
def _update_response(original: Callable[[Any], ActionResult], response: Any) -> ActionResult:
    answer = original(response)
    return _with_revision(
        answer, response.stepfunction_backend.describe_state_machine(response._get_param("stateMachineArn"))
    )


@gap.wraps(StateMachine, "publish")
def _publish(original: Callable[..., None], machine: Any, description: str | None = None) -> Any:
    newest: StateMachineVersion | None = machine.latest_version
    if newest is None or newest.revision_id != machine.revision_id:
        original(machine, description)
        machine.latest_version.revision_id = machine.revision_id
    return machine.latest_version


@gap.wraps(StepFunctionResponse, "_describe_state_machine")
def _describe(original: Callable[..., ActionResult], response: Any, state_machine_arn: str) -> ActionResult:
    answer = original(response, state_machine_arn)
    machine = response.stepfunction_backend.describe_state_machine(state_machine_arn)
    logging = {"includeExecutionData": False, **machine.loggingConfiguration}
    answer.result.update(status=machine.status, loggingConfiguration=logging)
    return _with_revision(answer, machine)


@gap.wraps(StepFunctionResponse, "describe_state_machine_for_execution")
def _describe_for_execution(original: Callable[[Any], ActionResult], response: Any) -> ActionResult:
    answer = original(response)
    begun = response.stepfunction_backend.describe_execution(response._get_param("executionArn")).state_machine
    answer.result.update({name: getattr(begun, name) for name in FIELDS}, updateDate=begun.update_date)
    answer.result.pop("revisionId", None)
    return _with_revision(answer, begun)


def _with_revision(answer: ActionResult, machine: Any) -> ActionResult:
    if machine.revision_id:
        answer.result["revisionId"] = machine.revision_id
    return answer


@gap.replaces(StepFunctionResponse, "list_state_machine_versions")
def _list_versions(response: Any) -> ActionResult:
    machine = response.stepfunction_backend.describe_state_machine(response._get_param("stateMachineArn"))
    newest_first = sorted(machine.versions.values(), key=lambda version: version.version, reverse=True)
    return ActionResult(
        {
            "stateMachineVersions": [
                {"stateMachineVersionArn": version.arn, "creationDate": version.creation_date}
                for version in newest_first
            ]
        }
    )


@gap.wraps(StepFunctionsParserBackend, "create_state_machine_alias")
def _create_alias(
    original: Callable[..., Any], backend: Any, name: str, routing_configuration: list[dict[str, Any]], *more: Any
) -> Any:
    if not ALIAS.fullmatch(name):
        raise ValidationException(
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {ALIAS.pattern}"
        )
    arns = [route["stateMachineVersionArn"] for route in routing_configuration]
    if len(set(arns)) < len(arns):
        raise ValidationException("The versions of a routing configuration must differ")
    for arn in arns:
        machine_of(backend, arn)
    return original(backend, name, routing_configuration, *more)


@gap.replaces(StepFunctionResponse, "publish_state_machine_version")
def _publish_version(response: Any) -> ActionResult:
    machine = response.stepfunction_backend.describe_state_machine(response._get_param("stateMachineArn"))
    wanted = response._get_param("revisionId")
    if wanted not in (None, machine.revision_id or "INITIAL"):
        raise ConflictException(f"The current revision is not {wanted}", "ConflictException")
    version = machine.publish(response._get_param("description"))
    return ActionResult({"creationDate": version.creation_date, "stateMachineVersionArn": version.arn})


@gap.replaces(StepFunctionResponse, "delete_state_machine_version")
def _delete_version(response: Any) -> ActionResult:
    arn = response._get_param("stateMachineVersionArn")
    machine_arn, _, number = arn.rpartition(":")
    machine = response.stepfunction_backend.describe_state_machine(machine_arn)
    names = [
        alias.name
        for alias in machine.aliases.values()
        if any(route["stateMachineVersionArn"] == arn for route in alias.routing_configuration)
    ]
    if names:
        raise ConflictException(f"Aliases name this version: {names}", "ConflictException")
    machine.versions.pop(int(number), None)
    return EmptyResult()
