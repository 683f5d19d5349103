"""Drift, as CloudFormation's API answers: in sync, changed by hand, not comparable, still at work."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from storygate.checks import Examination, examine
from storygate.checks.stack_checks import workflow_drift
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from tests.storygate.conftest import KEYS, REGION

STACK = "storygate-dev-workflow"
DRIFT = "00000000-0000-0000-0000-000000000000"
STATUS = "describe_stack_drift_detection_status"


@pytest.fixture
def cloudformation() -> Iterator[Any]:
    client = boto3.client("cloudformation", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def look(stage: Stage, project: Path, cloudformation: Any) -> Any:
    examined = Examination(project, stage, Aws(lambda _: cloudformation.client, REGION, KEYS))
    return lambda: next(examine(examined, [workflow_drift]))


def stack(*parameters: Any) -> dict[str, Any]:
    return {
        "Stacks": [
            {
                "StackName": STACK,
                "StackStatus": "CREATE_COMPLETE",
                "CreationTime": datetime.now(UTC),
                "Parameters": [{"ParameterKey": name, "ParameterValue": "x"} for name in parameters],
            }
        ]
    }


def detected(cloudformation: Any, **told: Any) -> None:
    cloudformation.add_response("describe_stacks", stack(), {"StackName": STACK})
    cloudformation.add_response("detect_stack_drift", {"StackDriftDetectionId": DRIFT}, {"StackName": STACK})
    cloudformation.add_response(STATUS, status(DetectionStatus="DETECTION_IN_PROGRESS"), ANY_ID)
    cloudformation.add_response(STATUS, status(**told), ANY_ID)


ANY_ID = {"StackDriftDetectionId": DRIFT}


def status(**told: Any) -> dict[str, Any]:
    return {"StackId": STACK, "StackDriftDetectionId": DRIFT, "Timestamp": datetime.now(UTC), **told}


def test_a_stack_in_sync_is_ok(cloudformation: Any, look: Any) -> None:
    detected(cloudformation, DetectionStatus="DETECTION_COMPLETE", StackDriftStatus="IN_SYNC")
    assert look().status == "ok"


def test_what_was_changed_by_hand_is_named_with_the_commands_that_revert_it(cloudformation: Any, look: Any) -> None:
    detected(cloudformation, DetectionStatus="DETECTION_COMPLETE", StackDriftStatus="DRIFTED")
    drift: dict[str, Any] = {"LogicalResourceId": "RunsFailed", "StackResourceDriftStatus": "DELETED", "StackId": STACK}
    drift |= {"ResourceType": "AWS::CloudWatch::Alarm", "Timestamp": datetime.now(UTC)}
    filters = {"StackName": STACK, "StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"]}
    cloudformation.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": [drift]}, filters)
    cloudformation.add_response("describe_stacks", stack("BucketName", "TableName"), {"StackName": ANY})
    found = look()
    assert (found.status, found.found) == ("warn", "changed by hand: RunsFailed DELETED")
    create, wait, execute = found.fix.split(" && ")
    assert create == (
        f"aws cloudformation create-change-set --stack-name {STACK} --change-set-name revert-drift "
        "--use-previous-template --parameters ParameterKey=BucketName,UsePreviousValue=true "
        "ParameterKey=TableName,UsePreviousValue=true --deployment-mode REVERT_DRIFT --capabilities CAPABILITY_IAM"
    )
    assert wait.startswith("aws cloudformation wait change-set-create-complete")
    assert execute.startswith("aws cloudformation execute-change-set")
    modes = cloudformation.client.meta.service_model.shape_for("DeploymentMode").enum
    assert modes == ["REVERT_DRIFT"]


def test_what_cannot_be_compared_is_reported_with_its_reason(cloudformation: Any, look: Any) -> None:
    reason = "Failed to detect drift on resource [Role]"
    detected(cloudformation, DetectionStatus="DETECTION_FAILED", DetectionStatusReason=reason)
    found = look()
    assert found.status == "warn"
    assert reason in found.found


def test_without_the_permission_the_line_says_what_to_grant(cloudformation: Any, look: Any) -> None:
    cloudformation.add_response("describe_stacks", stack(), {"StackName": STACK})
    said = f"User: x is not authorized to perform: cloudformation:DetectStackDrift on resource: {STACK}"
    cloudformation.add_client_error("detect_stack_drift", "AccessDenied", said, 403)
    found = look()
    assert found.status == "fail"
    assert "Grant cloudformation:DetectStackDrift" in found.fix
