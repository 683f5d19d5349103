"""Prove least privilege both ways: each recorded call is allowed, and each permission is needed by a recorded call."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.policies.permissions import Need, needs
from tests.policies.policies import Grant, allows, grants
from tests.policies.scenario import FUNCTIONS, MACHINE, OPERATOR, Recorded, record
from tests.proofs import PROOF, table

PRINCIPALS = (*FUNCTIONS, MACHINE, OPERATOR)

LOG = "Lambda writes a function's log with the function's role; our code makes no such call"
TRACE = "the X-Ray daemon beside a function sends its traces with the function's role"
DELIVERY = "Step Functions sets its log's delivery up with the role when the machine is saved; no state calls it"
MACHINE_TRACE = "Step Functions sends its traces with the role; no state calls X-Ray"
BY_HAND = "operators use it in AWS's console or with the AWS CLI; no command of ours does"

# Permissions that no recorded call needs: principal, statement, action, resource, why it is there.
EXCEPTIONS = [
    *((function, "WriteItsLog", "logs:*", "*", LOG) for function in FUNCTIONS),
    *((function, "SendItsTraces", "xray:*", "*", TRACE) for function in FUNCTIONS),
    (MACHINE, "DeliverItsLog", "logs:*", "*", DELIVERY),
    (MACHINE, "SendItsTraces", "xray:*", "*", MACHINE_TRACE),
    (OPERATOR, "SeeRuns", "states:DescribeStateMachine", "*:stateMachine:*", BY_HAND),
    (OPERATOR, "ReadLogs", "logs:*", "*", BY_HAND),
    (OPERATOR, "CountDropsThatStartedNothing", "sqs:*", "*", BY_HAND),
    (OPERATOR, "SeeTheDashboard", "cloudwatch:*", "*", BY_HAND),
    (OPERATOR, "SeeAlarmsAndMetrics", "cloudwatch:*", "*", BY_HAND),
]

# AWS's reference names no resource for these actions; other sources do.
RESOURCE_BY_OTHER_SOURCES = {
    # Step Functions developer guide, call-https-apis, the role's example.
    "states:InvokeHTTPEndpoint",
    # AWS CDK, StateMachine.grantTaskResponse; tried on AWS in aws/aws-cdk#8486, and NOAA-OWP/hydrovis#837 quotes an
    # AccessDenied "on resource: arn:aws:states:…:stateMachine:…".
    "states:SendTaskSuccess",
}
_CFN_LINT = find_spec("cfnlint")  # found, not imported: the import takes a second, in every worker
assert _CFN_LINT is not None
assert _CFN_LINT.origin is not None
REFERENCE = json.loads(
    (Path(_CFN_LINT.origin).parent / "data" / "AdditionalSpecs" / "Policies.json").read_text(encoding="utf-8")
)


def formats(action: str) -> list[str]:
    """Return the ARN formats of the resources that an action takes, as regular expressions; none for `*` alone."""
    service, _, name = action.partition(":")
    resources = {kind.lower(): described for kind, described in REFERENCE[service]["Resources"].items()}
    kinds = REFERENCE[service]["Actions"][name.lower()].get("Resources", [])
    forms = [form for kind in kinds for form in resources[kind.lower()]["ARNFormats"]]
    return [re.sub(r"\$\{\w+\}", "[^:]*", form) for form in forms]


def is_void(grant: Grant) -> bool:
    """Return whether the action does not apply to the resource: a statement combines all its actions and resources."""
    known = formats(grant.action)
    return bool(known) and grant.resource != "*" and not any(re.fullmatch(form, grant.resource) for form in known)


class Proof:
    """The recorded run as needs and grants of each principal."""

    def __init__(self, recorded: Recorded) -> None:
        assert recorded.account is not None
        self.policies = recorded.policies
        self.needs: dict[str, Counter[Need]] = {principal: Counter() for principal in PRINCIPALS}
        for call in recorded.calls:
            self.needs[call.principal].update(needs(call, recorded.account))
        self.grants = {
            principal: [grant for grant in grants(self.policies[principal]) if not is_void(grant)]
            for principal in PRINCIPALS
        }

    def uses(self, principal: str) -> list[tuple[Grant, int]]:
        """Return each grant of a principal with the number of calls that need it."""
        counted = self.needs[principal].items()
        return [(grant, sum(n for need, n in counted if grant.covers(need))) for grant in self.grants[principal]]


def reasons(principal: str, grant: Grant) -> list[str]:
    """Return why a grant is there although no recorded call needs it."""
    return [
        why
        for who, sid, action, resource, why in EXCEPTIONS
        if (who, sid) == (principal, grant.sid)
        and fnmatchcase(grant.action, action)
        and fnmatchcase(grant.resource, resource)
    ]


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    return Proof(record(tmp_path_factory.mktemp("project")))


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_each_call_is_allowed_by_the_callers_own_policy(proof: Proof, principal: str) -> None:
    assert proof.needs[principal], "nothing was recorded"
    assert not [need for need in proof.needs[principal] if not allows(proof.policies[principal], need)]


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_call_of_a_function_is_allowed_in_the_other_partitions(
    proof: Proof, function: str, partition: str
) -> None:
    there = [
        replace(need, resource=need.resource.replace("arn:aws:", f"arn:{partition}:")) for need in proof.needs[function]
    ]
    assert not [need for need in there if not allows(proof.policies[function], need)]


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_each_grant_is_needed_or_excepted_with_a_reason(proof: Proof, principal: str) -> None:
    uses = proof.uses(principal)
    assert not [grant for grant, calls in uses if not calls and not reasons(principal, grant)]
    assert not [grant for grant, calls in uses if calls and reasons(principal, grant)], "a stale exception"


def test_each_exception_is_about_a_grant_that_exists(proof: Proof) -> None:
    found = {why for principal in PRINCIPALS for grant in proof.grants[principal] for why in reasons(principal, grant)}
    named = {(who, sid) for who in PRINCIPALS for sid in (grant.sid for grant in proof.grants[who])}
    assert {why for *_, why in EXCEPTIONS} == found
    assert {(who, sid) for who, sid, *_ in EXCEPTIONS} <= named


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_without_any_one_grant_some_recorded_call_would_be_denied(proof: Proof, principal: str) -> None:
    for taken, calls in proof.uses(principal):
        rest = [{"Statement": [grant.statement for grant in proof.grants[principal] if grant is not taken]}]
        still_allowed = all(allows(rest, need) for need in proof.needs[principal])
        assert still_allowed is (calls == 0), taken


def test_each_need_is_an_action_and_a_resource_that_aws_knows(proof: Proof) -> None:
    for need in {need for counted in proof.needs.values() for need in counted}:
        known = formats(need.action)
        if need.action in RESOURCE_BY_OTHER_SOURCES:
            assert not known, f"AWS's reference now names a resource for {need.action}: drop it from the list"
        else:
            assert any(re.fullmatch(form, need.resource) for form in known), (need, known)


def test_the_proof_is_shown(proof: Proof, record_property: Callable[[str, object], None]) -> None:
    needed, idle = [], Counter[tuple[str, str, str]]()
    for principal in PRINCIPALS:
        for grant, calls in proof.uses(principal):
            if calls:
                needed.append((principal, grant.action, _short(grant), grant.sid, calls))
            else:
                idle[principal, grant.sid, reasons(principal, grant)[0]] += 1
    checks = sum(sum(counted.values()) for counted in proof.needs.values())
    title = f"least privilege: {len(needed)} grants, each needed by some of {checks} recorded permission checks"
    record_property(PROOF, table(title, ("principal", "action", "on", "allowed by", "calls"), needed))
    title = f"least privilege: {sum(idle.values())} grants that no recorded call needs"
    rows = [(principal, sid, count, why) for (principal, sid, why), count in idle.items()]
    record_property(PROOF, table(title, ("principal", "statement", "grants", "why it stays"), rows))


def _short(grant: Grant) -> str:
    """Return resource and condition values without the parts that are alike in all of them or generated by AWS."""
    text = " ".join([re.sub(r"^arn:(aws|\*):", "", grant.resource), *grant.values])
    text = re.sub(r"http://127\.0\.0\.1:\d+/_aws/execute-api/\w+/\w+", "", text)
    text = re.sub(r":(us-east-1|\*)?:(123456789012|\*):", ":", text)
    return re.sub(r"/[0-9a-f-]{36}(/auth-\w{6})?$", "", text)
