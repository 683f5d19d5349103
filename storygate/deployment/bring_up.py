"""`deploy`: brings a stage up, or up to date; the same code for AWS and for the local cloud.

Storage stack, secret, functions (Chalice), workflow stack: each step finds what stands already and goes on from there,
so a run that was interrupted anywhere is continued by running it again.
"""

import argparse
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storygate.deployment import preflight
from storygate.deployment.functions import api_url, deploy_functions, rest_api_id
from storygate.deployment.gateway import read_settings, set_up
from storygate.deployment.machine_versions import Versions, told
from storygate.deployment.stacks import DEAD, PATIENCE, delete_stack, deploy_stack, settled_status
from storygate.deployment.stage_secret import ensure_secret
from storygate.runs.executions import Runs
from storygate.stage.aws import Aws, of_environment
from storygate.stage.config import (
    CONFIG,
    STORAGE_TEMPLATE,
    WORKFLOW_TEMPLATE,
    Stage,
    find_project,
    load_stage,
)
from storygate.stage.definition import definition_json
from storygate.support.errors import OperatorError, error_code
from storygate.support.terminal import Terminal

APIS = ("Validation", "Deployment", "Notification")
KEYS = {"story": "HASH", "entry": "RANGE"}
CONNECTION_PATIENCE = 120.0  # seconds for EventBridge to authorize a connection; usual is one or two


@dataclass(frozen=True)
class Deployment:
    """What now runs."""

    stage: Stage
    api_url: str
    changed: bool

    @property
    def callback_url(self) -> str:
        """Where Jira's webhook goes."""
        return f"{self.api_url}/jira/callback"


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "deploy",
        help="bring a stage up, or up to date",
        description="Brings a stage up, or up to date. Run it again at any time: it changes only what differs.",
        epilog="Example: AWS_PROFILE=dev python -m storygate deploy --stage dev",
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as dev")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: deploys and says what to do with it."""
    project, aws = find_project(), of_environment()
    deployment = deploy(project, args.stage, aws, terminal)
    describe(deployment, terminal)
    return 0


def deploy(project: Path, stage_name: str, aws: Aws, terminal: Terminal) -> Deployment:
    """Deploys the stage and returns what now runs; `changed` is False if all of it stood already.

    Raises OperatorError for what the operator must mend; botocore errors pass through (`errors.explain`).
    """
    stage = load_stage(project, stage_name, aws.region)
    definition = definition_json(project).encode()
    terminal.step(f"storage of stage {stage.name}")
    preflight.check(project, stage, aws)
    changed = _deploy_storage(project, stage, aws, terminal)
    terminal.step("secret")
    version = ensure_secret(aws.client("secretsmanager"), stage.secret, terminal)
    terminal.step("functions and REST API")
    before = read_settings(rest_api_id(project, stage, aws), stage, aws)
    changed = deploy_functions(project, stage, aws, terminal) or changed
    api, url = rest_api_id(project, stage, aws), api_url(project, stage, aws)
    if not api or not url:
        raise OperatorError("Chalice deployed, but there is no REST API.", "Run this again; it makes a new one.")
    set_up(api, stage, aws, terminal)
    changed = read_settings(api, stage, aws) != before or changed
    terminal.step("workflow")
    changed = _deploy_workflow(project, stage, aws, definition, version, url, terminal) or changed
    return Deployment(stage, url, changed)


def describe(deployment: Deployment, terminal: Terminal) -> None:
    """Says what the deployment is good for: where Jira calls, where inputs go, how to read the callback's secret."""
    stage = deployment.stage
    terminal.done(f"stage {stage.name}: {'deployed' if deployment.changed else 'up to date, nothing changed'}")
    terminal.say()
    terminal.say("Jira's webhook goes to")
    terminal.say(f"  {deployment.callback_url}")
    terminal.say("Its secret is the field `callback` of")
    terminal.say(f"  aws secretsmanager get-secret-value --secret-id {stage.secret} --query SecretString --output text")
    terminal.say("Start a run by dropping an input")
    terminal.say(f"  aws s3 cp samples/approved.json s3://{stage.bucket}/inputs/")
    terminal.say("and read what became of it")
    terminal.say(f"  aws s3 ls --recursive s3://{stage.bucket}/outputs/")


def _deploy_storage(project: Path, stage: Stage, aws: Aws, terminal: Terminal) -> bool:
    """The storage stack; returns whether anything changed.

    Bucket and table outlive their stack (`destroy` without --purge), and creating the stack over them would fail. So
    if both stand without a stack, they are checked for what storygate needs of them and used as they are; later
    changes of storage.yaml do not reach them, and each deploy says so. Why not take them back into a stack:
    CloudFormation's automatic import refuses names given by `!Ref` (user guide, "Import AWS resources into a
    CloudFormation stack automatically"), and a change set of type IMPORT is what the local cloud cannot do: a step that
    is never rehearsed is not one to meet at night.
    """
    cloudformation = aws.client("cloudformation")
    deadline = time.monotonic() + PATIENCE
    status = settled_status(cloudformation, stage.storage_stack, terminal, deadline)
    if status in DEAD:
        # What a failed creation made is retained as well, and must be looked at like any other leftover.
        terminal.detail(f"stack {stage.storage_stack}: {status} from an earlier attempt, deleting it first")
        delete_stack(cloudformation, stage.storage_stack, terminal)
        status = None
    if status in {None, "REVIEW_IN_PROGRESS"} and is_kept(stage, aws):
        terminal.warn(
            f"bucket {stage.bucket} and table {stage.table}: kept from before, used as they are; "
            f"no stack manages them, so changes of {STORAGE_TEMPLATE} do not reach them"
        )
        return False
    return deploy_stack(
        cloudformation,
        stage.storage_stack,
        (project / STORAGE_TEMPLATE).read_text(encoding="utf-8"),
        {"BucketName": stage.bucket, "TableName": stage.table},
        terminal,
    )


