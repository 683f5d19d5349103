"""From the drop to the wait: the trigger, drops that started no run, and what a run needs."""

import json
import shlex
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.apis import APIS
from chalicelib.drop import PREFIX
from storygate.checks.finding import Examination, Finding, absent, check, fail, ok, warn
from storygate.checks.stack_checks import revert_drift
from storygate.deployment.connections import AUTHORIZED, connection_parameter, stack_connection
from storygate.operations.redrive_drops import messages_in
from storygate.runs.executions import RUNNING, Run, Runs
from storygate.stage.definition import RELEASE
from storygate.support.times import span

LOOKED_AT = 5000  # running executions, newest first; ListExecutions gives 1,000 a page
SHOWN = 3


@check("trigger", "without it a drop starts no run, and no error is shown")
def trigger(context: Examination) -> Finding:
    """The bucket sends events of inputs/ to the trigger."""
    notifications = context.client("s3").get_bucket_notification_configuration(Bucket=context.stage.bucket)
    function = context.arn("lambda", f"function:{context.stage.trigger}")
    for entry in notifications.get("LambdaFunctionConfigurations", []):
        rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
        prefix = next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
        if entry["LambdaFunctionArn"] == function and prefix == PREFIX:
            return ok(f"{PREFIX} starts {context.stage.trigger}")
    return fail(f"the bucket does not send events of {PREFIX} to {context.stage.trigger}", context.deploy_command)


@check("trigger's failures", "an event that fails three times is lost, unless the queue keeps it")
def on_failure(context: Examination) -> Finding:
    """Events on which the trigger fails go to the on-failure queue."""
    client, function = context.client("lambda"), context.stage.trigger
    destination = {"OnFailure": {"Destination": context.queue_arn}}
    put = ["aws", "lambda", "put-function-event-invoke-config", "--function-name", function]
    fix = shlex.join([*put, "--maximum-retry-attempts", "2", "--destination-config", json.dumps(destination)])
    with absent("ResourceNotFoundException", found=f"{function} does not keep the events it fails on", fix=fix):
        config = client.get_function_event_invoke_config(FunctionName=function)
    kept = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "nowhere")
    if kept != context.queue_arn:
        return fail(f"they go to {kept}, not to {context.stage.queue}", fix)
    return ok(f"go to {context.stage.queue}")


@check("drops not started", "each message is an input that was dropped and started no run")
def queue(context: Examination) -> Finding:
    """The on-failure queue is empty."""
    sqs, name = context.client("sqs"), context.stage.queue
    settings = "MessageRetentionPeriod=1209600,SqsManagedSseEnabled=true"  # as in statemachine/workflow.yaml
    make = f"aws sqs create-queue --queue-name {name} --attributes {settings}"
    with absent(
        *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"), found=f"there is no queue {name}", fix=make
    ):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    messages = messages_in(sqs, url)
    if not messages:
        return ok("none")
    keys = _dropped(sqs, url)
    log = f"/aws/lambda/{context.stage.trigger}"
    return fail(
        f"{messages}: {', '.join(keys[:SHOWN]) or 'unreadable'}{', …' if len(keys) > SHOWN else ''}",
        f"fix what aws logs tail {log} --since 1d shows; then {context.stage.command('redrive')}",
    )


@check("run log", "execution data holds the task token, and whoever has that can approve")
def run_log(context: Examination) -> Finding:
    """The state machine logs every event, without execution data."""
    with absent("StateMachineDoesNotExist", found=f"there is no {context.machine_arn}", fix=context.deploy_command):
        logging = (
            context.client("stepfunctions")
            .describe_state_machine(stateMachineArn=context.machine_arn)
            .get("loggingConfiguration", {})
        )
    group = context.arn("logs", f"log-group:{context.stage.run_log_group}:*")
    wanted = {
        "level": "ALL",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }
    update = ["aws", "stepfunctions", "update-state-machine", "--state-machine-arn", context.machine_arn]
    fix = shlex.join([*update, "--logging-configuration", json.dumps(wanted)])
    if logging.get("includeExecutionData"):
        return fail(
            "it holds execution data", f"{fix}; then delete the log group's streams, or limit who may read them"
        )
    if logging.get("level") != "ALL" or logging.get("destinations") != wanted["destinations"]:
        return fail(f"level {logging.get('level', 'OFF')}, not ALL to its log group", fix)
    return ok("every event, no execution data")


