"""Play one end-to-end run in which each principal makes each of its calls, and record all of them."""

import contextlib
import io
import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from chalicelib.verdicts import AT_ONCE
from localcloud.cloud import LocalCloud
from localcloud.jira.local_jira import LocalJira
from storygate import cli
from storygate.console.listing import Listing
from storygate.deployment.bring_up import Deployment, deploy
from storygate.deployment.jira_credentials import store_credentials
from storygate.deployment.stage_secret import read_field
from storygate.operations import jira_webhook
from storygate.stage.aws import isolated, of_environment
from storygate.stage.context import Context, load_context
from storygate.stage.project_copy import copy_project
from storygate.support.terminal import Terminal
from tests import ROOT
from tests.answering import answering
from tests.policies.calls import Call, Recorder, calls_in_history
from tests.policies.gateway import LambdaGateway, invoker
from tests.policies.permissions import Account

STAGE = "dev"  # commands for stage local sign with keys of their own
FUNCTIONS = ("api_handler", "api_token_authorizer", "start_execution", "sweep", "run_status")
MACHINE, OPERATOR = "state machine", "operator"
PATIENCE = 30.0


@dataclass
class Recorded:
    """The calls of the run, and the deployed policies of each principal."""

    calls: list[Call] = field(default_factory=list)
    policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    account: Account | None = None


def record(directory: Path) -> Recorded:
    """Deploy to a local cloud and play the run, in some ten seconds."""
    with LocalJira() as jira:
        project = copy_project(ROOT, directory, {"STORYGATE_JIRA_SITE": jira.url}, STAGE)
        return _recorded(project, jira)


def _recorded(project: Path, jira: LocalJira) -> Recorded:
    _name_operators(project)
    recorder = Recorder((*FUNCTIONS, OPERATOR))
    names: dict[str, str] = {}
    cloud = LocalCloud(project, stage=STAGE, wrap=lambda app: recorder.around(gateway.around(app)))
    gateway = LambdaGateway(invoker(lambda: cloud.client("lambda"), lambda function: names[function]))
    with cloud, answering(lambda *_: (200, {"status": "success"})) as release:
        aws = isolated(cloud.client, cloud.environment)
        _name_release_api(project, release, cloud.client("events"))
        deployment = deploy(load_context(project, STAGE, aws), Terminal(io.StringIO()))
        names.update(deployment.stage.lambda_names)
        _sign_by_name(cloud.client("lambda"), names)
        secrets = cloud.client("secretsmanager")
        store_credentials(secrets, deployment.stage.jira_secret, **jira.credentials, expires=date(2030, 1, 1))
        _Run(cloud, deployment, recorder, jira).play()
        return Recorded(recorder.calls, _policies(cloud, deployment, project), _account(cloud, deployment))


def _name_operators(project: Path) -> None:
    _name(project, {"OperatorPrincipals": "arn:aws:iam::123456789012:role/release"})


def _name_release_api(project: Path, url: str, events: Any) -> None:
    connection = events.create_connection(
        Name="release",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": "a token"}},
    )
    _name(project, {"ReleaseUrl": url, "ReleaseConnectionArn": connection["ConnectionArn"]})


def _name(project: Path, parameters: dict[str, str]) -> None:
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"][STAGE]["workflow"] = config["stages"][STAGE].get("workflow", {}) | parameters
    path.write_text(json.dumps(config))


def _sign_by_name(client: Any, names: dict[str, str]) -> None:
    """Give each function its own name as access key. (On AWS, Lambda reserves that variable.)"""
    for function, name in names.items():
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables | {"AWS_ACCESS_KEY_ID": function}}
        )


