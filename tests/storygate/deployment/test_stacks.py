"""A stack is brought to its template whatever state it was left in, and a failure says why."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from storygate.deployment.stacks import delete_stack, deploy_stack, settled_status, stack_status
from storygate.stage.aws import Aws
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from tests.storygate.conftest import Screen

NAME = "storygate-dev-test"
TEMPLATE: dict[str, Any] = {
    "Parameters": {"TopicName": {"Type": "String"}},
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "TopicName"}}}},
}
MORE = {
    **TEMPLATE,
    "Resources": {**TEMPLATE["Resources"], "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}}},
}


@pytest.fixture
def client(aws: Aws) -> Any:
    return aws.client("cloudformation")


def deploy(client: Any, screen: Screen, template: Any = TEMPLATE) -> Any:
    return deploy_stack(client, NAME, json.dumps(template), {"TopicName": "t"}, screen.terminal, patience=20)


def test_a_new_stack_is_created(client: Any, screen: Screen, aws: Aws) -> None:
    assert deploy(client, screen) is True
    assert stack_status(client, NAME) == "CREATE_COMPLETE"
    assert len(aws.client("sns").list_topics()["Topics"]) == 1
    assert f"stack {NAME}: created" in screen.text


def test_the_same_template_again_changes_nothing_and_says_so(client: Any, screen: Screen) -> None:
    deploy(client, screen)
    assert deploy(client, screen) is False
    assert f"stack {NAME}: no changes" in screen.text


def test_another_template_updates_the_stack(client: Any, screen: Screen, aws: Aws) -> None:
    deploy(client, screen)
    assert deploy(client, screen, MORE) is True
    assert stack_status(client, NAME) == "UPDATE_COMPLETE"
    assert aws.client("sqs").list_queues()["QueueUrls"]


def test_a_stack_is_deleted_once_and_then_was_not_there(client: Any, screen: Screen) -> None:
    deploy(client, screen)
    assert delete_stack(client, NAME, screen.terminal, patience=20) is True
    assert stack_status(client, NAME) is None
    assert delete_stack(client, NAME, screen.terminal, patience=20) is False


class Scripted:
    """A CloudFormation that moto is not: each operation leaves the stack in the next scripted state.

    `after` maps an operation to the resource events and the final status it leads to (API reference: ExecuteChangeSet,
    DeleteStack, DescribeStackEvents).
    """

    class exceptions:
        ClientError = ClientError

    def __init__(self, statuses: Any, after: Any = (), change_set: Any = ("CREATE_COMPLETE", "")) -> None:
        self.statuses = list(statuses)
        self.after = dict(after)
        self.change_set = change_set
        self.events: list[dict[str, str]] = []
        self.calls: list[str] = []

    def describe_stacks(self, StackName: Any) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": status, "StackId": "id"}]}

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        self.calls.append(f"create_change_set {request['ChangeSetType']}")
        return {"Id": "change", "StackId": "id"}

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        return {"Status": self.change_set[0], "StatusReason": self.change_set[1], "StackName": NAME}

    def delete_change_set(self, **_: Any) -> None:
        self.calls.append("delete_change_set")

    def execute_change_set(self, **_: Any) -> None:
        self._run("execute_change_set")

    def delete_stack(self, **_: Any) -> None:
        self._run("delete_stack")
        self.statuses = [None]

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_stack_events"
        return self

    def paginate(self, **_: Any) -> Any:
        return [{"StackEvents": list(reversed(self.events))}]

    def _run(self, call: Any) -> None:
        self.calls.append(call)
        for resource, status, reason in self.after.get(call, ()):
            self.events.append(
                {
                    "EventId": f"e{len(self.events)}",
                    "LogicalResourceId": resource,
                    "PhysicalResourceId": "id" if resource == NAME else f"physical-{resource}",
                    "ResourceStatus": status,
                    "ResourceStatusReason": reason,
                }
            )


CREATED = [
    (NAME, "CREATE_IN_PROGRESS", "User Initiated"),
    ("Role", "CREATE_COMPLETE", ""),
    (NAME, "CREATE_COMPLETE", ""),
]
DELETED = [(NAME, "DELETE_IN_PROGRESS", "User Initiated"), (NAME, "DELETE_COMPLETE", "")]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_stack_whose_creation_failed_is_deleted_and_created_again(screen: Screen, status: Any) -> None:
    client = Scripted([status], {"delete_stack": DELETED, "execute_change_set": CREATED})
    assert deploy(client, screen) is True
    assert client.calls == ["delete_stack", "create_change_set CREATE", "execute_change_set"]
    assert status in screen.text


def test_a_stack_left_in_review_is_created(screen: Screen) -> None:
    client = Scripted(["REVIEW_IN_PROGRESS"], {"execute_change_set": CREATED})
    assert deploy(client, screen) is True
    assert client.calls == ["create_change_set CREATE", "execute_change_set"]


def test_a_stack_that_is_being_worked_on_is_waited_for(screen: Screen) -> None:
    statuses = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    client = Scripted(statuses, change_set=("FAILED", "The submitted information didn't contain changes."))
    assert deploy(client, screen) is False
    assert client.calls == ["create_change_set UPDATE", "delete_change_set"]
    assert "UPDATE_IN_PROGRESS, waiting" in screen.text


def test_a_stack_stuck_in_a_failed_rollback_says_what_to_run(screen: Screen) -> None:
    with pytest.raises(OperatorError) as caught:
        deploy(Scripted(["UPDATE_ROLLBACK_FAILED"]), screen)
    assert "continue-update-rollback" in caught.value.hint


def test_a_failure_shows_the_first_reasons_and_not_what_was_cancelled(screen: Screen) -> None:
    events = [
        (NAME, "CREATE_IN_PROGRESS", "User Initiated"),
        ("Role", "CREATE_FAILED", "not authorized to perform: iam:CreateRole"),
        ("LogGroup", "CREATE_FAILED", "Resource creation cancelled"),
        (NAME, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Role, LogGroup]."),
        (NAME, "ROLLBACK_COMPLETE", ""),
    ]
    with pytest.raises(OperatorError) as caught:
        deploy(Scripted([None], {"execute_change_set": events}), screen)
    assert "ROLLBACK_COMPLETE:\n  Role: not authorized to perform: iam:CreateRole" in caught.value.message
    assert "LogGroup" not in caught.value.message


def test_failures_of_earlier_operations_are_not_reported(screen: Screen) -> None:
    client = Scripted(["UPDATE_COMPLETE"], {"execute_change_set": [(NAME, "UPDATE_ROLLBACK_COMPLETE", "")]})
    client.events.append({"EventId": "old", "LogicalResourceId": "Old", "ResourceStatus": "UPDATE_FAILED"})
    client.events[0]["ResourceStatusReason"] = "an old reason"
    with pytest.raises(OperatorError) as caught:
        deploy(client, screen)
    assert "an old reason" not in caught.value.message


def test_a_refused_change_set_is_reported_with_its_reason(screen: Screen) -> None:
    client = Scripted([None], change_set=("FAILED", "Parameter ValidationUrl must begin with https://"))
    with pytest.raises(OperatorError, match="must begin with https") as caught:
        deploy(client, screen)
    assert ".chalice/config.json" in caught.value.hint
    assert "execute_change_set" not in client.calls


def test_a_wait_ends_at_its_bound(screen: Screen) -> None:
    with pytest.raises(OperatorError, match="Waited too long"):
        settled_status(Scripted(["UPDATE_IN_PROGRESS"]), NAME, screen.terminal, Patience(0.3))


def test_an_error_that_is_not_about_absence_is_passed_on() -> None:
    class Denied(Scripted):
        def describe_stacks(self, StackName: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"not {StackName}"}}, "DescribeStacks")

    with pytest.raises(ClientError, match="AccessDenied"):
        stack_status(Denied([None]), NAME)