@check("connections", "without its connection an API call fails at once; with an old token it is answered 403")
def connections(context: Examination) -> Finding:
    """Each connection is authorized, and those of the stack have the current tokens."""
    stage, events = context.stage, context.client("events")
    foreign = {
        api: arn for api in (*APIS, RELEASE) if (arn := stage.workflow_parameters.get(connection_parameter(api)))
    }
    named = {api: arn.split("/")[1] for api, arn in foreign.items()}
    named |= {api: stack_connection(stage, api) for api in APIS if api not in foreign}
    for api, name in named.items():
        with absent(
            "ResourceNotFoundException",
            found=f"connection {name} is not there",
            fix=f"name another one as {connection_parameter(api)} in config.json"
            if api in foreign
            else revert_drift(context, stage.workflow_stack),
        ):
            state = events.describe_connection(Name=name)["ConnectionState"]
        if state != AUTHORIZED:
            return fail(
                f"connection {name} is {state}",
                f"read the reason: aws events describe-connection --name {name}; "
                + ("ask its owner to fix it" if api in foreign else _renew(context)),
            )
    if not foreign.keys() >= {*APIS} and not _are_current(context):
        return warn("they have the tokens of an older version of the secret", context.deploy_command)
    return ok(", ".join(named.values()))


@check("waiting runs", "a story that is not moved keeps its run open, and at its timeout the run ends red")
def waiting(context: Examination) -> Finding:
    """No run waits longer than `--waiting-days`."""
    runs = islice(Runs(context).latest(RUNNING), LOOKED_AT)
    old = [run for run in runs if context.elapsed(run.started).total_seconds() > context.waiting_days * 86_400]
    if not old:
        return ok(f"none for more than {context.waiting_days} days")
    return warn(
        f"{len(old)} for more than {context.waiting_days} days: "
        + ", ".join(_aged(context, run) for run in old[:SHOWN]),
        f"ask the story's owner: {context.stage.command('list --waiting')}; "
        f"or end the run: {context.stage.command(f'cancel {old[0].name}')}",
    )


def _aged(context: Examination, run: Run) -> str:
    return f"{run.name} ({span(context.elapsed(run.started).total_seconds())})"


def _are_current(context: Examination) -> bool:
    """Whether the stack was deployed with the secret's current version."""
    stack = context.client("cloudformation").describe_stacks(StackName=context.stage.workflow_stack)["Stacks"][0]
    deployed = {given["ParameterKey"]: given["ParameterValue"] for given in stack.get("Parameters", [])}
    stages = context.client("secretsmanager").describe_secret(SecretId=context.stage.secret)["VersionIdsToStages"]
    return "AWSCURRENT" in stages.get(deployed.get("SecretVersion", ""), [])


def _renew(context: Examination) -> str:
    """The commands that put the same values as a new version: only that makes CloudFormation write a token again."""
    secret = f"--secret-id {context.stage.secret}"
    get = f"aws secretsmanager get-secret-value {secret} --query SecretString --output text > secret.json"
    put = f"aws secretsmanager put-secret-value {secret} --secret-string file://secret.json"
    return f"renew its token: {get} && {put}; rm secret.json; {context.deploy_command}"


def _dropped(sqs: Any, url: str) -> list[str]:
    """The keys in up to ten messages; the messages stay in the queue and visible."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    keys: list[str] = []
    for message in answer.get("Messages", []):
        try:
            records = json.loads(message["Body"])["requestPayload"]["Records"]
            keys += [unquote_plus(record["s3"]["object"]["key"]) for record in records]
        except (LookupError, TypeError, ValueError):  # not an event of S3
            continue
    return list(dict.fromkeys(keys))
