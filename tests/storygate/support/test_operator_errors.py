"""An error of AWS reaches the operator as what to grant, edit or run."""

from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from storygate.support.errors import explain


def refusal(code: Any, message: str = "", operation: Any = "CreateTable") -> Any:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"RequestId": "r-1"}}, operation
    )


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (exceptions.NoCredentialsError(), "aws configure"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="x"), "aws configure"),
        (exceptions.NoRegionError(), "AWS_DEFAULT_REGION"),
        (exceptions.ProfileNotFound(profile="dev"), "list-profiles"),
        (exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"), "storygate local"),
        (exceptions.ConnectTimeoutError(endpoint_url="https://s3"), "network"),
        (exceptions.SSLError(endpoint_url="https://s3", error="bad certificate"), "network"),
        (exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (refusal("ExpiredToken"), "Renew"),
        (refusal("InvalidClientTokenId"), "get-caller-identity"),
        (refusal("Throttling"), "Wait a minute"),
        (refusal("RequestTimeTooSkewed"), "clock"),
        (refusal("ValidationException", "no such thing"), "request id r-1"),
    ],
)
def test_every_usual_error_says_what_to_do(error: Exception, fix: str) -> None:
    assert fix in explain(error).hint


def test_a_denial_names_the_action_and_the_resource_to_grant() -> None:
    message = (
        "User: arn:aws:sts::1:assumed-role/dev/me is not authorized to perform: dynamodb:CreateTable "
        "on resource: arn:aws:dynamodb:eu-west-1:1:table/t because no identity-based policy allows it"
    )
    told = explain(refusal("AccessDeniedException", message))
    assert (
        told.hint == "Grant dynamodb:CreateTable on arn:aws:dynamodb:eu-west-1:1:table/t to the role you deploy with."
    )


def test_a_denial_without_words_names_the_call() -> None:
    assert "HeadBucket" in explain(refusal("403", "Forbidden", "HeadBucket")).hint
