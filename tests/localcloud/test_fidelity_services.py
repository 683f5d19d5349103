"""Services beside Step Functions keep the limits that AWS documents, where no other file tests them."""

import inspect
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from werkzeug.test import Client

from localcloud import execute_api
from localcloud.cloud import LocalCloud

Deploy = Callable[..., dict[str, str]]
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def machine(resource: str = "arn:aws:states:::aws-sdk:dynamodb:listTables", **properties: Any) -> dict[str, Any]:
    """Return a template with one state machine of one Task."""
    state = {"Type": "Task", "Resource": resource, "Arguments": {}, "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state}}
    given = {"RoleArn": "arn:aws:iam::123456789012:role/any", "DefinitionString": json.dumps(definition), **properties}
    return {
        "Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": given}},
        "Outputs": {"Arn": {"Value": {"Ref": "Machine"}}},
    }


def test_a_new_name_or_a_new_type_replaces_a_state_machine(cloud: LocalCloud, stack: Deploy) -> None:
    def existing() -> list[str]:
        return [found["name"] for found in cloud.client("stepfunctions").list_state_machines()["stateMachines"]]

    first = stack(machine(StateMachineName="first"))["Arn"]
    assert existing() == ["first"]
    second = stack(machine(StateMachineName="second"))["Arn"]
    assert (first != second, existing()) == (True, ["second"])
    assert stack(machine(StateMachineName="second", Tags=[{"Key": "k", "Value": "v"}]))["Arn"] == second
    stack(machine(StateMachineName="third", StateMachineType="EXPRESS"))
    assert existing() == ["third"]


def test_a_substitution_that_is_left_unfilled_fails_the_stack(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation")
    body = machine("arn:aws:states:::aws-sdk:${Service}:listTables", DefinitionSubstitutions={"Other": "dynamodb"})
    client.create_stack(StackName="unfilled", TemplateBody=json.dumps(body))
    assert client.describe_stacks(StackName="unfilled")["Stacks"][0]["StackStatus"] == "CREATE_FAILED"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in client.describe_stack_events(StackName="unfilled")["StackEvents"]
    ]
    assert any("${Service}" in reason for reason in reasons)
    client.delete_stack(StackName="unfilled")


@pytest.fixture
def table(cloud: LocalCloud) -> Any:
    client = cloud.client("dynamodb")
    client.create_table(TableName="facts", **TABLE)
    yield client
    client.delete_table(TableName="facts")


def test_an_item_that_has_expired_is_readable_until_it_is_deleted(table: Any) -> None:
    expiry = {"Enabled": True, "AttributeName": "expiresAt"}
    table.update_time_to_live(TableName="facts", TimeToLiveSpecification=expiry)
    table.put_item(TableName="facts", Item={"id": {"S": "old"}, "expiresAt": {"N": "1"}})
    assert "Item" in table.get_item(TableName="facts", Key={"id": {"S": "old"}})


def test_the_reasons_of_a_cancelled_transaction_come_in_the_order_of_its_items(table: Any) -> None:
    def put(name: str, **more: Any) -> dict[str, Any]:
        return {"Put": {"TableName": "facts", "Item": {"id": {"S": name}}, **more}}

    missing = {"ConditionExpression": "attribute_exists(id)"}
    with pytest.raises(ClientError) as cancelled:
        table.transact_write_items(TransactItems=[put("a"), put("b", **missing), put("c"), put("d", **missing)])
    codes = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed", "None", "ConditionalCheckFailed"]
    assert table.scan(TableName="facts")["Items"] == []


def test_keys_and_items_have_dynamodbs_sizes(table: Any) -> None:
    for name in ("", "x" * 2049):  # a partition key has 1 to 2,048 bytes
        with pytest.raises(ClientError, match="ValidationException"):
            table.put_item(TableName="facts", Item={"id": {"S": name}})
    table.put_item(TableName="facts", Item={"id": {"S": "x" * 2048}})
    with pytest.raises(ClientError, match="ValidationException"):
        table.put_item(TableName="facts", Item={"id": {"S": "large"}, "text": {"S": "x" * 409_600}})


def test_an_api_has_29_seconds_for_an_answer(cloud: LocalCloud) -> None:
    client = cloud.client("apigateway")
    api = client.create_rest_api(name="slow")["id"]
    client.create_stage(restApiId=api, stageName="api", deploymentId="none")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        served = execute_api.ExecuteApi(lambda _environ, _start: [], lambda _function: port, timeout=0.05)
        begun = time.monotonic()
        answer = Client(served).get(f"{execute_api.PREFIX}{api}/api/hello")
        assert time.monotonic() - begun < 20
    assert (answer.status_code, answer.json) == (504, {"message": "Endpoint request timed out"})
    assert inspect.signature(execute_api.ExecuteApi).parameters["timeout"].default == 29
    client.delete_rest_api(restApiId=api)