def is_kept(stage: Stage, aws: Aws) -> bool:
    """Whether bucket and table stand without a stack, fit for use. Raises OperatorError for one alone, or a misfit."""
    s3, dynamodb = aws.client("s3"), aws.client("dynamodb")
    try:
        versioning: str | None = s3.get_bucket_versioning(Bucket=stage.bucket).get("Status", "Disabled")
    except s3.exceptions.ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise
        versioning = None
    try:
        table = dynamodb.describe_table(TableName=stage.table)["Table"]
        keys: dict[str, str] | None = {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]}
    except dynamodb.exceptions.ResourceNotFoundException:
        keys = None
    if versioning is None and keys is None:
        return False
    if keys is None:
        raise OperatorError(
            f"Bucket {stage.bucket} exists without a stack, and table {stage.table} does not.",
            f"If it is an empty leftover, remove it with `aws s3 rb s3://{stage.bucket}`; else give STORYGATE_BUCKET "
            f"in {CONFIG} another name.",
        )
    if versioning is None:
        raise OperatorError(
            f"Table {stage.table} exists without a stack, and bucket {stage.bucket} does not.",
            f"If it is a leftover, remove it with `aws dynamodb delete-table --table-name {stage.table}`; else give "
            f"STORYGATE_TABLE in {CONFIG} another name.",
        )
    if keys != KEYS:
        raise OperatorError(
            f"Table {stage.table} exists, but it is not storygate's: its keys are {', '.join(keys)}.",
            f"Give STORYGATE_TABLE in {CONFIG} another name.",
        )
    if versioning != "Enabled":
        raise OperatorError(
            f"Bucket {stage.bucket} exists, but keeps no versions; a run could read a later upload than its own.",
            f"Run `aws s3api put-bucket-versioning --bucket {stage.bucket} --versioning-configuration Status=Enabled`, "
            f"or give STORYGATE_BUCKET in {CONFIG} another name.",
        )
    return True


def _deploy_workflow(
    project: Path, stage: Stage, aws: Aws, definition: bytes, version: str, url: str, terminal: Terminal
) -> bool:
    key = f"definitions/{hashlib.sha256(definition).hexdigest()[:16]}.asl.json"
    _upload(aws.client("s3"), stage.bucket, key, definition)
    client = aws.client("stepfunctions")
    versions = Versions(Runs(stage, client, aws.client("sts").get_caller_identity()), client)
    before = versions.live()
    mocks = {f"{api}Url": f"{url}/mock/{api.lower()}" for api in APIS}
    changed = deploy_stack(
        aws.client("cloudformation"),
        stage.workflow_stack,
        (project / WORKFLOW_TEMPLATE).read_text(encoding="utf-8"),
        {
            **mocks,
            **stage.workflow_parameters,
            "StateMachineName": stage.state_machine,
            "BucketName": stage.bucket,
            "TableName": stage.table,
            "SecretName": stage.secret,
            "SecretVersion": version,
            "DefinitionKey": key,
            "FunctionPrefix": stage.api_function,
            "ApiName": stage.app_name,
            "ApiStage": stage.api_gateway_stage,
        },
        terminal,
        capabilities=["CAPABILITY_IAM"],
    )
    await_connections(stage, aws)
    live = versions.live()
    if live and live != before:
        terminal.done(f"workflow: version {live} is live, drops start it from now on")
        if kept := told(live, *versions.under_way()):
            terminal.detail(kept)
    return changed


def _upload(s3: Any, bucket: str, key: str, body: bytes) -> None:
    """Uploads the definition under the digest of its content: a key that exists holds the same bytes."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error_code(error) not in {"404", "NoSuchKey", "NotFound"}:
            raise
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def await_connections(stage: Stage, aws: Aws) -> None:
    """Waits until EventBridge has authorized the stack's connections; an HTTP Task fails before that."""
    events = aws.client("events")
    deadline = time.monotonic() + CONNECTION_PATIENCE
    while True:
        # The API takes a name's beginning, which another stage's name may share: `gate` and `gate-validation-2`.
        named = events.list_connections(NamePrefix=f"{stage.state_machine}-", Limit=100)["Connections"]
        own = {f"{stage.state_machine}-{api.lower()}" for api in APIS}
        states = {entry["Name"]: entry["ConnectionState"] for entry in named if entry["Name"] in own}
        waiting = {name: state for name, state in states.items() if state != "AUTHORIZED"}
        if not waiting:
            return
        if time.monotonic() > deadline:
            name, state = next(iter(waiting.items()))
            raise OperatorError(
                f"Connection {name} is {state}.",
                f"See why with `aws events describe-connection --name {name}`; run this again when it is mended.",
            )
        time.sleep(1)
