"""The permissions that an AWS call needs: actions, each on a resource, with the condition keys of the service.

The source is the service authorization reference; `test_least_privilege.py` compares actions and resources with AWS's
data for it, which cfn-lint brings. A rule that is not in the reference names its page.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.policies.calls import Call


@dataclass(frozen=True)
class Need:
    """A permission that a call needs. A multi-valued condition key has several values."""

    principal: str
    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Account:
    """What is not in a call's parameters. The two functions look ARNs up by name, as the services do."""

    region: str
    number: str
    machine: str
    secret_arn: Callable[[str], str]
    connection_secret_arn: Callable[[str], str]

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a regional resource."""
        return f"arn:aws:{service}:{self.region}:{self.number}:{resource}"


# STS API reference: "No permissions are required to perform this operation."
FREE = {("sts", "GetCallerIdentity")}
NOT_THERE = {"404", "S3.NoSuchKeyException"}
TAKES_403_FOR_404 = {"run_status"}  # a result that it may not list is one that is not there (run_request.py)
# DynamoDB developer guide, "IAM and transactions": a transaction needs what its items need.
IN_TRANSACTION = {
    "ConditionCheck": "ConditionCheckItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
}
STATES_ON = {"StartExecution": "machine", "ListExecutions": "machine", "DescribeStateMachine": "machine"}
STATES_ON |= {"DescribeExecution": "execution", "GetExecutionHistory": "execution", "StopExecution": "execution"}
STATES_ON |= {"DescribeStateMachineForExecution": "execution"}


def needs(call: Call, account: Account) -> list[Need]:
    """Return the permissions that a call needs. Raises KeyError for a service or operation without a rule here."""
    operation = call.operation[0].upper() + call.operation[1:]  # the state machine spells it `getObject`
    if (call.service, operation) in FREE:
        return []
    found = SERVICES[call.service](call, operation, account)
    return [Need(call.principal, *rest) for rest in found]


Found = Iterator[tuple[Any, ...]]


def _s3(call: Call, operation: str, _: Account) -> Found:
    bucket = f"arn:aws:s3:::{call.parameters['Bucket']}"
    if operation in {"GetObject", "HeadObject"}:
        item = f"{bucket}/{call.parameters['Key']}"
        yield "s3:GetObjectVersion" if call.parameters.get("VersionId") else "s3:GetObject", item
        if call.error in NOT_THERE and call.principal not in TAKES_403_FOR_404:
            # Without it S3 answers 403 in place of 404 (S3 API reference, GetObject, "Permissions").
            yield "s3:ListBucket", bucket
    elif operation == "PutObject":
        yield "s3:PutObject", f"{bucket}/{call.parameters['Key']}"
    elif operation == "ListObjectsV2":
        yield "s3:ListBucket", bucket, (("s3:prefix", (call.parameters["Prefix"],)),)
    elif operation == "ListObjectVersions":
        yield "s3:ListBucketVersions", bucket, (("s3:prefix", (call.parameters["Prefix"],)),)
    else:
        raise KeyError(operation)


def _dynamodb(call: Call, operation: str, account: Account) -> Found:
    if operation == "TransactWriteItems":
        for item in call.parameters["TransactItems"]:
            for kind, request in item.items():
                yield f"dynamodb:{IN_TRANSACTION[kind]}", account.arn("dynamodb", f"table/{request['TableName']}")
        return
    if operation == "BatchGetItem":
        for table, request in call.parameters["RequestItems"].items():
            yield f"dynamodb:{operation}", account.arn("dynamodb", f"table/{table}"), _attributes(request)
        return
    index = f"/index/{call.parameters['IndexName']}" if "IndexName" in call.parameters else ""
    table = account.arn("dynamodb", f"table/{call.parameters['TableName']}{index}")
    # Select is a parameter of Query and Scan alone (API reference).
    asked = {"Select": "SPECIFIC_ATTRIBUTES"} if "ProjectionExpression" in call.parameters else {}
    select = (asked | call.parameters).get("Select") if operation in {"Query", "Scan"} else None
    context = _attributes(call.parameters) + ((("dynamodb:Select", (select,)),) if select else ())
    yield f"dynamodb:{operation}", table, context


def _attributes(request: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the attributes that a read names, keys included (DynamoDB developer guide, specifying-conditions)."""
    projection = request.get("ProjectionExpression")
    if not projection:
        return ()
    names = request.get("ExpressionAttributeNames", {})
    asked = [names.get(name.strip(), name.strip()) for name in projection.split(",")]
    keys = [name for key in (request.get("Key", {}), *request.get("Keys", [])) for name in key]
    attributes = tuple(dict.fromkeys(["story", "entry", *asked, *keys]))
    return (("dynamodb:Attributes", attributes),)


def _http(call: Call, _: str, account: Account) -> Found:
    """Step Functions developer guide, call-https-apis, "IAM permissions to run an HTTP Task"."""
    endpoint, method = call.parameters["ApiEndpoint"], call.parameters["Method"]
    connection = call.parameters["InvocationConfig"]["ConnectionArn"]
    context = (("states:HTTPEndpoint", (endpoint,)), ("states:HTTPMethod", (method,)))
    yield "states:InvokeHTTPEndpoint", account.machine, context
    yield "events:RetrieveConnectionCredentials", connection
    for action in ("GetSecretValue", "DescribeSecret"):
        yield f"secretsmanager:{action}", account.connection_secret_arn(connection)


def _secretsmanager(call: Call, operation: str, account: Account) -> Found:
    yield f"secretsmanager:{operation}", account.secret_arn(call.parameters["SecretId"])


def _states(call: Call, operation: str, account: Account) -> Found:
    if operation == "SendTaskSuccess":
        # AWS finds the state machine by the token. The reference lists no resource, yet AWS checks one; see
        # RESOURCE_BY_OTHER_SOURCES in test_least_privilege.py.
        yield f"states:{operation}", account.machine
    elif STATES_ON[operation] == "machine":
        yield f"states:{operation}", call.parameters["stateMachineArn"]
    else:
        yield f"states:{operation}", call.parameters["executionArn"]


def _sqs(call: Call, operation: str, account: Account) -> Found:
    queue = call.parameters.get("QueueName") or call.parameters["QueueUrl"].rpartition("/")[2]
    yield f"sqs:{operation}", account.arn("sqs", queue)


def _lambda(call: Call, operation: str, account: Account) -> Found:
    assert operation == "Invoke"
    yield "lambda:InvokeFunction", account.arn("lambda", f"function:{call.parameters['FunctionName']}")


SERVICES: dict[str, Callable[[Call, str, Account], Found]] = {
    "s3": _s3,
    "dynamodb": _dynamodb,
    "http": _http,
    "secretsmanager": _secretsmanager,
    "states": _states,
    "sqs": _sqs,
    "lambda": _lambda,
}
