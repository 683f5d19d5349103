"""Check the evaluation of policies against answers that AWS's documentation gives."""

from typing import Any

import pytest

from tests.policies.permissions import Need
from tests.policies.policies import allows, grants

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/inputs/*"}
SECRET = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "arn:aws:secretsmanager:*:*:secret:name-??????"}
POST = {
    "Effect": "Allow",
    "Action": ["states:InvokeHTTPEndpoint"],
    "Resource": ["*"],
    "Condition": {"StringEquals": {"states:HTTPMethod": "POST", "states:HTTPEndpoint": ["https://a/1", "https://a/2"]}},
}
NAMED = {
    "Effect": "Allow",
    "Action": "dynamodb:GetItem",
    "Resource": "*",
    "Condition": {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["story", "entry"]},
        "Null": {"dynamodb:Attributes": "false"},
    },
}
DENY = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def need(action: str, resource: str = "*", **context: str | tuple[str, ...]) -> Need:
    pairs = {key.replace("_", ":", 1): (value,) if isinstance(value, str) else value for key, value in context.items()}
    return Need("somebody", action, resource, tuple(pairs.items()))


def secret(name: str) -> Need:
    return need("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:1:secret:{name}")


def http(endpoint: str, **more: str) -> Need:
    return need("states:InvokeHTTPEndpoint", states_HTTPEndpoint=endpoint, **more)


@pytest.mark.parametrize(
    ("statements", "asked", "answer"),
    [
        ([READ], need("s3:GetObject", "arn:aws:s3:::b/inputs/x.json"), True),
        ([READ], need("s3:getobject", "arn:aws:s3:::b/inputs/x.json"), True),
        ([READ], need("s3:GetObjectVersion", "arn:aws:s3:::b/inputs/x.json"), False),
        ([READ], need("s3:GetObject", "arn:aws:s3:::b/outputs/x.json"), False),
        ([READ, DENY], need("s3:GetObject", "arn:aws:s3:::b/inputs/x.json"), False),
        ([SECRET], secret("name-AbC123"), True),
        ([SECRET], secret("name-AbC12"), False),
        ([SECRET], secret("name-two-AbC123"), False),
        ([POST], http("https://a/2", states_HTTPMethod="POST"), True),
        ([POST], http("https://a/3", states_HTTPMethod="POST"), False),
        ([POST], http("https://a/1", states_HTTPMethod="GET"), False),
        ([POST], http("https://a/1"), False),
        ([NAMED], need("dynamodb:GetItem", dynamodb_Attributes=("story", "entry")), True),
        ([NAMED], need("dynamodb:GetItem", dynamodb_Attributes=("story", "taskToken")), False),
        ([NAMED], need("dynamodb:GetItem"), False),
        ([], need("s3:GetObject"), False),
    ],
)
def test_it_answers_as_aws_documents(statements: list[Any], asked: Need, answer: bool) -> None:
    assert allows([{"Statement": statements}], asked) is answer


def test_a_statement_comes_apart_into_one_grant_for_each_action_resource_and_value() -> None:
    written = [{"Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["x", "y"]}]
    found = grants([{"Statement": [*written, POST, NAMED, DENY]}])
    assert [(grant.sid, grant.action, grant.resource, grant.values) for grant in found] == [
        ("A", "s3:GetObject", "x", ()),
        ("A", "s3:GetObject", "y", ()),
        ("A", "s3:PutObject", "x", ()),
        ("A", "s3:PutObject", "y", ()),
        ("", "states:InvokeHTTPEndpoint", "*", ("POST", "https://a/1")),
        ("", "states:InvokeHTTPEndpoint", "*", ("POST", "https://a/2")),
        ("", "dynamodb:GetItem", "*", ()),
    ]
