"""Errors that the operator must fix: one exception with a message and a hint, also for AWS's errors."""

import re

from botocore import exceptions as botocore_errors

from storygate.support.own_command import command_line

AWS_ERRORS = (botocore_errors.BotoCoreError, botocore_errors.ClientError)

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "403"}
UNKNOWN_KEYS = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
THROTTLED = {"RequestLimitExceeded", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException"}
THROTTLED |= {"TooManyRequestsException"}

NO_CREDENTIALS = (
    botocore_errors.NoCredentialsError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.CredentialRetrievalError,
)
NO_SSO = (
    botocore_errors.SSOError,  # also SSOTokenLoadError and UnauthorizedSSOTokenError
    botocore_errors.TokenRetrievalError,
)
UNREACHABLE = (
    botocore_errors.ConnectionError,  # no connection, TLS, timeout while connecting
    botocore_errors.HTTPClientError,  # proxy, timeout while reading, connection lost
)


class OperatorError(Exception):
    """What is wrong (`message`), and what to grant, edit or run (`hint`). Neither holds a secret."""

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFound(OperatorError):
    """What was asked for does not exist: a run, or a page of runs that has expired."""


class OutOfPatience(OperatorError):
    """A wait reached its bound; the awaited event may still come. The exit code is that of timeout(1)."""

    exit_code = 124


class Interrupted(OperatorError):
    """Ctrl-C in a command that would start from its beginning if it were run again."""

    exit_code = 130


class WrongUsage(OperatorError):
    """Arguments that exclude each other."""

    exit_code = 2


def error_code(error: Exception) -> str:
    """Return AWS's code of a ClientError, e.g. `NoSuchBucket` (`404` if the answer had no body); else empty."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def explain(error: Exception) -> OperatorError:
    """Turn a botocore error into what to grant, edit or run; return an OperatorError unchanged.

    Codes as in "Common errors" of the AWS API references.
    """
    if isinstance(error, OperatorError):
        return error
    if isinstance(error, botocore_errors.ClientError):
        return _explain_answer(error)
    if isinstance(error, NO_CREDENTIALS):
        return OperatorError(
            f"No usable AWS credentials: {error}",
            "Run `aws configure` or `aws sso login`, or set AWS_PROFILE; `aws sts get-caller-identity` must work.",
        )
    if isinstance(error, NO_SSO):
        return OperatorError(
            f"The AWS sign-in is missing or has expired: {error}", "Run `aws sso login`, then this again."
        )
    if isinstance(error, botocore_errors.ProfileNotFound):
        return OperatorError(str(error), "Set AWS_PROFILE to one that `aws configure list-profiles` shows.")
    if isinstance(error, botocore_errors.NoRegionError):
        return no_region()
    if isinstance(error, UNREACHABLE):
        return OperatorError(
            f"AWS cannot be reached: {error}",
            "Check the network, the region, and AWS_ENDPOINT_URL: it must be unset for AWS itself, and for the local "
            f"cloud `{command_line('local')}` must be running.",
        )
    return OperatorError(f"{type(error).__name__}: {error}", "Check the AWS configuration, then run this again.")


def no_region() -> OperatorError:
    """Return the error for a missing region. boto3 reads AWS_DEFAULT_REGION or the profile, but not AWS_REGION."""
    return OperatorError(
        "No AWS region is set.", "Run `export AWS_DEFAULT_REGION=eu-west-1` (yours), or `aws configure set region …`."
    )


def _explain_answer(error: botocore_errors.ClientError) -> OperatorError:
    code = error_code(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    call = f"{error.operation_name} ({code}): {message}"
    if code in EXPIRED:
        return OperatorError(
            f"The AWS credentials have expired, said {call}", "Renew them (`aws sso login`), then run this again."
        )
    if code in UNKNOWN_KEYS:
        return OperatorError(
            f"AWS does not accept the credentials, said {call}",
            "Check AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN; `aws sts get-caller-identity` must work.",
        )
    if code in DENIED:
        # "User: arn:… is not authorized to perform: s3:ListBucket on resource: …" is IAM's own wording.
        named = re.search(r"not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?", message)
        action = named.group(1) if named else error.operation_name
        where = f" on {named.group(2)}" if named and named.group(2) else ""
        return OperatorError(f"Not allowed: {call}", f"Grant {action}{where} to the role you deploy with.")
    if code in THROTTLED:
        return OperatorError(
            f"AWS limits the rate of calls: {call}", "Wait a minute and run this again; it continues where it stopped."
        )
    if code == "RequestTimeTooSkewed":
        return OperatorError(f"This machine's clock is wrong, said {call}", "Set the clock, then run this again.")
    request = error.response.get("ResponseMetadata", {}).get("RequestId", "unknown")
    return OperatorError(
        f"AWS refused {call}",
        f"Fix what it names and run this again; it continues where it stopped (request id {request}).",
    )
