"""Names, account, and the two stacks: their status, and whether their resources were changed by hand."""

import shlex
from typing import Any

from storygate.checks.finding import Examination, Finding, check, fail, ok, skip, warn
from storygate.deployment.gateway import read_settings
from storygate.deployment.preflight import check_access
from storygate.deployment.stacks import DEAD, stack_status
from storygate.support.patience import Patience

DRIFT_PATIENCE = 60.0  # seconds for the drift of one stack; usual is ten to thirty


@check("names", "shows which account you look at; two stages with one name would share their alarms and logs")
def names(context: Examination) -> Finding:
    """The account and region, and whether another API has the stage's names."""
    stage = context.stage
    check_access(context)
    apis = context.client("apigateway").get_paginator("get_rest_apis").paginate()
    namesakes = [
        api["id"]
        for page in apis
        for api in page["items"]
        if api["name"] == stage.app_name and api["id"] != context.api and read_settings(context, api["id"])
    ]
    if namesakes:
        return warn(
            f"REST API {namesakes[0]} has this one's name and stage, so their alarms and metrics are one "
            f"({stage.app_name}, {stage.api_gateway_stage})",
            f"give each stage of config.json an api_gateway_stage of its own (its URL changes), then "
            f"{context.deploy_command}; or, if it is a leftover, "
            f"aws apigateway delete-rest-api --rest-api-id {namesakes[0]}",
        )
    return ok(f"account {context.account}, {stage.region}: bucket {stage.bucket}, state machine {stage.state_machine}")


@check("deployed", "without one of its parts, a stage fails most of the checks below")
def deployed(context: Examination) -> Finding:
    """Everything that `deploy` makes is there."""
    if context.missing:
        return fail(f"missing: {', '.join(context.missing)}", context.deploy_command)
    return ok("all parts")


@check("storage stack", "without its stack, changes of statemachine/storage.yaml do not reach bucket and table")
def storage_stack(context: Examination) -> Finding:
    """The stack of bucket and table. Without it, as `destroy` leaves them, it is only a warning."""
    return _status(context, context.stage.storage_stack) or warn(
        "no stack manages bucket and table; an earlier destroy kept them, and they are used without a stack",
        "nothing to do now; the checks below look at the settings of bucket and table",
    )


@check("workflow stack", "it holds the state machine, connections, alarms and the on-failure queue")
def workflow_stack(context: Examination) -> Finding:
    """The stack of the state machine."""
    return _status(context, context.stage.workflow_stack) or fail("there is no such stack", context.deploy_command)


@check("storage drift", "a change by hand is not in the template, so it is lost when the stack is made again")
def storage_drift(context: Examination) -> Finding:
    """Resources that differ from storage.yaml."""
    return _drift(context, context.stage.storage_stack)


@check("workflow drift", "the next deploy may undo a change by hand, or fail because of it")
def workflow_drift(context: Examination) -> Finding:
    """Resources that differ from workflow.yaml."""
    return _drift(context, context.stage.workflow_stack)


def revert_drift(context: Examination, stack: str) -> str:
    """Return the commands that bring a stack's resources back to its template, also those that were deleted.

    CloudFormation user guide, "Using drift-aware change sets". Every parameter keeps its value.
    """
    described = context.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    keep = [f"ParameterKey={given['ParameterKey']},UsePreviousValue=true" for given in described.get("Parameters", [])]
    change = ["--stack-name", stack, "--change-set-name", "revert-drift"]
    cloudformation = ["aws", "cloudformation"]
    create = [*cloudformation, "create-change-set", *change, "--use-previous-template", "--parameters", *keep]
    create += ["--deployment-mode", "REVERT_DRIFT", "--capabilities", "CAPABILITY_IAM"]
    wait = [*cloudformation, "wait", "change-set-create-complete", *change]
    return " && ".join(map(shlex.join, (create, wait, [*cloudformation, "execute-change-set", *change])))


def _status(context: Examination, stack: str) -> Finding | None:
    status = stack_status(context.client("cloudformation"), stack)
    if status is None or status == "REVIEW_IN_PROGRESS":
        return None
    if status in DEAD or "FAILED" in status:
        return fail(f"{stack}: {status}", context.deploy_command)
    if status.endswith("_IN_PROGRESS"):
        return warn(f"{stack}: {status}", "another operation is running on it; run this again when it has ended")
    if "ROLLBACK" in status:
        return warn(f"{stack}: {status}; the last deploy was rolled back", context.deploy_command)
    return ok(f"{stack}: {status}")


def _drift(context: Examination, stack: str) -> Finding:
    client = context.client("cloudformation")
    if stack_status(client, stack) in {None, "REVIEW_IN_PROGRESS"}:
        return skip("no stack, no drift")
    try:
        detection = client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    except client.exceptions.ClientError as error:
        if "local cloud cannot detect drift" in str(error):
            return skip("the local cloud cannot detect drift; AWS can")
        raise
    patience = Patience(DRIFT_PATIENCE)
    while True:
        detected = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if detected["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        if not patience.pause():
            return skip(f"the detection took longer than {DRIFT_PATIENCE:g} s; run this again")
    if detected["DetectionStatus"] == "DETECTION_FAILED":
        return warn(
            f"some resources could not be compared: {detected.get('DetectionStatusReason', 'no reason given')}",
            f"grant what it names to the role you use; shown by aws cloudformation "
            f"describe-stack-resource-drifts --stack-name {stack}",
        )
    if detected["StackDriftStatus"] == "IN_SYNC":
        return ok("as in the template")
    return warn(
        f"changed by hand: {', '.join(_drifted(client, stack)) or 'see its drifts'}", revert_drift(context, stack)
    )


def _drifted(client: Any, stack: str) -> list[str]:
    answer = client.describe_stack_resource_drifts(
        StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
    )
    return [
        f"{drift['LogicalResourceId']} {drift['StackResourceDriftStatus']}" for drift in answer["StackResourceDrifts"]
    ]
