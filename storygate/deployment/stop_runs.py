"""Stop the runs of a stage before its state machine is deleted, so that the deletion can end.

DeleteStateMachine only sets the status DELETING. The machine is gone when all of its executions are over, and each ends
at its next state transition: a run that waits for its story makes none, and keeps the machine for up to a year (API
reference, DeleteStateMachine; re:Post, step-functions-stuck-deleting-status).
"""

from typing import Any

from storygate.runs.executions import RUNNING, Run, Runs
from storygate.stage.context import Context
from storygate.support.errors import AWS_ERRORS, THROTTLED, OperatorError, OutOfPatience, error_code
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

DELETING = "DELETING"
PATIENCE = 300.0  # seconds without any run ending; StopExecution takes 25 calls a second and more (service quotas)


def machine_status(context: Context) -> str | None:
    """Return the status of the stage's state machine, `ACTIVE` or `DELETING`; None if there is none."""
    client = context.client("stepfunctions")
    try:
        return str(client.describe_state_machine(stateMachineArn=context.machine_arn)["status"])
    except client.exceptions.StateMachineDoesNotExist:
        return None


def running(context: Context) -> list[Run]:
    """Return the stage's running executions, newest first; empty without a state machine."""
    try:
        return list(Runs(context).latest(RUNNING, page=1000))
    except OperatorError:  # `latest` raises it for a state machine that does not exist
        return []


def remove_trigger(context: Context) -> bool:
    """Stop the bucket's events to the trigger, so that no drop starts a run; return whether there were any.

    The bucket's other notifications stay. PutBucketNotificationConfiguration replaces all of them, so they are read
    first (S3 API reference).
    """
    s3, bucket = context.client("s3"), context.stage.bucket
    try:
        configured = s3.get_bucket_notification_configuration(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return False
    functions: list[Any] = configured.get("LambdaFunctionConfigurations", [])
    trigger = context.arn("lambda", f"function:{context.stage.trigger}")
    others = [entry for entry in functions if entry["LambdaFunctionArn"] != trigger]
    if others == functions:
        return False
    kept = {name: value for name, value in configured.items() if name.endswith(("Configurations", "Configuration"))}
    kept["LambdaFunctionConfigurations"] = others
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=kept, SkipDestinationValidation=True
    )
    return True


def stop_runs(context: Context, terminal: Terminal, *, patience: float = PATIENCE) -> int:
    """Stop every running execution and wait until none runs; return how many were stopped.

    Runs that start meanwhile, by events that Lambda still held, are stopped as well. A stopped run writes no result.
    Raises OutOfPatience if none ended for `patience` seconds.
    """
    stopped, bound, fewest = set[str](), Patience(patience), None
    with terminal.waiting("runs that end"):
        while left := stop_once(context):
            news = fewest is None or len(left) < fewest
            if news:
                fewest, bound = len(left), Patience(patience)
            stopped |= {run.arn for run in left}
            if not bound.pause(news=news):
                raise OutOfPatience(
                    f"{len(left)} runs of stage {context.stage.name} still run; none ended for {patience:g} s.",
                    "Run this again; it goes on with those that are left.",
                )
    return len(stopped)


def stop_once(context: Context) -> list[Run]:
    """Ask every running execution to stop; return those that ran.

    If AWS limits the rate of these calls, the rest is left to the next time.
    """
    runs, left = Runs(context), running(context)
    try:
        for run in left:
            runs.stop(run.arn, f"stage destroyed by {context.who}")
    except AWS_ERRORS as error:
        if error_code(error) not in THROTTLED:
            raise
    return left
