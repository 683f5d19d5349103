"""The deploy that users run against AWS, run against the local cloud: idempotent, resumable, and undone."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from localcloud.cloud import REGION, LocalCloud
from storygate.checks import CHECKS, Examination
from storygate.deployment.bring_up import Deployment, deploy
from storygate.deployment.functions import rest_api_id
from storygate.deployment.stacks import stack_status
from storygate.deployment.stage_secret import read_field
from storygate.deployment.take_down import destroy
from storygate.stage.aws import Aws, isolated
from storygate.stage.config import CONFIG
from storygate.stage.context import load_context
from storygate.stage.project_copy import copy_project
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal
from tests import ROOT
from tests.policies.deployer_calls import KEY, DeployerCalls
from tests.storygate.deployment.picture import picture
from tools.docs import DEPLOYER

FIELDS = ("callback", "validation", "deployment", "notification")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = copy_project(ROOT, tmp_path_factory.mktemp("project"))
    config = json.loads((project / CONFIG).read_text())
    config["stages"]["local"]["lambda_functions"]["start_execution"]["reserved_concurrency"] = 10
    (project / CONFIG).write_text(json.dumps(config))
    return project


class Door:
    """WSGI middleware that answers 403 to one request of whoever calls AWS, such as Chalice; then it is open again."""

    def __init__(self) -> None:
        self.shut_for = None

    def around(self, app: Any) -> Any:
        def guarded(environ: Any, start_response: Any) -> Any:
            if self.shut_for and self.shut_for(environ):
                self.shut_for = None
                start_response("403 Forbidden", [("Content-Length", "0")])
                return [b""]
            return app(environ, start_response)

        return guarded


@pytest.fixture(scope="module")
def door() -> Any:
    return Door()


@pytest.fixture(scope="module")
def calls() -> DeployerCalls:
    return DeployerCalls()


@pytest.fixture(scope="module")
def cloud(project: Path, door: Any, calls: DeployerCalls) -> Iterator[Any]:
    with LocalCloud(project, wrap=lambda app: door.around(calls.around(app))) as running:
        running.start_api()
        yield running


class Runner:
    """Runs deploy and destroy, and returns their output."""

    def __init__(self, project: Path, cloud: LocalCloud) -> None:
        self.project = project
        self.cloud = cloud
        self.client = boto3.Session(KEY, "secret", region_name=REGION).client
        self.aws = isolated(
            partial(self.client, endpoint_url=cloud.endpoint_url), cloud.environment | {"AWS_ACCESS_KEY_ID": KEY}
        )

    def context(self, aws: Aws | None = None) -> Any:
        return load_context(self.project, "local", aws or self.aws)

    def deploy(self, aws: Aws | None = None) -> Any:
        stream = io.StringIO()
        deployment = deploy(self.context(aws), Terminal(stream))
        return deployment, stream.getvalue()

    def queue(self, name: str) -> str:
        sqs = self.cloud.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])

    def waiting(self, *names: str) -> None:
        """Start runs, and return once each waits for its story."""
        states, stage = self.cloud.client("stepfunctions"), self.context().stage
        for name in names:
            request = json.dumps({"jiraStoryId": f"{name.upper()}-1", "packageIds": ["pkg-001"]})
            states.start_execution(stateMachineArn=self.context().machine_arn, name=name, input=request)
        patience, wanted = Patience(30), {f"WAIT#{name}" for name in names}
        while not wanted <= {
            item["entry"]["S"] for item in self.cloud.client("dynamodb").scan(TableName=stage.table)["Items"]
        }:
            assert patience.pause(), names

    def destroy(self, **options: Any) -> Any:
        stream = io.StringIO()
        destroy(self.context(), Terminal(stream), **options)
        return stream.getvalue()


@dataclass(frozen=True)
class First:
    """The first deployment to the empty cloud, without an interruption."""

    deployment: Deployment
    told: str
    picture: dict[str, Any]


@pytest.fixture(scope="module")
def run(project: Path, cloud: LocalCloud) -> Any:
    return Runner(project, cloud)


@pytest.fixture(scope="module")
def undisturbed(run: Any, cloud: LocalCloud) -> Any:
    deployment, told = run.deploy()
    return First(deployment, told, picture(cloud, deployment))


def test_a_second_deploy_even_from_another_checkout_changes_nothing_and_says_so(
    run: Any, project: Path, cloud: LocalCloud, undisturbed: Any
) -> None:
    first, told = undisturbed.deployment, undisturbed.told
    assert first.changed
    secret = [read_field(cloud.client("secretsmanager"), first.stage.secret, field) for field in FIELDS]
    assert not any(value in told for value in secret)
    assert len(cloud.client("stepfunctions").list_state_machines()["stateMachines"]) == 1
    reserved = cloud.client("lambda").get_function_concurrency(FunctionName=first.stage.trigger)
    assert reserved["ReservedConcurrentExecutions"] == 10

    (project / ".chalice" / "deployed" / "local.json").unlink()  # as in a fresh clone
    second, told = run.deploy()
    assert not second.changed
    assert "found in AWS" in told
    assert len(cloud.client("apigateway").get_rest_apis()["items"]) == 1
    assert second.callback_url == first.callback_url
    assert told.count("no changes") == 2
    assert "same code and settings" in told
    assert secret == [read_field(cloud.client("secretsmanager"), first.stage.secret, field) for field in FIELDS]


def test_what_destroy_keeps_is_taken_up_again_and_purge_leaves_nothing(run: Any, cloud: LocalCloud) -> None:
    deployment, _ = run.deploy()
    stage = deployment.stage
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    s3.put_object(Bucket=stage.bucket, Key="outputs/kept.json", Body=b"{}")
    other = {"Id": "other", "Events": ["s3:ObjectRemoved:*"], "QueueArn": run.queue("audit")}
    configured = s3.get_bucket_notification_configuration(Bucket=stage.bucket)
    del configured["ResponseMetadata"]
    s3.put_bucket_notification_configuration(
        Bucket=stage.bucket, NotificationConfiguration={**configured, "QueueConfigurations": [other]}
    )
    events, rules = cloud.client("events"), ("storygate-local-start_execution-event", "storygate-local-2-event")
    for rule in rules:  # the first as Chalice names a schedule of that function, the second of another stage
        events.put_rule(Name=rule, ScheduleExpression="rate(1 day)")
    run.waiting("first", "second")
    machine = run.context().machine_arn
    cloud.client("stepfunctions").delete_state_machine(stateMachineArn=machine)  # as `destroy` once did
    with pytest.raises(OperatorError, match=r"is being deleted.* 2 still run\.") as caught:
        run.deploy()
    assert "destroy --stage local" in caught.value.hint

    told = run.destroy()
    assert "runs: 2 stopped" in told
    assert [
        entry["Id"] for entry in s3.get_bucket_notification_configuration(Bucket=stage.bucket)["QueueConfigurations"]
    ]
    assert f"Kept: bucket {stage.bucket}, table {stage.table}, secret {stage.secret}" in told
    assert "--purge" in told
    assert {stack_status(cloudformation, name) for name in (stage.storage_stack, stage.workflow_stack)} == {None}
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert rest_api_id(run.context()) is None
    assert set(rules).intersection(rule["Name"] for rule in events.list_rules()["Rules"]) == {rules[1]}
    assert not s3.get_bucket_notification_configuration(Bucket=stage.bucket).get("LambdaFunctionConfigurations")

    secret = read_field(cloud.client("secretsmanager"), stage.secret, "callback")
    unprotect = {"TableName": stage.table, "DeletionProtectionEnabled": False}
    cloud.client("dynamodb").update_table(**unprotect)  # as a table of before
    _, told = run.deploy()
    assert "kept from before and used without a stack" in told
    assert cloud.client("dynamodb").describe_table(TableName=stage.table)["Table"]["DeletionProtectionEnabled"]
    assert s3.get_object(Bucket=stage.bucket, Key="outputs/kept.json")["Body"].read() == b"{}"
    assert read_field(cloud.client("secretsmanager"), stage.secret, "callback") == secret

    run.waiting("third")
    told = run.destroy(purge=True)
    assert "runs: 1 stopped" in told
    assert f"table {stage.table}: protection lifted, deleted" in told
    assert s3.list_buckets()["Buckets"] == []
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert cloud.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
    assert cloud.client("logs").describe_log_groups()["logGroups"] == []
    assert [role for role in cloud.client("iam").list_roles()["Roles"] if "storygate" in role["RoleName"]] == []

    again = run.destroy(purge=True)
    assert "functions: not there" in again
    assert f"bucket {stage.bucket}: not there" in again


class Broken(Exception):
    """The power went out."""


class Interrupted:
    """A client that breaks after one of its calls, for a name if one is given: what was asked for is done."""

    def __init__(self, client: Any, call: Any, name: str | None = None) -> None:
        self._client, self._call, self._name = client, call, name

    def __getattr__(self, attribute: Any) -> Any:
        found = getattr(self._client, attribute)
        if attribute != self._call:
            return found

        def breaking(**arguments: Any) -> Any:
            answer = found(**arguments)
            if self._name in {None, *(value for value in arguments.values() if isinstance(value, str))}:
                raise Broken
            return answer

        return breaking


def sets_the_trigger(environ: Any) -> Any:
    return environ["REQUEST_METHOD"] == "PUT" and environ["QUERY_STRING"].startswith("notification")


STEPS = [
    ("cloudformation", "create_change_set", "storygate-local-storage"),
    ("cloudformation", "execute_change_set", None),
    ("secretsmanager", "create_secret", None),
    ("chalice", sets_the_trigger, None),
    ("apigateway", "update_stage", None),
    ("cloudformation", "create_change_set", "storygate-local-workflow"),
]


def findings(context: Any) -> dict[str, Any]:
    examined = Examination(context.project, context.stage, context.aws)
    return {check.name: check.examine(examined) for check in CHECKS if "drift" not in check.name}


def test_interrupted_after_each_step_and_run_again_it_ends_as_without_interruption(
    run: Any, cloud: LocalCloud, door: Any, undisturbed: Any
) -> None:
    run.destroy(purge=True)
    for service, call, name in STEPS:
        if service == "chalice":
            door.shut_for = call
            with pytest.raises(OperatorError, match="chalice deploy failed"):
                run.deploy()
        else:

            def client(asked: Any, service: str = service, call: Any = call, name: Any = name) -> Any:
                real = run.aws.client(asked)
                return Interrupted(real, call, name) if asked == service else real

            with pytest.raises(Broken):
                run.deploy(replace(run.aws, make_client=client))
        half = findings(run.context(isolated(cloud.client, cloud.environment)))
        assert "stack storygate-local-workflow" in half["deployed"].found
        for finding in half.values():
            assert "the check itself broke" not in finding.found
            assert finding.status != "fail" or "deploy --stage local" in finding.fix, finding
    deployment, _ = run.deploy()
    assert deployment.changed
    assert picture(cloud, deployment) == undisturbed.picture


def test_the_deployers_rights_are_those_that_the_docs_list(
    calls: DeployerCalls, request: pytest.FixtureRequest
) -> None:
    """The last one: it looks at the calls of all others."""
    listed = {f"{service}:{action}" for service, actions in DEPLOYER.items() for action in actions}
    assert calls.actions <= listed
    here = [item for item in request.session.items if item.path == request.path]
    if len(here) == sum(name.startswith("test_") for name in globals()):  # else some calls were not made
        assert calls.actions == listed
