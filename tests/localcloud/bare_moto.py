"""Probe plain moto for each gap and print the results as JSON; run as a process of its own.

If a probe no longer gives what `test_stepfunctions_gaps` expects, moto has closed that gap by itself.
"""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import localcloud.light  # noqa: F401 - before moto; fills no gap

# isort: split
from antlr4 import RecognitionException  # type: ignore[import-untyped]
from botocore.exceptions import ClientError
from moto import backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.config import default_user_config
from moto.s3.models import FakeKey, s3_backends
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_factory import (
    state_task_service_for,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeSuccess, CallbackPoolManager
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

from localcloud.gaps.registry import filled
from tests.localcloud.stepfunctions_cloud import Cloud, states, task

PASS = {"Type": "Pass", "End": True}


def bare(cloud: Cloud) -> dict[str, Any]:
    """Probe moto without any gap filled, with machines in JSONPath, the only language it can run."""
    found: dict[str, Any] = {"evaluator": jsonata._eval_jsonata}
    found["quoted"] = jsonata.encode_jsonata_variable_declarations({"$x": 'a"b'})
    try:
        state_task_service_for("http")
    except RecognitionException as refused:
        found["http"] = refused.message
    found["client shared"] = boto_client_for("us-east-1", "s3") is boto_client_for("us-east-1", "s3")
    text = json.dumps(states(A=PASS))
    found["parsed once"] = AmazonStateLanguageParser.parse(text)[0] is AmazonStateLanguageParser.parse(text)[0]
    found["path parsed once"] = json_path.parse("$") is json_path.parse("$")
    with mock.patch("moto.backends.os.listdir", wraps=os.listdir) as listed:
        for _ in range(2):
            list(backends.list_of_moto_modules())
    found["listings"] = listed.call_count

    pool = CallbackPoolManager(activity_store={})
    pool.add("token")
    answer = CallbackOutcomeSuccess("token", "{}")
    found["answers taken"] = [pool.notify("token", answer) for _ in range(2)]

    def path(**named: Any) -> dict[str, Any]:
        return cloud.run(states(**named), language="JSONPath")

    entered = path(A={**PASS, "Parameters": {"at.$": "$$.State.EnteredTime"}})
    found["entered"] = entered["output"]["at"]
    missing = {"Bucket": cloud.bucket, "Key": "missing"}
    found["error"] = path(A=_parameters(task("aws-sdk:s3:getObject", missing)))["error"]
    cloud.s3.put_object(Bucket=cloud.bucket, Key="key", Body=b"text")
    read = path(A=_parameters(task("aws-sdk:s3:getObject", {"Bucket": cloud.bucket, "Key": "key"})))
    found["body"] = read.get("output", {}).get("Body")
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found["objects kept"] = bool(FakeKey.instances_tracked)
    found["urls kept"] = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].urls is s3_backends[DEFAULT_ACCOUNT_ID]["aws"].urls
    begun = time.monotonic()
    found["waited"] = path(A={"Type": "Wait", "Timestamp": soon, "End": True})["status"]
    found["waited an hour"] = time.monotonic() - begun > 3600

    machine = cloud.machine(states(A=PASS), "JSONPath")
    found["unnamed"] = cloud.states.start_execution(stateMachineArn=machine)["executionArn"].rsplit(":", 1)[1]
    found["long input"] = cloud.ended(cloud.start(machine, "x" * 262_143, name="long"))["status"]
    path(A=_parameters(task("aws-sdk:s3:putObject", {"Bucket": cloud.bucket, "Key": "typed", "Body": "text"})))
    found["type"] = cloud.s3.head_object(Bucket=cloud.bucket, Key="typed")["ContentType"]
    every = {"ErrorEquals": ["States.ALL"]}
    found["all twice"] = bool(
        cloud.machine(states(A=_parameters(task("aws-sdk:s3:getObject", missing, Retry=[every, every]))), "JSONPath")
    )
    try:
        cloud.machine(states(A={**PASS, "Next": "B"}, B={"Type": "Nonsense"}))
    except ClientError as refused:
        found["refused with"] = refused.response["Error"]["Code"]
    found["child started"] = path(A=_parameters(task("states:startExecution", {"StateMachineArn": machine})))["status"]
    found["variable"] = path(
        A={"Type": "Pass", "Assign": {"x": 1}, "Next": "B"}, B={**PASS, "Parameters": {"x.$": "$x"}}
    )["cause"]
    assigned = AmazonStateLanguageParser.parse(json.dumps(states(A={**PASS, "Assign": {"x": '"'}})))[0]
    found["literal"] = assigned.states.states["A"].assign_decl.declaration_bindings[0].binding.assign_value.value
    found["mistaken"] = _mistaken_after_a_refusal()
    branches = [states(F={"Type": "Fail"}), states(W={"Type": "Wait", "Seconds": 600, "End": True})]
    failed = path(A={"Type": "Parallel", "Branches": branches, "End": True})
    history = cloud.states.get_execution_history(executionArn=failed["executionArn"])["events"]
    found["aborted"] = any(event["type"].endswith("Aborted") for event in history)
    found["redrivable"] = "redriveStatus" in failed
    queue, events = cloud.client("sqs").create_queue(QueueName="ends")["QueueUrl"], cloud.client("events")
    events.put_rule(Name="ends", EventPattern='{"source": ["aws.states"]}')
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{DEFAULT_ACCOUNT_ID}:ends"}])
    path(A=PASS)
    found["announced"] = "Messages" in cloud.client("sqs").receive_message(QueueUrl=queue)
    return found