@dataclass
class _Run:
    cloud: LocalCloud
    deployment: Deployment
    recorder: Recorder
    jira: LocalJira

    def play(self) -> None:
        """Take every path that makes a call which no other path makes."""
        self._approved_from_drop_to_result()
        self._early_verdict()
        self._inputs_without_version()
        self._list_a_run_whose_input_has_no_version()
        self._rejected_while_it_waits()
        self._more_runs_than_an_answer_has_time_for()
        self._sweep()
        self._stopped_runs()
        self._drop_that_starts_nothing()
        for execution in self._machine.list_executions(stateMachineArn=self._arn)["executions"]:
            pages = self._machine.get_paginator("get_execution_history").paginate(
                executionArn=execution["executionArn"]
            )
            for page in pages:
                for call in calls_in_history(MACHINE, page["events"]):
                    self.recorder.add(call)

    def _approved_from_drop_to_result(self) -> None:
        sample = str(ROOT / "samples" / "approved.json")
        run = json.loads(self._operator("start", sample, "--json"))["execution"]
        self._await("the wait", lambda: self._waits(run))
        self._invoke("sweep")  # makes the link
        self._operator("list")
        self._operator("results", run)  # there is none yet
        self._call_back("PROJ-12345")
        self._operator("watch", run)
        self._operator("results", run, "--log")
        self._operator("report", run, "-o", "-")
        self._operator("list")

    def _early_verdict(self) -> None:
        # Its verdict is there before the run starts, and counts because it is newer than the upload.
        body = json.dumps({"jiraStoryId": "PROJ-2", "packageIds": ["pkg-001"]})
        self.cloud.client("s3").put_object(Bucket=self.deployment.stage.bucket, Key="inputs/early.txt", Body=body)
        uploaded = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._call_back("PROJ-2")
        self._execute({"inputFile": "inputs/early.txt", "droppedAt": uploaded})

    def _inputs_without_version(self) -> None:
        self.cloud.client("s3").put_object(Bucket=self.deployment.stage.bucket, Key="inputs/empty.txt", Body=b"{}")
        self._execute({"inputFile": "inputs/empty.txt"})
        self._execute({"inputFile": "inputs/missing.json"})

    def _list_a_run_whose_input_has_no_version(self) -> None:
        """`list` reads the story of a run that still runs from its input."""
        body = json.dumps({"jiraStoryId": "PROJ-3", "packageIds": ["pkg-001"]})
        self.cloud.client("s3").put_object(Bucket=self.deployment.stage.bucket, Key="inputs/waits.txt", Body=body)
        request = json.dumps({"inputFile": "inputs/waits.txt"})
        self._machine.start_execution(stateMachineArn=self._arn, name="waits", input=request)
        self._await("the wait", lambda: self._waits("waits"))
        self._invoke("sweep")  # makes the link of a run whose input has no version
        self._operator("list", "--waiting")
        with self._signed_as_operator():
            context = Context(self.cloud.project, self.deployment.stage, of_environment())
            assert [row["execution"] for row in Listing(context).page("waiting", "PROJ-3").rows] == ["waits"]

    def _rejected_while_it_waits(self) -> None:
        self._call_back("PROJ-3", "rejected")
        self._await("the refused run's end", lambda: not self._is_running("waits"))

    def _more_runs_than_an_answer_has_time_for(self) -> None:
        for number in range(AT_ONCE + 1):
            self._put_entry(f"crowd-{number}", "PROJ-4")
        self._call_back("PROJ-4")
        self._await("the handed over runs", lambda: not any(self._waits(f"crowd-{n}") for n in (0, AT_ONCE)))

    def _sweep(self) -> None:
        """Sweep without time, then to the end; an entry is of a run that is over."""
        self._put_entry("waits", "PROJ-5")
        for event in ({"seconds": 0}, {}):
            self._invoke("sweep", event)
        assert not self._waits("waits")

    def _stopped_runs(self) -> None:
        """Stop runs, with an input of a version and without: they have no result, and Jira is told all the same."""
        self._operator("start", str(ROOT / "samples" / "rejected.json"))
        request = json.dumps({"inputFile": "inputs/waits.txt"})
        self._machine.start_execution(stateMachineArn=self._arn, name="stopped", input=request)
        running = self._machine.list_executions(stateMachineArn=self._arn, statusFilter="RUNNING")["executions"]
        for execution in running:
            self._machine.stop_execution(executionArn=execution["executionArn"])
        for story in ("PROJ-12345", "PROJ-12346", "PROJ-3"):
            self._await(f"the comment on {story}", partial(self._comments, story))

    def _comments(self, story: str) -> list[Any]:
        return list(self.jira.site.issue(story).comments)

    def _invoke(self, function: str, event: Any = MappingProxyType({})) -> None:
        name = self.deployment.stage.lambda_names[function]
        answer = self.cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(dict(event)))
        assert "FunctionError" not in answer, answer["Payload"].read()

    def _put_entry(self, execution: str, story: str) -> None:
        texts = {"story": story, "entry": f"WAIT#{execution}", "taskToken": "spent"}
        texts |= dict.fromkeys(("countsFrom", "startedAt"), "2026-01-01T00:00:00.000Z")
        item = {name: {"S": text} for name, text in texts.items()}
        self.cloud.client("dynamodb").put_item(TableName=self.deployment.stage.table, Item=item)

    def _drop_that_starts_nothing(self) -> None:
        """Send an event that fails three times; then Lambda sends it to the queue with the function's own role."""
        name = self.deployment.stage.lambda_names["start_execution"]
        broken = json.dumps({"Records": [{"s3": {}}]})
        self.cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=broken)
        sqs = self.cloud.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{self.deployment.stage.state_machine}-not-started")["QueueUrl"]
        messages = self._await("the kept event", lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
        arn = json.loads(messages[0]["Body"])["requestContext"]["functionArn"]
        assert arn.split(":")[6] == name
        self.recorder.add(Call("start_execution", "sqs", "SendMessage", {"QueueUrl": url}))

    @property
    def _machine(self) -> Any:
        return self.cloud.client("stepfunctions")

    @property
    def _arn(self) -> str:
        return str(self._machine.list_state_machines()["stateMachines"][0]["stateMachineArn"])

    def _execute(self, request: dict[str, Any]) -> None:
        arn = self._machine.start_execution(stateMachineArn=self._arn, input=json.dumps(request))["executionArn"]
        self._await(str(request), lambda: not self._is_running(arn.rpartition(":")[2]))

    def _is_running(self, execution: str) -> bool:
        arn = f"{self._arn.replace(':stateMachine:', ':execution:')}:{execution}"
        return bool(self._machine.describe_execution(executionArn=arn)["status"] == "RUNNING")

    def _waits(self, execution: str) -> bool:
        items = self.cloud.client("dynamodb").scan(TableName=self.deployment.stage.table, ConsistentRead=True)["Items"]
        return any(item["entry"]["S"] == f"WAIT#{execution}" for item in items)

    def _call_back(self, story: str, decision: jira_webhook.Decision = "approved") -> None:
        secret = read_field(self.cloud.client("secretsmanager"), self.deployment.stage.secret, "callback")
        # Dated ahead, so that it counts from the moment it is received, however long a cold function takes.
        body = jira_webhook.encode(jira_webhook.issue_updated(story, decision, now=time.time() + PATIENCE))
        headers = {"Content-Type": "application/json", "X-Hub-Signature": jira_webhook.sign(body, secret)}
        request = urllib.request.Request(self.deployment.callback_url, body, headers, method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
            assert answer.status in {200, 202}

    def _operator(self, *arguments: str) -> str:
        """Run a command as an operator does; return what it prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), self._signed_as_operator():
            cli.main([*arguments, "--stage", STAGE])
        return printed.getvalue()

    @contextlib.contextmanager
    def _signed_as_operator(self) -> Iterator[None]:
        # The commands read all of their settings from the environment.
        signed = self.cloud.environment | {"AWS_ACCESS_KEY_ID": OPERATOR, "NO_PROXY": "127.0.0.1"}
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in signed.items():
                patch.setenv(name, value)
            patch.chdir(self.cloud.project)
            yield

    def _await(self, what: str, happened: Callable[[], Any]) -> Any:
        """Call `happened` until it returns something true, and return that."""
        deadline = time.monotonic() + PATIENCE
        while not (found := happened()):
            assert time.monotonic() < deadline, f"waited {PATIENCE:g} s for {what}"
            time.sleep(0.05)
        return found


def _policies(cloud: LocalCloud, deployment: Deployment, project: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the functions' policies from the files that `chalice deploy` takes, and the deployed ones of the roles."""
    config = json.loads((project / ".chalice" / "config.json").read_text())["stages"][STAGE]["lambda_functions"]
    found = {
        function: [json.loads((project / ".chalice" / config[function]["iam_policy_file"]).read_text())]
        for function in FUNCTIONS
    }
    resources = cloud.client("cloudformation").describe_stack_resources(StackName=deployment.stage.workflow_stack)
    roles = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources["StackResources"]}
    iam = cloud.client("iam")
    for principal, role in ((MACHINE, roles["Role"]), (OPERATOR, roles["OperatorRole"])):
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        found[principal] = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return found


def _account(cloud: LocalCloud, deployment: Deployment) -> Account:
    secrets, events, number = cloud.client("secretsmanager"), cloud.client("events"), "123456789012"
    named = {entry["Name"]: entry["ARN"] for entry in secrets.list_secrets()["SecretList"]}
    connections = {
        entry["ConnectionArn"]: events.describe_connection(Name=entry["Name"])["SecretArn"]
        for entry in events.list_connections()["Connections"]
    }
    region, machine = deployment.stage.region, deployment.stage.state_machine
    arn = f"arn:aws:states:{region}:{number}:stateMachine:{machine}"
    return Account(region, number, arn, named.__getitem__, connections.__getitem__)
