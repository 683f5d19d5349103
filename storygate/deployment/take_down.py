"""Take a stage down. Bucket, table and secret are kept unless they are purged."""

from typing import Any

from storygate.deployment.functions import delete_functions
from storygate.deployment.preflight import check_home
from storygate.deployment.stacks import delete_stack
from storygate.deployment.stop_runs import remove_trigger, running, stop_once, stop_runs
from storygate.runs.executions import Run
from storygate.stage.context import Context
from storygate.support.errors import OperatorError, OutOfPatience, error_code
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

NAMED = 3  # runs in the question
TABLE_PATIENCE = 600.0  # seconds until a table is gone


def destroy(context: Context, terminal: Terminal, *, purge: bool = False) -> None:
    """Take the stage down in the reverse order of `deploy`, and skip what no longer exists.

    First the trigger, so that no drop starts a run; then the runs that are under way, which would keep the state
    machine (`stop_runs`). `purge` also deletes bucket, table, secret and logs. Raises OperatorError for what the
    operator must fix, also for another account than that of the last deployment from here.
    """
    cloudformation, stage = context.client("cloudformation"), context.stage
    check_home(context)
    terminal.step(f"trigger and runs of stage {stage.name}")
    terminal.detail("trigger: removed" if remove_trigger(context) else "trigger: not there")
    stopped = stop_runs(context, terminal)
    terminal.detail(f"runs: {f'{stopped} stopped' if stopped else 'none is under way'}")
    terminal.step("workflow")
    # A run that a held-back event or a person starts now would keep the machine for good.
    if not delete_stack(cloudformation, stage.workflow_stack, terminal, meanwhile=lambda: stop_once(context)):
        terminal.detail(f"stack {stage.workflow_stack}: not there")
    terminal.step("functions and REST API")
    if not delete_functions(context, terminal):
        terminal.detail("functions: not there")
    terminal.step("storage")
    if not delete_stack(cloudformation, stage.storage_stack, terminal):
        terminal.detail(f"stack {stage.storage_stack}: not there")
    if purge:
        _purge(context, terminal)
        terminal.done(f"stage {stage.name}: deleted with all its data")
        return
    terminal.done(f"stage {stage.name}: taken down")
    terminal.say(
        f"Kept: bucket {stage.bucket}, table {stage.table}, secret {stage.secret}, the logs of functions and API."
    )
    terminal.say(f"To remove them too: {stage.command('destroy')} --purge")


def confirm(context: Context, terminal: Terminal, *, purge: bool) -> None:
    """Ask the operator to type the stage's name, and say what is lost and how many runs are stopped.

    Raises OperatorError for another answer, without a terminal, and for another account than that of the last
    deployment from here.
    """
    stage = context.stage
    loss = "ALL its inputs, results, verdicts and tokens" if purge else "its workflow and API; data is kept"
    if not terminal.interactive:
        raise OperatorError(
            f"This deletes stage {stage.name}, {loss}; its runs are stopped, and there is no terminal to ask on.",
            "Add --yes if you mean it.",
        )
    check_home(context)
    where = context.aws.endpoint_url or f"account {context.account}, {context.region}"
    terminal.warn(f"this deletes stage {stage.name} in {where}: {loss}; {_stopped(running(context))}")
    terminal.confirm(stage.name, "nothing was deleted")


def _stopped(left: list[Run]) -> str:
    """Name the runs that the deletion stops: `2 runs are stopped and write no result: a, b`."""
    if not left:
        return "no run is under way"
    named = ", ".join(run.name for run in left[:NAMED]) + (", …" if len(left) > NAMED else "")
    runs = "1 run is stopped and writes" if len(left) == 1 else f"{len(left)} runs are stopped and write"
    return f"{runs} no result: {named}"


def _purge(context: Context, terminal: Terminal) -> None:
    stage = context.stage
    terminal.step("data, secret and logs")
    _delete_bucket(context.client("s3"), stage.bucket, terminal)
    _delete_table(context.client("dynamodb"), stage.table, terminal)
    for secret in (stage.secret, stage.jira_secret):
        _delete_secret(context.client("secretsmanager"), secret, terminal)
    logs = context.client("logs")
    for group in (*stage.log_groups, stage.access_log_group):
        try:
            logs.delete_log_group(logGroupName=group)
            terminal.detail(f"log group {group}: deleted")
        except logs.exceptions.ResourceNotFoundException:
            continue


def _delete_bucket(s3: Any, bucket: str, terminal: Terminal) -> None:
    try:
        # Pages hold at most 1,000 entries, which is also what one DeleteObjects takes (S3 API reference).
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])
            ]
            if not found:
                continue
            errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True}).get("Errors", [])
            if errors:
                raise OperatorError(
                    f"{errors[0]['Key']} in bucket {bucket} cannot be deleted: {errors[0]['Message']}",
                    "Grant s3:DeleteObjectVersion on it, then run this again.",
                )
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise
        terminal.detail(f"bucket {bucket}: not there")
        return
    terminal.detail(f"bucket {bucket}: emptied of all versions and deleted")


def _delete_table(dynamodb: Any, table: str, terminal: Terminal) -> None:
    """Lift the table's protection, then delete it. A call that changes it needs the table ACTIVE (API reference)."""
    bound = Patience(TABLE_PATIENCE)
    with terminal.waiting(f"table {table}"):
        lifted = deleting = False
        while described := _described(dynamodb, table):
            status, protected = described["TableStatus"], described.get("DeletionProtectionEnabled", False)
            if status == "ACTIVE" and protected and not lifted:
                dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
                lifted = True
            elif status == "ACTIVE" and not protected and not deleting:
                dynamodb.delete_table(TableName=table)
                deleting = True
            deleting = deleting or status == "DELETING"  # an earlier run began to delete it
            if not bound.pause():
                raise OutOfPatience(
                    f"Table {table} is {described['TableStatus']} after {bound.seconds:g} s.",
                    "Run this again; it continues where it stopped.",
                )
    if not (lifted or deleting):
        terminal.detail(f"table {table}: not there")
        return
    terminal.detail(f"table {table}: {'protection lifted, ' if lifted else ''}deleted")


def _described(dynamodb: Any, table: str) -> Any:
    """The table's description; None if there is no such table."""
    try:
        return dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None


def _delete_secret(client: Any, name: str, terminal: Terminal) -> None:
    """Delete the secret without a recovery window. AWS accepts this also for a secret that does not exist."""
    try:
        client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        terminal.detail(f"secret {name}: not there")
        return
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    terminal.detail(f"secret {name}: deleted, cannot be restored")
