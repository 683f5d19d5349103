"""Executions of other machines, of versions and of aliases, and how executions are listed and described."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.gaps.registry import filled
from tests.localcloud.conftest import BREAKS, Bare
from tests.localcloud.stepfunctions_cloud import ROLE, Cloud, states, task
from tests.localcloud.test_stepfunctions_tokens import code

CHILD = states(A={"Type": "Pass", "Output": {"doubled": "{% $states.input.n * 2 %}"}, "End": True})


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def child(cloud: Cloud) -> str:
    return cloud.machine(CHILD)


def output(number: int) -> dict[str, Any]:
    return states(A={"Type": "Pass", "Output": number, "End": True})


@pytest.mark.parametrize(
    ("pattern", "given"), [(".sync:2", {"doubled": 4}), (".sync", '{"doubled":4}')], ids=["sync:2", "sync"]
)
def test_a_task_waits_for_an_execution_and_gets_its_output(
    cloud: Cloud, child: str, pattern: str, given: object
) -> None:
    parent = states(A=task(f"states:startExecution{pattern}", {"StateMachineArn": child, "Input": {"n": 2}}))
    result = cloud.output(parent)
    assert result["Output"] == given
    assert (result["Status"], result["StateMachineArn"]) == ("SUCCEEDED", child)
    assert result["StopDate"] >= result["StartDate"] > 1_700_000_000_000


def test_a_task_that_does_not_wait_gets_the_arn(cloud: Cloud, child: str) -> None:
    arguments = {"StateMachineArn": child, "Input": {"n": 2}, "Name": "named-by-parent"}
    result = cloud.output(states(A=task("states:startExecution", arguments)))
    assert sorted(result) == ["ExecutionArn", "StartDate"]
    assert cloud.ended(result["ExecutionArn"])["name"] == "named-by-parent"


def test_an_execution_that_fails_fails_the_task_that_waits_for_it_with_its_description(cloud: Cloud) -> None:
    child = cloud.machine(states(A={"Type": "Fail", "Error": "rejected", "Cause": "they said no"}))
    ended = cloud.run(states(A=task("states:startExecution.sync:2", {"StateMachineArn": child})))
    assert ended["error"] == "States.TaskFailed"
    described = json.loads(ended["cause"])
    assert (described["Status"], described["Error"], described["Cause"]) == ("FAILED", "rejected", "they said no")


def test_an_execution_can_be_started_by_version_and_by_alias_and_listed_by_both(cloud: Cloud) -> None:
    client = cloud.states
    machine = cloud.machine(output(1))
    one = client.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    definition = json.dumps({**output(2), "QueryLanguage": "JSONata"})
    two = client.update_state_machine(stateMachineArn=machine, definition=definition, publish=True)
    route = {"stateMachineVersionArn": one, "weight": 100}
    live = client.create_state_machine_alias(name="live", routingConfiguration=[route])["stateMachineAliasArn"]
    by_version, by_alias, by_machine = (cloud.start(arn) for arn in (one, live, machine))
    assert [cloud.ended(each)["output"] for each in (by_version, by_alias, by_machine)] == ["1", "1", "2"]

    described = client.describe_execution(executionArn=by_alias)
    assert (described["stateMachineArn"], described["stateMachineVersionArn"]) == (machine, one)
    assert described["stateMachineAliasArn"] == live
    assert client.describe_state_machine_for_execution(executionArn=by_version)["definition"] != definition

    def listed(arn: str) -> list[str]:
        return [each["executionArn"] for each in client.list_executions(stateMachineArn=arn)["executions"]]

    assert listed(live) == [by_alias]
    assert listed(one) == [by_alias, by_version]
    assert listed(two["stateMachineVersionArn"]) == []
    assert listed(machine) == [by_machine, by_alias, by_version]
    for nothing in (f"{machine}:3", f"{machine}:dead"):
        assert code(client.start_execution, stateMachineArn=nothing) == "StateMachineDoesNotExist"
        assert code(client.list_executions, stateMachineArn=nothing) == "StateMachineDoesNotExist"


def test_executions_are_listed_in_pages_and_by_a_status_that_exists(cloud: Cloud, child: str) -> None:
    machine = cloud.machine(output(1))
    newest_first = [cloud.start(machine) for _ in range(5)][::-1]
    for execution in newest_first:
        cloud.ended(execution)
    pages = cloud.states.get_paginator("list_executions").paginate(
        stateMachineArn=machine, statusFilter="SUCCEEDED", PaginationConfig={"PageSize": 2}
    )
    assert [[each["executionArn"] for each in page["executions"]] for page in pages] == [
        newest_first[:2],
        newest_first[2:4],
        newest_first[4:],
    ]
    assert code(cloud.states.list_executions, stateMachineArn=child, statusFilter="OVER") == "ValidationException"
    assert code(cloud.states.list_executions, stateMachineArn=child, maxResults=1001) == "ValidationException"


def test_an_input_that_is_no_json_is_refused_by_its_name(cloud: Cloud, child: str) -> None:
    assert code(cloud.states.start_execution, stateMachineArn=child, input="{") == "InvalidExecutionInput"


def test_an_alias_has_a_name_that_is_no_number_and_versions_that_differ(cloud: Cloud, child: str) -> None:
    client = cloud.states
    version = client.publish_state_machine_version(stateMachineArn=child)["stateMachineVersionArn"]
    whole, half = (
        [{"stateMachineVersionArn": version, "weight": 100}],
        {"stateMachineVersionArn": version, "weight": 50},
    )
    for name in ("1", "a b", "x" * 81):
        assert code(client.create_state_machine_alias, name=name, routingConfiguration=whole) == "ValidationException"
    elsewhere = [{"stateMachineVersionArn": f"{child}:99", "weight": 100}]
    for routes, error in (([half, half], "ValidationException"), (elsewhere, "StateMachineDoesNotExist")):
        assert code(client.create_state_machine_alias, name="ok", routingConfiguration=routes) == error


def test_an_update_names_its_revision_and_a_description_the_settings_of_logs(cloud: Cloud) -> None:
    client, machine = cloud.states, cloud.machine(output(1))
    execution = cloud.start(machine)
    before = client.describe_state_machine(stateMachineArn=machine)
    assert before["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert "revisionId" not in before
    updated = client.update_state_machine(stateMachineArn=machine, roleArn=f"{ROLE}2")
    assert client.describe_state_machine(stateMachineArn=machine)["revisionId"] == updated["revisionId"]
    begun = client.describe_state_machine_for_execution(executionArn=execution)
    assert begun["updateDate"] == before["creationDate"] < updated["updateDate"]


def test_a_version_is_deleted_unless_an_alias_names_it(cloud: Cloud) -> None:
    client = cloud.states
    machine = cloud.machine(output(1))
    version = client.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    route = {"stateMachineVersionArn": version, "weight": 100}
    alias = client.create_state_machine_alias(name="live", routingConfiguration=[route])["stateMachineAliasArn"]
    assert code(client.delete_state_machine_version, stateMachineVersionArn=version) == "ConflictException"
    client.delete_state_machine_alias(stateMachineAliasArn=alias)
    client.delete_state_machine_version(stateMachineVersionArn=version)
    assert client.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"] == []


def test_moto_still_cannot_start_a_version(bare_moto: Bare) -> None:
    client = bare_moto.client("stepfunctions")
    definition = json.dumps(states(A={"Type": "Pass", "End": True}))
    made = client.create_state_machine(name="versioned", definition=definition, roleArn=ROLE, publish=True)
    with pytest.raises(BREAKS):
        client.start_execution(stateMachineArn=made["stateMachineVersionArn"])
