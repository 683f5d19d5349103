"""`doctor` on the local cloud: healthy right after a deploy; each fault is red on its line, and green once mended."""

import dataclasses
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.events.models import events_backends

from localcloud.cloud import REGION, LocalCloud
from storygate.checks import CHECKS, JIRA_CHECKS, Examination
from storygate.deployment.bring_up import deploy
from storygate.deployment.take_down import destroy
from storygate.operations.redrive_drops import redrive_drops
from storygate.stage.aws import isolated
from storygate.stage.context import load_context
from storygate.stage.project_copy import copy_project
from storygate.support.own_command import command_line
from storygate.support.terminal import Terminal
from tests import ROOT
from tests.storygate.commands import aws_cli

NAME = "storygate-local"
TRIGGER = f"{NAME}-start_execution"
BY_NAME = {check.name: check for check in CHECKS}
# docs/operate.md lists them, too.
WARNED_OF_AFTER_A_FIRST_DEPLOY = {"access logs", "alarms notify", "jira token"}
SKIPPED_ON_THE_LOCAL_CLOUD = {"storage drift", "workflow drift", "quotas"}
SKIPPED_BEFORE_JIRA_CONNECT = {"jira webhook", "jira statuses"}
ANYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]}
)


class Ward:
    """One deployed stage, and what the operator does there."""

    def __init__(self, project: Path, cloud: LocalCloud) -> None:
        self.project, self.cloud = project, cloud
        self.aws = isolated(cloud.client, cloud.environment)
        self.deploy()

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def deploy(self) -> Any:
        return deploy(self.context(), Terminal(io.StringIO()))

    def context(self) -> Any:
        """As config.json is now."""
        return load_context(self.project, "local", self.aws)

    def examined(self, **options: Any) -> Any:
        return Examination(self.project, self.context().stage, self.aws, **options)

    def look(self, name: str, **options: Any) -> Any:
        return BY_NAME[name].examine(self.examined(**options))

    def mend(self, finding: Any) -> None:
        """Runs the command that the finding prints."""
        aws_cli.run(finding.fix, self.client)

    def configure(self, **workflow: Any) -> None:
        path = self.project / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["stages"]["local"]["workflow"] = workflow
        path.write_text(json.dumps(config))


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    project = copy_project(ROOT, tmp_path_factory.mktemp("project"))
    with LocalCloud(project) as cloud:
        deployed = Ward(project, cloud)
        cloud.start_api()
        yield deployed


def eventually(what: Any, within: Any = 60.0) -> Any:
    deadline = time.monotonic() + within
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return answer


def test_right_after_a_deploy_nothing_fails_and_scripts_can_read_it(ward: Any) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "storygate", "doctor", "--stage", "local", "--json"],
        cwd=ward.project,
        env={**ward.aws.environment, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout)
    assert told["healthy"]
    assert (told["stage"], told["account"], told["region"]) == ("local", DEFAULT_ACCOUNT_ID, REGION)
    by_status: dict[str, set[str]] = {}
    for finding in told["findings"]:
        by_status.setdefault(finding["status"], set()).add(finding["check"])
    assert by_status["warn"] == WARNED_OF_AFTER_A_FIRST_DEPLOY
    assert by_status["skip"] == SKIPPED_ON_THE_LOCAL_CLOUD | SKIPPED_BEFORE_JIRA_CONNECT
    assert "fail" not in by_status
    assert [finding["check"] for finding in told["findings"]] == [check.name for check in CHECKS]
    secret = json.loads(ward.client("secretsmanager").get_secret_value(SecretId=NAME)["SecretString"])
    assert not [value for value in secret.values() if value in ended.stdout]


def drop_a_block(ward: Any) -> None:
    blocks = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False}
    ward.client("s3").put_public_access_block(Bucket=NAME, PublicAccessBlockConfiguration=blocks)


