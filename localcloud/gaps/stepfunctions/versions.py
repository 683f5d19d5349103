"""State machines have revisions, versions are snapshots of these, and an execution keeps the one that it began with.

AWS: UpdateStateMachine makes a new revision, which DescribeStateMachine names as `revisionId`; a machine that was
never updated has none. "Running executions will continue to use the previous definition and roleArn", so
DescribeStateMachineForExecution describes the revision that the execution began with. Each revision is published once:
a second call returns the same version. ListStateMachineVersions lists the newest first. (API reference of these.)
moto 5.2.5 knows no revisions, publishes one revision again under a new number, cannot list versions, and answers
DescribeStateMachineForExecution with the newest definition.
"""

import uuid
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.models import StateMachine, StateMachineInstance, StateMachineVersion
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.gaps.patching import Gap

SNAPSHOT = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")

gap = Gap()
gap.sets(StateMachineInstance, "revision_id", None)


@gap.wraps(StateMachine, "update")
def _update(original: Callable[..., None], machine: Any, **changes: Any) -> None:
    changed = any(value is not None and getattr(machine, name, None) != value for name, value in changes.items())
    original(machine, **changes)
    if changed:
        machine.revision_id = str(uuid.uuid4())


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
    return _with_revision(answer, response.stepfunction_backend.describe_state_machine(state_machine_arn))


@gap.wraps(StepFunctionResponse, "describe_state_machine_for_execution")
def _describe_for_execution(original: Callable[[Any], ActionResult], response: Any) -> ActionResult:
    answer = original(response)
    begun = response.stepfunction_backend.describe_execution(response._get_param("executionArn")).state_machine
    answer.result.update({name: getattr(begun, name) for name in SNAPSHOT})
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
