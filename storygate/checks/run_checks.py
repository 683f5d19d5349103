"""From the drop to the wait: what starts a run, what becomes of a drop that starts none, and what the run needs."""

import json
import shlex
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from storygate.checks.finding import Finding, Site, absent, check, fail, ok, warn
from storygate.checks.stack_checks import revert_drift
from storygate.runs.executions import RUNNING, Run, Runs
from storygate.support.times import age

APIS = ("Validation", "Deployment", "Notification")
TRIGGER = "start_execution"
INPUTS = "inputs/"
LOOKED_AT = 5000  # running executions, newest first; ListExecutions gives 1,000 a page
SHOWN = 3


@check("trigger", "without it a drop starts nothing, and nobody is told")
def trigger(site: Site) -> Finding:
    """The bucket tells the trigger of what arrives under inputs/."""
    told = site.client("s3").get_bucket_notification_configuration(Bucket=site.stage.bucket)
    function = site.arn("lambda", f"function:{site.stage.lambda_names[TRIGGER]}")
    for entry in told.get("LambdaFunctionConfigurations", []):
        rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
        prefix = next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
        if entry["LambdaFunctionArn"] == function and prefix == INPUTS:
            return ok(f"{INPUTS} wakes {site.stage.lambda_names[TRIGGER]}")
    return fail(f"the bucket does not tell {site.stage.lambda_names[TRIGGER]} of {INPUTS}", site.deploy)


@check("trigger's failures", "an event that fails three times is gone, unless the queue takes it")
def on_failure(site: Site) -> Finding:
    """What the trigger fails on goes to the on-failure queue."""
    client, function = site.client("lambda"), site.stage.lambda_names[TRIGGER]
    destination = {"OnFailure": {"Destination": site.queue}}
    put = ["aws", "lambda", "put-function-event-invoke-config", "--function-name", function]
    fix = shlex.join([*put, "--maximum-retry-attempts", "2", "--destination-config", json.dumps(destination)])
    with absent("ResourceNotFoundException", found=f"{function} keeps none of its failures", fix=fix):
        config = client.get_function_event_invoke_config(FunctionName=function)
    kept = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "nowhere")
    if kept != site.queue:
        return fail(f"they go to {kept}, not to {site.stage.queue}", fix)
    return ok(f"go to {site.stage.queue}")


@check("drops not started", "each message is an input that somebody dropped and that started no run")
def queue(site: Site) -> Finding:
    """The on-failure queue is empty."""
    sqs, name = site.client("sqs"), site.stage.queue
    settings = "MessageRetentionPeriod=1209600,SqsManagedSseEnabled=true"  # as in statemachine/workflow.yaml
    make = f"aws sqs create-queue --queue-name {name} --attributes {settings}"
    with absent(
        *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"), found=f"there is no queue {name}", fix=make
    ):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    messages = sum(int(attributes.get(count, 0)) for count in counts)
    if not messages:
        return ok("none")
    keys = _dropped(sqs, url)
    log = f"/aws/lambda/{site.stage.lambda_names[TRIGGER]}"
    again = " && ".join(
        shlex.join(["aws", "s3", "cp", at, at, "--metadata-directive", "REPLACE"])
        for at in (f"s3://{site.stage.bucket}/{key}" for key in keys)
    )
    return fail(
        f"{messages}: {', '.join(keys[:SHOWN]) or 'unreadable'}{', …' if len(keys) > SHOWN else ''}",
        f"mend what aws logs tail {log} --since 1d shows; drop again: {again or 'aws s3 cp …'}; "
        f"then aws sqs purge-queue --queue-url {url}",
    )


@check("run log", "execution data holds the task token, and with it the power to approve")
def run_log(site: Site) -> Finding:
    """The state machine logs every event, and no execution data."""
    with absent("StateMachineDoesNotExist", found=f"there is no {site.machine}", fix=site.deploy):
        logging = (
            site.client("stepfunctions")
            .describe_state_machine(stateMachineArn=site.machine)
            .get("loggingConfiguration", {})
        )
    group = site.arn("logs", f"log-group:/aws/vendedlogs/states/{site.stage.state_machine}:*")
    wanted = {
        "level": "ALL",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }
    update = ["aws", "stepfunctions", "update-state-machine", "--state-machine-arn", site.machine]
    fix = shlex.join([*update, "--logging-configuration", json.dumps(wanted)])
    if logging.get("includeExecutionData"):
        return fail("it holds execution data", f"{fix}; then end who may read the log group, or delete its streams")
    if logging.get("level") != "ALL" or logging.get("destinations") != wanted["destinations"]:
        return fail(f"level {logging.get('level', 'OFF')}, not ALL to its log group", fix)
    return ok("every event, no execution data")