def grant_instead_of_deny(ward: Any) -> None:
    allow = {"Sid": "TlsOnly", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    statement = {**allow, "Resource": f"arn:aws:s3:::{NAME}/x", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    other = {**statement, "Sid": "Other"}
    policy = {"Version": "2012-10-17", "Statement": [statement, other]}
    ward.client("s3").put_bucket_policy(Bucket=NAME, Policy=json.dumps(policy))


def machine(ward: Any) -> Any:
    return ward.client("stepfunctions").list_state_machines()["stateMachines"][0]["stateMachineArn"]


def log_execution_data(ward: Any) -> None:
    states = ward.client("stepfunctions")
    logging = states.describe_state_machine(stateMachineArn=machine(ward))["loggingConfiguration"]
    states.update_state_machine(
        stateMachineArn=machine(ward), loggingConfiguration={**logging, "includeExecutionData": True}
    )


def stop_tracing_runs(ward: Any) -> None:
    ward.client("stepfunctions").update_state_machine(
        stateMachineArn=machine(ward), tracingConfiguration={"enabled": False}
    )


def raise_a_threshold(ward: Any) -> None:
    alarms = ward.client("cloudwatch")
    (alarm,) = alarms.describe_alarms(AlarmNames=[f"{NAME}-callback-5xx"])["MetricAlarms"]
    kept = ("AlarmName", "Namespace", "MetricName", "Statistic", "Dimensions", "Period", "EvaluationPeriods")
    alarms.put_metric_alarm(
        **{name: alarm[name] for name in kept},
        Threshold=1000,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )


def attach_a_policy(ward: Any) -> None:
    iam = ward.client("iam")
    arn = iam.create_policy(PolicyName="everything", PolicyDocument=ANYTHING)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=TRIGGER, PolicyArn=arn)


@pytest.mark.parametrize(
    ("check", "plant", "told"),
    [
        pytest.param(check, plant, told, id=f"{check}: {told}")
        for check, plant, told in [
            (
                "bucket versions",
                lambda ward: ward.client("s3").put_bucket_versioning(
                    Bucket=NAME, VersioningConfiguration={"Status": "Suspended"}
                ),
                "Suspended",
            ),
            ("bucket encryption", lambda ward: ward.client("s3").delete_bucket_encryption(Bucket=NAME), "none"),
            ("bucket public access", drop_a_block, "BlockPublicPolicy, RestrictPublicBuckets"),
            (
                "bucket public access",
                lambda ward: ward.client("s3").delete_public_access_block(Bucket=NAME),
                "IgnorePublicAcls",
            ),
            ("bucket TLS only", lambda ward: ward.client("s3").delete_bucket_policy(Bucket=NAME), "no statement"),
            ("bucket TLS only", grant_instead_of_deny, "no statement"),
            (
                "table expiry",
                lambda ward: ward.client("dynamodb").update_time_to_live(
                    TableName=NAME, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expiresAt"}
                ),
                "DISABLED",
            ),
            (
                "table recovery",
                lambda ward: ward.client("dynamodb").update_continuous_backups(
                    TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
                ),
                "off",
            ),
            (
                "table protection",
                lambda ward: ward.client("dynamodb").update_table(TableName=NAME, DeletionProtectionEnabled=False),
                "off",
            ),
            (
                "function roles",
                lambda ward: ward.client("iam").put_role_policy(
                    RoleName=TRIGGER, PolicyName="more", PolicyDocument=ANYTHING
                ),
                "another policy, more",
            ),
            ("function roles", attach_a_policy, "everything attached"),
            (
                "trigger's failures",
                lambda ward: ward.client("lambda").delete_function_event_invoke_config(FunctionName=TRIGGER),
                "does not keep the events",
            ),
            (
                "trigger's failures",
                lambda ward: ward.client("lambda").put_function_event_invoke_config(
                    FunctionName=TRIGGER, MaximumRetryAttempts=0
                ),
                "nowhere",
            ),
            (
                "drops not started",
                lambda ward: ward.client("sqs").delete_queue(
                    QueueUrl=ward.client("sqs").get_queue_url(QueueName=f"{NAME}-not-started")["QueueUrl"]
                ),
                "no queue",
            ),
            (
                "event rules",
                lambda ward: ward.client("events").disable_rule(Name=f"{NAME}-sweep-event"),
                "storygate-local-sweep-event is off",
            ),
            (
                "log retention",
                lambda ward: ward.client("logs").delete_retention_policy(logGroupName=f"/aws/vendedlogs/states/{NAME}"),
                "for ever",
            ),
            (
                "log retention",
                lambda ward: ward.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{NAME}"),
                "is not there",
            ),
            (
                "alarms",
                lambda ward: ward.client("cloudwatch").delete_alarms(
                    AlarmNames=[f"{NAME}-runs-faulted", f"{NAME}-drops-not-started"]
                ),
                "runs-faulted (not there)",
            ),
            ("alarms", raise_a_threshold, "callback-5xx (changed)"),
            (
                "alarms",
                lambda ward: ward.client("logs").delete_metric_filter(
                    logGroupName=f"/aws/lambda/{NAME}", filterName=f"{NAME}-refused"
                ),
                "refused (not there)",
            ),
        ]
    ],
)
def test_a_fault_is_red_and_the_command_printed_mends_it(ward: Any, check: Any, plant: Any, told: str) -> None:
    assert ward.look(check).status == "ok"
    plant(ward)
    red = ward.look(check)
    assert (red.status, red.check) == ("fail", check)
    assert told in red.found
    assert red.why
    ward.mend(red)
    assert ward.look(check).status == "ok"


def test_a_policy_that_is_mended_keeps_what_else_it_says(ward: Any) -> None:
    grant_instead_of_deny(ward)
    ward.mend(ward.look("bucket TLS only"))
    policy = json.loads(ward.client("s3").get_bucket_policy(Bucket=NAME)["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["Other", "TlsOnly"]


def test_execution_data_in_the_log_is_red_and_the_command_stops_it(ward: Any) -> None:
    log_execution_data(ward)
    red = ward.look("run log")
    assert red.status == "fail"
    command, _, more = red.fix.partition("; ")
    assert "delete the log group's streams" in more  # what was logged until now is still there
    aws_cli.run(command, ward.client)
    assert ward.look("run log").status == "ok"


def test_untraced_runs_are_reported_and_the_command_traces_them(ward: Any) -> None:
    stop_tracing_runs(ward)
    yellow = ward.look("tracing")
    assert (yellow.status, yellow.found) == ("warn", "off for the state machine")
    ward.mend(yellow)
    assert ward.look("tracing").status == "ok"


def test_an_alarm_that_is_going_off_is_reported(ward: Any) -> None:
    alarms = ward.client("cloudwatch")
    alarms.set_alarm_state(AlarmName=f"{NAME}-runs-faulted", StateValue="ALARM", StateReason="a test")
    yellow = ward.look("alarms quiet")
    assert (yellow.status, yellow.found) == ("warn", f"{NAME}-runs-faulted")
    alarms.set_alarm_state(AlarmName=f"{NAME}-runs-faulted", StateValue="OK", StateReason="a test")
    assert ward.look("alarms quiet").status == "ok"


def test_an_old_secret_is_reported(ward: Any) -> None:
    assert ward.look("secret age").status == "ok"
    yellow = ward.look("secret age", now=datetime.now(UTC) + timedelta(days=91))
    assert yellow.status == "warn"
    assert "91 days" in yellow.found
    assert command_line("rotate --stage local") in yellow.fix


def test_a_connection_that_is_not_authorized_is_red(ward: Any) -> None:
    connection = events_backends[DEFAULT_ACCOUNT_ID][REGION].connections[f"{NAME}-deployment"]
    connection.state = "DEAUTHORIZED"
    red = ward.look("connections")
    connection.state = "AUTHORIZED"  # EventBridge's own work, once it has a token again
    assert red.status == "fail"
    assert f"{NAME}-deployment is DEAUTHORIZED" in red.found
    assert ward.look("connections").status == "ok"


def test_a_field_that_is_missing_in_the_secret_is_named_and_no_value_is(ward: Any) -> None:
    secrets = ward.client("secretsmanager")
    whole = secrets.get_secret_value(SecretId=NAME)
    broken = json.loads(whole["SecretString"])
    del broken["callback"]
    secrets.put_secret_value(SecretId=NAME, SecretString=json.dumps(broken))
    red = ward.look("secret fields")
    assert red.status == "fail"
    assert "callback" in red.found
    assert not [value for value in broken.values() if value in red.found + red.fix]
    same = json.loads(whole["SecretString"]) | {"automation": json.loads(whole["SecretString"])["callback"]}
    secrets.put_secret_value(SecretId=NAME, SecretString=json.dumps(same))
    yellow = ward.look("secret fields")
    assert (yellow.status, "rotate" in yellow.fix) == ("warn", True)
    for rotated, status, found in (("2999-01-01", "ok", "accepted until 2999"), ("soon", "fail", "`rotatedAt`")):
        previous = json.loads(whole["SecretString"]) | {"previous": same, "rotatedAt": rotated}
        secrets.put_secret_value(SecretId=NAME, SecretString=json.dumps(previous))
        finding = ward.look("secret fields")
        assert (finding.status, found in finding.found) == (status, True)
    secrets.put_secret_value(SecretId=NAME, SecretString=whole["SecretString"])
    assert ward.look("secret fields").status == "ok"


def test_a_second_api_of_the_same_name_and_stage_is_reported(ward: Any) -> None:
    gateway = ward.client("apigateway")
    api = gateway.create_rest_api(name="storygate")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    gateway.create_deployment(restApiId=api, stageName="api")
    yellow = ward.look("names")
    assert yellow.status == "warn"
    assert api in yellow.found
    aws_cli.run(yellow.fix.rpartition("a leftover, ")[2], ward.client)
    assert ward.look("names").status == "ok"


@contextmanager
def answering(status: Any) -> Iterator[Any]:
    """A server that answers every POST with this status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("check", ["API reachable", "callback refuses strangers"])
def test_an_api_that_lets_strangers_in_or_is_broken_or_gone_is_red(ward: Any, check: Any) -> None:
    def look_at(url: Any) -> Any:
        environment = {**ward.aws.environment, "AWS_ENDPOINT_URL": url}
        return BY_NAME[check].examine(
            dataclasses.replace(ward.examined(), aws=dataclasses.replace(ward.aws, environment=environment))
        )

    for status in (200, 502):
        with answering(status) as url:
            red = look_at(url)
        assert red.status == "fail"
        assert f"HTTP {status}" in red.found
    gone = look_at(url)
    assert gone.status == "fail"
    assert "cannot be reached" in gone.found
    assert ward.look(check).status == "ok"


def test_a_stage_called_prod_fails_without_projects_or_with_a_mock(ward: Any) -> None:
    examined = ward.examined()
    as_prod = dataclasses.replace(examined, stage=dataclasses.replace(examined.stage, name="prod"))
    for name, fix in (("projects", "STORYGATE_PROJECTS"), ("real APIs", "ValidationUrl, DeploymentUrl")):
        assert BY_NAME[name].examine(examined).status == "ok"
        red = BY_NAME[name].examine(as_prod)
        assert red.status == "fail"
        assert fix in red.fix
    named = dataclasses.replace(as_prod.stage, variables={"STORYGATE_PROJECTS": "proj"})
    assert BY_NAME["projects"].examine(dataclasses.replace(as_prod, stage=named)).found == "PROJ"


def test_a_run_that_waits_too_long_is_reported_until_it_ends(ward: Any) -> None:
    states = ward.client("stepfunctions")
    ward.client("s3").put_object(
        Bucket=NAME, Key="inputs/patient.json", Body=b'{"jiraStoryId": "PROJ-9", "packageIds": ["pkg-001"]}'
    )
    run = eventually(lambda: states.list_executions(stateMachineArn=machine(ward))["executions"])[0]
    later = datetime.now(UTC) + timedelta(days=8)
    yellow = ward.look("waiting runs", now=later)
    assert yellow.status == "warn"
    assert run["name"] in yellow.found
    assert f"cancel {run['name']}" in yellow.fix
    assert ward.look("waiting runs", now=later, waiting_days=9).status == "ok"
    states.stop_execution(executionArn=run["executionArn"])
    eventually(lambda: ward.look("waiting runs", now=later).status == "ok")


def test_what_deploy_mends_is_red_until_it_has_run(ward: Any) -> None:
    """One deploy for all of them: it is what takes the time."""
    s3, functions = ward.client("s3"), ward.client("lambda")
    gateway, cloudformation = ward.client("apigateway"), ward.client("cloudformation")

    # A drop that cannot start its run is kept: the trigger's machine is not there.
    names = functions.get_function_configuration(FunctionName=TRIGGER)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=TRIGGER, Environment={"Variables": {**names, "STORYGATE_STATE_MACHINE": "gone"}}
    )
    s3.put_object(Bucket=NAME, Key="inputs/not lost.json", Body=b'{"jiraStoryId": "PROJ-8", "packageIds": ["pkg-001"]}')
    queue = eventually(lambda: (found := ward.look("drops not started")).status == "fail" and found)
    assert "1: inputs/not lost.json" in queue.found

    s3.put_bucket_notification_configuration(Bucket=NAME, NotificationConfiguration={})
    ward.client("iam").put_role_policy(RoleName=TRIGGER, PolicyName=TRIGGER, PolicyDocument=ANYTHING)
    gateway.update_account(
        patchOperations=[
            {"op": "replace", "path": "/cloudwatchRoleArn", "value": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/logs"}
        ]
    )
    api = gateway.get_rest_apis()["items"][0]["id"]
    gateway.update_stage(
        restApiId=api,
        stageName="api",
        patchOperations=[
            {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "10000"},
            {"op": "replace", "path": "/~1jira~1callback/POST/throttling/burstLimit", "value": "7"},
            {"op": "replace", "path": "/tracingEnabled", "value": "false"},
        ],
    )
    secrets = ward.client("secretsmanager")
    secrets.put_secret_value(SecretId=NAME, SecretString=secrets.get_secret_value(SecretId=NAME)["SecretString"])
    stack = cloudformation.describe_stacks(StackName=f"{NAME}-workflow")["Stacks"][0]
    broken = {"ParameterKey": "DefinitionKey", "ParameterValue": "definitions/gone.asl.json"}
    cloudformation.update_stack(
        StackName=f"{NAME}-workflow",
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            *(given for given in stack["Parameters"] if given["ParameterKey"] != "DefinitionKey"),
            broken,
        ],
    )
    events, rule = ward.client("events"), f"{NAME}-run_status-event"
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=rule)["Targets"]]
    events.remove_targets(Rule=rule, Ids=targets)
    topic = ward.client("sns").create_topic(Name="oncall")["TopicArn"]
    ward.configure(AlarmTopicArn=topic)

    faults = {
        "workflow stack": ("fail", "UPDATE_FAILED"),
        "trigger": ("fail", "does not send events"),
        "function roles": ("fail", "policy-local-trigger.json"),
        "event rules": ("fail", "run_status-event does not invoke its function"),
        "throttling": ("fail", "callback 50.0 a second and bursts of 7, each mock 10000.0"),
        "access logs": ("fail", "nowhere"),
        "tracing": ("warn", "off for the API"),
        "connections": ("warn", "older version"),
        "alarms notify": ("fail", "not sent to their topic"),
    }
    for check, (status, told) in faults.items():
        found = ward.look(check)
        assert (check, found.status) == (check, status)
        assert told in found.found
        if check != "alarms notify":
            assert found.fix.endswith(command_line("deploy --stage local"))
    ward.deploy()
    assert {check: ward.look(check).status for check in faults if check != "alarms notify"} == {
        check: "ok" for check in faults if check != "alarms notify"
    }
    assert ward.look("log retention").found.startswith(f"{len(ward.context().stage.log_groups) + 1} groups")

    assert queue.fix.endswith(command_line("redrive --stage local"))
    (name,) = redrive_drops(ward.context()).started
    assert ward.look("drops not started").status == "ok"
    states = ward.client("stepfunctions")
    assert name.startswith("not-lost-")
    states.stop_execution(executionArn=f"{machine(ward).replace(':stateMachine:', ':execution:')}:{name}")


def test_the_operators_role_exists_only_if_a_principal_may_assume_it(ward: Any) -> None:
    def role() -> Any:
        (stack,) = ward.client("cloudformation").describe_stacks(StackName=f"{NAME}-workflow")["Stacks"]
        return {given["OutputKey"]: given["OutputValue"] for given in stack["Outputs"]}.get("OperatorRoleArn")

    ward.configure()
    ward.deploy()
    assert role() is None
    ward.configure(OperatorPrincipals="arn:aws:iam::123456789012:role/oncall-*,arn:aws:iam::123456789012:user/ann")
    ward.deploy()
    iam, name = ward.client("iam"), role().rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Condition"]["ArnLike"]["aws:PrincipalArn"] == [
        "arn:aws:iam::123456789012:role/oncall-*",
        "arn:aws:iam::123456789012:user/ann",
    ]
    text = json.dumps(iam.get_role_policy(RoleName=name, PolicyName="operator")["PolicyDocument"])
    assert not [word for word in ("secretsmanager", "SendTask", "StopExecution", "Delete", "taskToken") if word in text]


def test_alarms_must_notify_a_topic_that_has_a_subscriber(ward: Any) -> None:
    sns, alarms = ward.client("sns"), ward.client("cloudwatch")
    topic = sns.create_topic(Name="night")["TopicArn"]
    ward.configure(AlarmTopicArn=topic)
    assert "sweep-missing" in ward.look("alarms notify").found
    assert "jira-away" not in ward.look("alarms notify").found
    ward.configure(AlarmTopicArn=topic, MorningTopicArn=topic)
    red = ward.look("alarms notify")
    assert red.status == "fail"
    assert "jira-away" in red.found
    ward.mend(red)
    lonely = ward.look("alarms notify")
    assert (lonely.status, lonely.found) == ("warn", f"{topic} has no confirmed subscriber")
    ward.client("sqs").create_queue(QueueName="pager")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:pager")
    assert ward.look("alarms notify").status == "ok"

    alarms.disable_alarm_actions(AlarmNames=[f"{NAME}-jira-away"])
    off = ward.look("alarms notify")
    assert (off.status, off.found) == ("fail", f"switched off: {NAME}-jira-away")
    ward.mend(off)
    assert ward.look("alarms notify").status == "ok"

    raise_a_threshold(ward)  # and says nothing of whom to tell
    assert ward.look("alarms notify").status == "fail"
    ward.mend(ward.look("alarms"))
    assert ward.look("alarms notify").status == "ok"

    sns.delete_topic(TopicArn=topic)
    gone = ward.look("alarms notify")
    assert gone.status == "fail"
    assert "does not exist" in gone.found
    aws_cli.run(gone.fix.partition(", or ")[0], ward.client)
    assert ward.look("alarms notify").found == f"{topic} has no confirmed subscriber"


def test_bucket_and_table_without_their_stack_are_reported(ward: Any) -> None:
    """The last one that needs the stage: nothing brings the stack back over what it left."""
    ward.client("cloudformation").delete_stack(StackName=f"{NAME}-storage")
    yellow = ward.look("storage stack")
    assert yellow.status == "warn"
    assert "no stack manages bucket and table" in yellow.found
    assert ward.look("storage drift").status == "skip"

    ward.client("dynamodb").update_table(
        TableName=NAME, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "waiting"}}]
    )
    red = ward.look("table index")
    assert (red.status, red.found) == ("fail", "index waiting is missing")
    assert red.fix == command_line("deploy --stage local")
    ward.deploy()
    assert ward.look("table index").status == "ok"

    destroy(ward.context(), Terminal(io.StringIO()), purge=True)
    assert ward.client("logs").describe_log_groups()["logGroups"] == []
    assert ward.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    for name in ("deployed", "workflow stack", "alarms", "bucket versions", "API reachable"):
        red = ward.look(name)
        assert red.status == "fail"
        assert red.fix.startswith(command_line("deploy --stage local"))


def test_every_check_is_planted_somewhere_in_this_file() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    # test_doctor_drift.py, test_quotas.py and tests/e2e/test_jira_command.py
    elsewhere = SKIPPED_ON_THE_LOCAL_CLOUD | {check.name for check in JIRA_CHECKS}
    planted = {name for name in BY_NAME if text.count(f'"{name}"') > (name in WARNED_OF_AFTER_A_FIRST_DEPLOY)}
    assert planted | elsewhere == set(BY_NAME)
