"""Lambda functions run.

AWS runs the deployed code and answers as in the Lambda API reference, `Invoke`: the result, or, with the header
X-Amz-Function-Error, a description of the error; an `Event` invocation is queued, answered 202 and retried.
moto 5.2.5 starts a Docker container for every single event, waits for it even if the invocation is an `Event`, and
retries nothing.
Here `localcloud.lambda_functions` runs them, from the moment a local cloud hands it to `run_with`. The deletion of a
function ends its processes. A change of a function's variables is reported to the local cloud at once: Lambda replaces
a function's execution environments when its configuration changes (developer guide, functions-states).
"""

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import moto.awslambda.models as lambda_models
from moto.core.utils import unix_time_millis, utcnow
from moto.logs.models import logs_backends
from moto.sqs.models import sqs_backends

from localcloud.gaps.patching import Gap
from localcloud.lambda_functions import AsyncPolicy, LambdaFunctions
from localcloud.lambda_process import Function, Outcome

log = logging.getLogger("localcloud.lambda")

gap = Gap()

_runner: LambdaFunctions | None = None
_on_change: Callable[[str], None] | None = None


def run_with(runner: LambdaFunctions | None, on_change: Callable[[str], None] | None = None) -> None:
    """Run functions with this runner from now on; None: refuse to run any. moto's state is global, so this is too.

    `on_change` is called with the name of each function whose variables have changed, before the change is answered.
    """
    global _runner, _on_change
    _runner, _on_change = runner, on_change


def invoke_async(function: Any, event: Any) -> "Future[None]":
    """Queue an event for moto's `LambdaFunction`, as S3, EventBridge and an Event invocation do.

    The future ends after the last attempt.
    """
    return _running().enqueue(_deployed(function), event, _policy(function))


def write_log(account_id: str, region: str, group: str, stream: str, line: str) -> None:
    """Append one line to CloudWatch Logs; the first line creates the group and the stream."""
    backend = logs_backends[account_id][region]
    backend.ensure_log_group(group)
    if stream not in backend.groups[group].streams:
        backend.create_log_stream(group, stream)
    backend.put_log_events(group, stream, [{"timestamp": int(unix_time_millis()), "message": line}])


def _running() -> LambdaFunctions:
    if _runner is None:
        raise RuntimeError("no local cloud is running, so no Lambda function can run")
    return _runner


@gap.replaces(lambda_models.LambdaFunction, "invoke")
def _invoke(function: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
    event = json.loads(body) if body else {}
    match request_headers.get("x-amz-invocation-type") or "RequestResponse":
        case "Event":
            invoke_async(function, event)
            return b""
        case "DryRun":
            return b""
    outcome = _running().invoke(_deployed(function), event)
    if outcome.error:
        response_headers["x-amz-function-error"] = outcome.error
    return outcome.payload


@gap.wraps(lambda_models.LambdaBackend, "delete_function")
def _delete_function(
    original: Callable[..., None], backend: Any, function_name: str, qualifier: str | None = None
) -> None:
    arn = backend.get_function(function_name).function_arn
    original(backend, function_name, qualifier)
    if _runner and not qualifier:
        _runner.forget(arn)


@gap.wraps(lambda_models.LambdaBackend, "update_function_configuration")
def _update_configuration(
    original: Callable[..., Any], backend: Any, function_name: str, qualifier: str, body: dict[str, Any]
) -> Any:
    function = backend.get_function(function_name, qualifier)
    before = dict(function.environment_vars)
    answer = original(backend, function_name, qualifier, body)
    if _on_change and function.environment_vars != before:
        _on_change(function.function_name)
    return answer


@gap.replaces(lambda_models.LambdaBackend, "put_function_event_invoke_config")
def _put_event_invoke_config(backend: Any, function_name: str, config: dict[str, Any]) -> Any:
    # Put replaces (Lambda API reference, PutFunctionEventInvokeConfig); moto appends, and keeps reading the first.
    function = backend.get_function(function_name)
    config = {key: value for key, value in config.items() if value is not None}
    function.event_invoke_config = [
        lambda_models.EventInvokeConfig(function.function_arn, utcnow().timestamp(), config)
    ]
    return function.event_invoke_config[0].response()


def _deployed(function: Any) -> Function:
    return Function(
        arn=function.function_arn,
        name=function.function_name,
        handler=function.handler,
        timeout_seconds=int(function.timeout),
        memory_mb=int(function.memory_size),
        variables=tuple(sorted(function.environment_vars.items())),
        code_sha256=function.code_sha_256,
        code=function.code_bytes,
    )


def _policy(function: Any) -> AsyncPolicy:
    if not function.event_invoke_config:
        return AsyncPolicy()
    config = function.event_invoke_config[-1].config
    destination = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")

    def send_to_queue(event: Any, outcome: Outcome, attempts: int) -> None:
        _send_to_queue(destination, function.function_arn, event, outcome, attempts)

    return AsyncPolicy(
        retries=config.get("MaximumRetryAttempts", AsyncPolicy.retries),
        on_failure=send_to_queue if ":sqs:" in destination else None,
    )


def _send_to_queue(queue_arn: str, function_arn: str, event: Any, outcome: Outcome, attempts: int) -> None:
    """Send the record of a failed event (Lambda developer guide, invocation-async-retain-records.html)."""
    _, _, _, region, account_id, queue = queue_arn.split(":")
    record = {
        "version": "1.0",
        "timestamp": utcnow().isoformat(timespec="milliseconds") + "Z",
        "requestContext": {
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": outcome.error},
        "responsePayload": json.loads(outcome.payload),
    }
    log.warning("event for %s failed %d times and went to %s", function_arn, attempts, queue)
    sqs_backends[account_id][region].send_message(queue, json.dumps(record))
