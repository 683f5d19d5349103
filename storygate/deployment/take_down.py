"""`destroy`: takes a stage down. Bucket, table and secret stay, unless --purge says otherwise."""

import argparse
from pathlib import Path
from typing import Any

from storygate.deployment.functions import delete_functions
from storygate.deployment.stacks import delete_stack
from storygate.stage.aws import Aws, of_environment
from storygate.stage.config import Stage, find_project, load_stage
from storygate.support.errors import OperatorError, error_code
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "destroy",
        help="take a stage down",
        description="Takes a stage down. Bucket, table and secret are kept, and a later deploy takes them up again.",
        epilog="Example: python -m storygate destroy --stage dev --purge",
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as dev")
    parser.add_argument(
        "--purge", action="store_true", help="also delete bucket (all versions), table, secret and logs, for good"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: asks, then destroys."""
    project, aws = find_project(), of_environment()
    stage = load_stage(project, args.stage, aws.region)
    if not args.yes:
        confirm(stage, args.purge, aws, terminal)
    destroy(project, stage, aws, terminal, purge=args.purge)
    return 0


def destroy(project: Path, stage: Stage, aws: Aws, terminal: Terminal, *, purge: bool = False) -> None:
    """Takes the stage down in the reverse order of `deploy`; what is gone already is passed over.

    Runs that still wait end with their state machine. Raises OperatorError for what the operator must mend.
    """
    cloudformation = aws.client("cloudformation")
    terminal.step(f"workflow of stage {stage.name}")
    if not delete_stack(cloudformation, stage.workflow_stack, terminal):
        terminal.detail(f"stack {stage.workflow_stack}: not there")
    terminal.step("functions and REST API")
    if not delete_functions(project, stage, aws, terminal):
        terminal.detail("functions: not there")
    terminal.step("storage")
    if not delete_stack(cloudformation, stage.storage_stack, terminal):
        terminal.detail(f"stack {stage.storage_stack}: not there")
    if purge:
        _purge(stage, aws, terminal)
        terminal.done(f"stage {stage.name}: nothing of it is left")
        return
    terminal.done(f"stage {stage.name}: taken down")
    terminal.say(
        f"Kept: bucket {stage.bucket}, table {stage.table}, secret {stage.secret}, the logs of functions and API."
    )
    terminal.say(f"To remove them too: python -m storygate destroy --stage {stage.name} --purge")


def confirm(stage: Stage, purge: bool, aws: Aws, terminal: Terminal) -> None:
    """Has the operator type the stage's name; without a terminal only a plain destroy goes on unasked.

    Raises OperatorError for another answer, or for a purge that nobody can be asked about.
    """
    if not terminal.interactive:
        if purge:
            raise OperatorError(
                "--purge deletes data, and there is no terminal to ask on.", "Add --yes if you mean it."
            )
        return
    loss = "ALL its inputs, results, verdicts and tokens" if purge else "its workflow and API; data is kept"
    where = aws.endpoint_url or f"account {aws.client('sts').get_caller_identity()['Account']}, {stage.region}"
    terminal.warn(f"this deletes stage {stage.name} in {where}: {loss}; runs that wait end with it")
    if terminal.ask(f"Type the stage's name to go on ({stage.name}): ") != stage.name:
        raise OperatorError("Not confirmed; nothing was deleted.", f"Type {stage.name}, or add --yes.")


def _purge(stage: Stage, aws: Aws, terminal: Terminal) -> None:
    terminal.step("data, secret and logs")
    _delete_bucket(aws.client("s3"), stage.bucket, terminal)
    _delete_table(aws.client("dynamodb"), stage.table, terminal)
    _delete_secret(aws.client("secretsmanager"), stage.secret, terminal)
    logs = aws.client("logs")
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
    try:
        dynamodb.delete_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        terminal.detail(f"table {table}: not there")
        return
    except dynamodb.exceptions.ResourceInUseException:
        pass  # an earlier run began to delete it
    with terminal.waiting(f"table {table}"):
        dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 2, "MaxAttempts": 150})
    terminal.detail(f"table {table}: deleted")


def _delete_secret(client: Any, name: str, terminal: Terminal) -> None:
    """Deletes the secret without a recovery window. AWS accepts this for a secret that does not exist, too."""
    try:
        client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        terminal.detail(f"secret {name}: not there")
        return
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    terminal.detail(f"secret {name}: deleted, cannot be restored")
