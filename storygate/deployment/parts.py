"""What `deploy` makes of a stage, part by part, and which parts are not there."""

from collections.abc import Callable
from functools import partial

from storygate.deployment.functions import rest_api_id
from storygate.deployment.stacks import DEAD, stack_status
from storygate.stage.context import Context
from storygate.support.errors import AWS_ERRORS, error_code

ABSENT = {"404", "NoSuchBucket", "ResourceNotFoundException", "NotFoundException"}


def missing_parts(context: Context) -> list[str]:
    """Return the parts of a stage that do not exist, in the order in which `deploy` makes them; empty if it is whole.

    A part that the caller may not look at counts as there.
    """
    stage, client = context.stage, context.client
    parts: dict[str, Callable[[], object]] = {
        f"bucket {stage.bucket}": lambda: client("s3").head_bucket(Bucket=stage.bucket),
        f"table {stage.table}": lambda: client("dynamodb").describe_table(TableName=stage.table),
        f"secret {stage.secret}": lambda: client("secretsmanager").describe_secret(SecretId=stage.secret),
        **{f"function {name}": partial(_function, context, name) for name in stage.lambda_names.values()},
        "the REST API": lambda: rest_api_id(context),
        f"stack {stage.workflow_stack}": lambda: _is_made(context, stage.workflow_stack),
    }
    return [name for name, look in parts.items() if not _exists(look)]


def _function(context: Context, name: str) -> object:
    return context.client("lambda").get_function_configuration(FunctionName=name)


def _is_made(context: Context, stack: str) -> bool:
    return stack_status(context.client("cloudformation"), stack) not in {None, "REVIEW_IN_PROGRESS", *DEAD}


def _exists(look: Callable[[], object]) -> bool:
    try:
        return bool(look())
    except AWS_ERRORS as error:
        return error_code(error) not in ABSENT