@check("connections", "an API call fails at once without its connection, and with an old token by 403")
def connections(site: Site) -> Finding:
    """Each connection is authorized, and the stack's own carry the current token."""
    stage, events = site.stage, site.client("events")
    foreign = {api: arn for api in APIS if (arn := stage.workflow_parameters.get(f"{api}ConnectionArn"))}
    named = {api: arn.split("/")[1] for api, arn in foreign.items()}
    named |= {api: f"{stage.state_machine}-{api.lower()}" for api in APIS if api not in foreign}
    for api, name in named.items():
        with absent(
            "ResourceNotFoundException",
            found=f"connection {name} is not there",
            fix=f"name another one as {api}ConnectionArn in config.json"
            if api in foreign
            else revert_drift(site, stage.workflow_stack),
        ):
            state = events.describe_connection(Name=name)["ConnectionState"]
        if state != "AUTHORIZED":
            return fail(
                f"connection {name} is {state}",
                f"see why: aws events describe-connection --name {name}; "
                + ("mend it with who owns it" if api in foreign else _renew(site)),
            )
    if len(foreign) < len(APIS) and not _are_current(site):
        return warn("they carry an older version of the secret", site.deploy)
    return ok(", ".join(named.values()))


@check("waiting runs", "a story that nobody moves holds its deployment back; after its timeout the run ends red")
def waiting(site: Site) -> Finding:
    """No run waits longer than the days asked for."""
    caller = {"Account": site.account, "Arn": f"arn:{site.partition}:sts::{site.account}:caller"}
    runs = islice(Runs(site.stage, site.client("stepfunctions"), caller).latest(RUNNING), LOOKED_AT)
    old = [run for run in runs if site.age(run.started).total_seconds() > site.waiting_days * 86_400]
    if not old:
        return ok(f"none for more than {site.waiting_days} days")
    return warn(
        f"{len(old)} for more than {site.waiting_days} days: " + ", ".join(_aged(site, run) for run in old[:SHOWN]),
        f"ask who owns the story: python -m storygate list --stage {site.stage.name} --waiting; "
        f"or end it: python -m storygate cancel {old[0].name} --stage {site.stage.name}",
    )


def _aged(site: Site, run: Run) -> str:
    return f"{run.name} ({age(site.age(run.started).total_seconds())})"


def _are_current(site: Site) -> bool:
    """Whether the stack was deployed with the secret's current version."""
    stack = site.client("cloudformation").describe_stacks(StackName=site.stage.workflow_stack)["Stacks"][0]
    deployed = {given["ParameterKey"]: given["ParameterValue"] for given in stack.get("Parameters", [])}
    stages = site.client("secretsmanager").describe_secret(SecretId=site.stage.secret)["VersionIdsToStages"]
    return "AWSCURRENT" in stages.get(deployed.get("SecretVersion", ""), [])


def _renew(site: Site) -> str:
    """A new version of the same secret: the one thing that has CloudFormation write a connection's token again."""
    secret = f"--secret-id {site.stage.secret}"
    get = f"aws secretsmanager get-secret-value {secret} --query SecretString --output text > secret.json"
    put = f"aws secretsmanager put-secret-value {secret} --secret-string file://secret.json"
    return f"renew its token: {get} && {put}; rm secret.json; {site.deploy}"


def _dropped(sqs: Any, url: str) -> list[str]:
    """The keys in up to ten messages; they stay in the queue, and visible."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    keys: list[str] = []
    for message in answer.get("Messages", []):
        try:
            records = json.loads(message["Body"])["requestPayload"]["Records"]
            keys += [unquote_plus(record["s3"]["object"]["key"]) for record in records]
        except (LookupError, TypeError, ValueError):  # not a record of Lambda's
            continue
    return list(dict.fromkeys(keys))