def _mistaken_after_a_refusal() -> list[bool]:
    """Return which definitions moto refuses, of a good one, a bad one, and the good one again: whether it is good."""
    good = json.dumps(states(A={**PASS, "Parameters": {}}))
    bad = json.dumps({"QueryLanguage": "JSONata", **states(A={**PASS, "Parameters": {}})})
    refused = []
    for text in (good, bad, good):
        try:
            AmazonStateLanguageParser.parse(text)
        except ValueError:
            refused.append(text)
    Preprocessor._query_language_per_scope.clear()
    return [text == good for text in refused]


def with_an_engine(cloud: Cloud) -> dict[str, Any]:
    """Probe moto with nothing filled but the JSONata engine."""
    with filled("stepfunctions.jsonata", "stepfunctions.clients"):
        return _engine(cloud)


def _engine(cloud: Cloud) -> dict[str, Any]:
    end = {"Type": "Pass", "Output": {"x": "{% $x %}"}, "End": True}
    found = {}
    failing = task("aws-sdk:dynamodb:listTables", {}, Output="{% $nothing %}")
    failing["Catch"] = [{"ErrorEquals": ["States.ALL"], "Output": "caught", "Next": "B"}]
    found["output caught"] = cloud.run(states(A=failing, B=PASS))["status"]
    old = {"Type": "Pass", "Assign": {"x": "old"}, "Next": "B"}
    new = {"Type": "Pass", "Assign": {"x": "new"}, "Output": {"x": "{% $x %}"}, "End": True}
    found["assigned at once"] = cloud.output(states(A=old, B=new))["x"]
    rule = {"Condition": "{% true %}", "Assign": {"x": "rule"}, "Next": "B"}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "B", "Assign": {"x": "default"}}
    found["chosen"] = cloud.output(states(A=choice, B=end))["x"]
    failed = cloud.run(states(A={"Type": "Pass", "Output": "{% $nothing %}", "End": True}))
    found["location"] = "for the field 'Output'" in failed["cause"]
    return found


def _parameters(state: dict[str, Any]) -> dict[str, Any]:
    return {"Parameters" if key == "Arguments" else key: value for key, value in state.items()}


if __name__ == "__main__":
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    # Nine hours ahead of UTC: moto mistakes UTC for local time.
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    with Cloud() as cloud:
        os.environ["MOTO_PORT"] = str(cloud.port)
        print(json.dumps({**bare(cloud), **with_an_engine(cloud)}, default=str))
