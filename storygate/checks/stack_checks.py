"""Names, account, and the two stacks: do they stand, and is what they made still what they made?"""

import shlex
from typing import Any

from storygate.checks.finding import Finding, Site, check, fail, ok, skip, warn
from storygate.deployment.gateway import read_settings
from storygate.deployment.preflight import check_access
from storygate.deployment.stacks import DEAD, stack_status
from storygate.support.patience import Patience

DRIFT_PATIENCE = 60.0  # seconds for the drift of one stack; usual is ten to thirty


@check("names", "the right stage of the right account; and alarms and logs must not mix two stages")
def names(site: Site) -> Finding:
    """Where this is, and whether the names are the stage's own."""
    stage = site.stage
    check_access(stage, site.aws)
    apis = site.client("apigateway").get_paginator("get_rest_apis").paginate()
    namesakes = [
        api["id"]
        for page in apis
        for api in page["items"]
        if api["name"] == stage.app_name and api["id"] != site.api and read_settings(api["id"], stage, site.aws)
    ]
    if namesakes:
        return warn(
            f"REST API {namesakes[0]} has this one's name and stage, so their alarms and metrics are one "
            f"({stage.app_name}, {stage.api_gateway_stage})",
            f"give each stage of config.json an api_gateway_stage of its own (its URL changes), then {site.deploy}; "
            f"or, if it is a leftover, aws apigateway delete-rest-api --rest-api-id {namesakes[0]}",
        )
    return ok(f"account {site.account}, {stage.region}: bucket {stage.bucket}, state machine {stage.state_machine}")


@check("storage stack", "without its stack, changes of statemachine/storage.yaml do not reach bucket and table")
def storage_stack(site: Site) -> Finding:
    """The stack of bucket and table; one that `destroy` left behind them is only a warning."""
    return _stands(site, site.stage.storage_stack) or warn(
        "no stack manages bucket and table; they were kept by an earlier destroy and are used as they are",
        "nothing to run tonight; the checks below tell whether bucket and table are still as they should be",
    )


@check("workflow stack", "it holds the state machine, connections, alarms and the on-failure queue")
def workflow_stack(site: Site) -> Finding:
    """The stack of the state machine."""
    return _stands(site, site.stage.workflow_stack) or fail("there is no such stack", site.deploy)


@check("storage drift", "somebody changed bucket or table by hand")
def storage_drift(site: Site) -> Finding:
    """What differs from storage.yaml."""
    return _drift(site, site.stage.storage_stack)


@check("workflow drift", "somebody changed the workflow's parts by hand; the next deploy may undo or break it")
def workflow_drift(site: Site) -> Finding:
    """What differs from workflow.yaml."""
    return _drift(site, site.stage.workflow_stack)


def revert_drift(site: Site, stack: str) -> str:
    """The commands that bring a stack's resources back to its template, those that are gone included.

    CloudFormation user guide, "Using drift-aware change sets". Every parameter keeps its value.
    """
    described = site.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    keep = [f"ParameterKey={given['ParameterKey']},UsePreviousValue=true" for given in described.get("Parameters", [])]
    change = ["--stack-name", stack, "--change-set-name", "revert-drift"]
    cloudformation = ["aws", "cloudformation"]
    create = [*cloudformation, "create-change-set", *change, "--use-previous-template", "--parameters", *keep]
    create += ["--deployment-mode", "REVERT_DRIFT", "--capabilities", "CAPABILITY_IAM"]
    wait = [*cloudformation, "wait", "change-set-create-complete", *change]
    return " && ".join(map(shlex.join, (create, wait, [*cloudformation, "execute-change-set", *change])))


def _stands(site: Site, stack: str) -> Finding | None:
    status = stack_status(site.client("cloudformation"), stack)
    if status is None or status == "REVIEW_IN_PROGRESS":
        return None
    if status in DEAD or "FAILED" in status:
        return fail(f"{stack}: {status}", site.deploy)
    if status.endswith("_IN_PROGRESS"):
        return warn(f"{stack}: {status}", "somebody is at work on it; run this again when that is over")
    if "ROLLBACK" in status:
        return warn(f"{stack}: {status}; the last deploy was undone", site.deploy)
    return ok(f"{stack}: {status}")


def _drift(site: Site, stack: str) -> Finding:
    client = site.client("cloudformation")
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
        told = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if told["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        if not patience.pause():
            return skip(f"the detection took longer than {DRIFT_PATIENCE:g} s; run this again")
    if told["DetectionStatus"] == "DETECTION_FAILED":
        return warn(
            f"not all could be compared: {told.get('DetectionStatusReason', 'no reason given')}",
            f"grant what it names to the role you look with; shown by aws cloudformation "
            f"describe-stack-resource-drifts --stack-name {stack}",
        )
    if told["StackDriftStatus"] == "IN_SYNC":
        return ok("as the template says")
    return warn(f"changed by hand: {', '.join(_drifted(client, stack)) or 'see its drifts'}", revert_drift(site, stack))


def _drifted(client: Any, stack: str) -> list[str]:
    answer = client.describe_stack_resource_drifts(
        StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
    )
    return [
        f"{drift['LogicalResourceId']} {drift['StackResourceDriftStatus']}" for drift in answer["StackResourceDrifts"]
    ]
