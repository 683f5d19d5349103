"""Bring a stage up, or up to date: the same code for AWS and for the local cloud.

Storage stack, secret, functions (by Chalice), workflow stack: each step looks at what exists and changes only what
differs, so an interrupted deploy continues when it is run again.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from chalicelib.apis import APIS
from storygate.deployment.connections import await_connections, url_parameter
from storygate.deployment.functions import api_url, deploy_functions, rest_api_id
from storygate.deployment.gateway import apply_settings, read_settings
from storygate.deployment.kept_storage import is_kept, update_table
from storygate.deployment.machine_versions import MachineVersions, older_runs_line
from storygate.deployment.preflight import check_before_deploy
from storygate.deployment.production import warnings_before_deploy
from storygate.deployment.stacks import DEAD, PATIENCE, delete_stack, deploy_stack, settled_status
from storygate.deployment.stage_secret import ensure_secret
from storygate.stage.config import STORAGE_TEMPLATE, WORKFLOW_TEMPLATE, Stage
from storygate.stage.context import Context
from storygate.stage.definition import definition_json
from storygate.support.errors import OperatorError, error_code
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal


@dataclass(frozen=True)
class Deployment:
    """A stage that is deployed now. `changed` is False if nothing had to be changed."""

    stage: Stage
    api_url: str
    changed: bool

    @property
    def callback_url(self) -> str:
        """The URL for Jira's webhook."""
        return f"{self.api_url}/jira/callback"


def deploy(context: Context, terminal: Terminal) -> Deployment:
    """Deploy the stage.

    Raises OperatorError for what the operator must fix; botocore errors pass through (`errors.explain`).
    """
    stage = context.stage
    definition = definition_json(context.project).encode()
    terminal.step(f"checks before anything of stage {stage.name} changes")
    check_before_deploy(context)
    for warning in warnings_before_deploy(stage):
        terminal.warn(warning)
    terminal.step("storage")
    changed = _deploy_storage(context, terminal)
    terminal.step("secret")
    secret_version = ensure_secret(context.client("secretsmanager"), stage.secret, terminal)
    terminal.step("functions and REST API")
    before = read_settings(context, rest_api_id(context))
    changed = deploy_functions(context, terminal) or changed
    api, url = rest_api_id(context), api_url(context)
    if not api or not url:
        raise OperatorError("Chalice deployed, but there is no REST API.", "Run this again; it makes a new one.")
    apply_settings(context, api, terminal)
    changed = read_settings(context, api) != before or changed
    terminal.step("workflow")
    changed = _deploy_workflow(context, definition, secret_version, url, terminal) or changed
    return Deployment(stage, url, changed)


def _deploy_storage(context: Context, terminal: Terminal) -> bool:
    """Deploy the storage stack; return whether anything changed.

    If an earlier `destroy` kept the bucket and the table, a new stack over them would fail. They are then checked and
    used without a stack: `update_table` gives the table its index and protection, and each deploy says that other
    changes of storage.yaml do not reach them. Why they are not taken back into a stack: CloudFormation's automatic
    import refuses names given by `!Ref` (user guide, "Import AWS resources into a CloudFormation stack automatically"),
    and the local cloud cannot play a change set of type IMPORT, so that step could never be rehearsed.
    """
    cloudformation, stage = context.client("cloudformation"), context.stage
    status = settled_status(cloudformation, stage.storage_stack, terminal, Patience(PATIENCE))
    if status in DEAD:
        # The failed creation may have made the bucket or the table, which then outlive their stack as well.
        terminal.detail(f"stack {stage.storage_stack}: {status} from an earlier attempt, deleting it first")
        delete_stack(cloudformation, stage.storage_stack, terminal)
        status = None
    if status in {None, "REVIEW_IN_PROGRESS"} and is_kept(context):
        terminal.warn(
            f"bucket {stage.bucket} and table {stage.table}: kept from before and used without a stack; changes of "
            f"{STORAGE_TEMPLATE} do not reach them, but for the table's index and protection"
        )
        return update_table(context.client("dynamodb"), stage.table, terminal)
    return deploy_stack(
        cloudformation,
        stage.storage_stack,
        (context.project / STORAGE_TEMPLATE).read_text(encoding="utf-8"),
        {"BucketName": stage.bucket, "TableName": stage.table},
        terminal,
    )


def _deploy_workflow(context: Context, definition: bytes, secret_version: str, url: str, terminal: Terminal) -> bool:
    """Deploy the workflow stack and wait for its connections; return whether the stack changed.

    `url` is that of the REST API, whose mocks are called where config.json names no real API.
    """
    stage, versions = context.stage, MachineVersions(context)
    key = f"definitions/{hashlib.sha256(definition).hexdigest()[:16]}.asl.json"
    _upload(context.client("s3"), stage.bucket, key, definition)
    before = versions.live()
    mocks = {url_parameter(api): f"{url}/mock/{api}" for api in APIS}
    changed = deploy_stack(
        context.client("cloudformation"),
        stage.workflow_stack,
        (context.project / WORKFLOW_TEMPLATE).read_text(encoding="utf-8"),
        {
            **mocks,
            **stage.workflow_parameters,
            "StateMachineName": stage.state_machine,
            "BucketName": stage.bucket,
            "TableName": stage.table,
            "Projects": ",".join(stage.projects),
            "SecretName": stage.secret,
            "SecretVersion": secret_version,
            "DefinitionKey": key,
            "FunctionPrefix": stage.api_function,
            "ApiName": stage.app_name,
            "ApiStage": stage.api_gateway_stage,
        },
        terminal,
        capabilities=["CAPABILITY_IAM"],
    )
    await_connections(context)
    live = versions.live()
    if live and live != before:
        terminal.done(f"workflow: version {live} is live, and every new run uses it")
        if line := older_runs_line(live, *versions.under_way()):
            terminal.detail(line)
    return changed


def _upload(s3: Any, bucket: str, key: str, body: bytes) -> None:
    """Upload the definition under the digest of its content: an existing key holds the same bytes already."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error_code(error) not in {"404", "NoSuchKey", "NotFound"}:
            raise
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
