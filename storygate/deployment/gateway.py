"""The REST API's settings that Chalice does not set: access logs, throttling, tracing, and log retention.

`chalice deploy` makes a new deployment of the API each time. Whether the stage then keeps its settings is not
documented (API Gateway API reference, CreateDeployment), so they are compared, and set again if need be, each time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.terminal import Terminal

# One JSON object for each request, without query string, headers and body: each of them may hold a bearer token (API
# Gateway developer guide, "Variables for access logging").
ACCESS_LOG_FORMAT = json.dumps(
    {
        "log": "access",
        "requestId": "$context.requestId",
        "at": "$context.requestTimeEpoch",
        "ip": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "path": "$context.resourcePath",
        "status": "$context.status",
        "ms": "$context.responseLatency",
        "bytes": "$context.responseLength",
        "error": "$context.error.responseType",
        "authorizer": "$context.authorizer.status",
        "integration": "$context.integration.status",
        "trace": "$context.xrayTraceId",
    }
)
EVERY_METHOD = "*/*"
CALLBACK = "jira/callback/POST"


class Limit(NamedTuple):
    """Requests a second, and how many at once; None for a limit that is not set."""

    rate: float | None = None
    burst: int | None = None


@dataclass(frozen=True)
class Settings:
    """The settings of an API Gateway stage that `deploy` manages; None for one that is not set.

    `limits` are those of the callback and of every other method, by their names here. A stage's limits hold for each
    of its methods, and a method may have others (developer guide, api-gateway-request-throttling): so neither a flood
    of calls of the mocks nor two hundred drops at once take the callback's requests from Jira.
    """

    limits: Mapping[str, Limit] = field(default_factory=dict)
    callback_metrics: bool = False
    """Metrics of the callback alone, which the alarm `callback-5xx` needs (developer guide, metrics-and-dimensions)."""
    tracing: bool = False
    log_destination: str | None = None
    log_format: str | None = None

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Settings":
        """Read the answer of GetStage."""
        # The keys are JSON pointers without their first slash, "~1jira~1callback/POST" (CLI reference, get-stage).
        methods = {name.replace("~1", "/").strip("/"): one for name, one in described.get("methodSettings", {}).items()}
        logs = described.get("accessLogSettings") or {}
        return cls(
            {
                method: Limit(methods[method].get("throttlingRateLimit"), methods[method].get("throttlingBurstLimit"))
                for method in (EVERY_METHOD, CALLBACK)
                if method in methods
            },
            bool(methods.get(CALLBACK, {}).get("metricsEnabled")),
            bool(described.get("tracingEnabled")),
            logs.get("destinationArn"),
            logs.get("format"),
        )


def read_settings(context: Context, api: str | None) -> Settings | None:
    """Return the settings of the stage in API Gateway; None if there is no API or no such stage yet."""
    if api is None:
        return None
    client = context.client("apigateway")
    try:
        return Settings.of(client.get_stage(restApiId=api, stageName=context.stage.api_gateway_stage))
    except client.exceptions.NotFoundException:
        return None


def wanted_limits(stage: Stage) -> Mapping[str, Limit]:
    """Return the limits this stage should have."""
    return {
        EVERY_METHOD: Limit(stage.mock_rate_limit, stage.mock_burst_limit),
        CALLBACK: Limit(stage.rate_limit, stage.burst_limit),
    }


def wanted_settings(context: Context) -> Settings:
    """Return the settings this stage should have; without access logs if the account cannot write them (`log_role`)."""
    stage = context.stage
    limits = wanted_limits(stage)
    throttled = Settings(limits, callback_metrics=True, tracing=True)
    if not log_role(context):
        return throttled
    # Without the `:*` that CloudWatch Logs ends its own ARNs with (developer guide, set-up-logging).
    destination = context.arn("logs", f"log-group:{stage.access_log_group}")
    return Settings(limits, True, True, destination, ACCESS_LOG_FORMAT)


def log_role(context: Context) -> str | None:
    """Return the role by which API Gateway writes logs. The whole account shares it, so storygate never sets it."""
    return context.client("apigateway").get_account().get("cloudwatchRoleArn") or None


def apply_settings(context: Context, api: str, terminal: Terminal) -> None:
    """Bring the API's stage to the wanted settings, and the log groups to their retention."""
    stage, wanted = context.stage, wanted_settings(context)
    # Chalice sets it on `…-api_handler`, while its function is called, and logs to, `<app>-<stage>`. The filters of the
    # workflow's stack need this group and the sweep's.
    for function in (stage.api_function, stage.sweep):
        _keep_log(context, f"/aws/lambda/{function}")
    if wanted.log_destination:
        _keep_log(context, stage.access_log_group)
    elif context.aws.endpoint_url:
        terminal.detail("access logs: off; the local cloud does not write them")
    else:
        terminal.warn(
            "access logs stay off: API Gateway has no role for logs in this account; to give it one: "
            "aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN "
            "(docs/operate.md has the role), then deploy again"
        )
    current = read_settings(context, api) or Settings()
    if patch := _patch(current, wanted):
        context.client("apigateway").update_stage(
            restApiId=api, stageName=stage.api_gateway_stage, patchOperations=patch
        )


def _keep_log(context: Context, group: str) -> None:
    """Create a log group if it does not exist, and set its retention."""
    logs = context.client("logs")
    try:
        logs.create_log_group(logGroupName=group)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    logs.put_retention_policy(logGroupName=group, retentionInDays=context.stage.log_retention_days)


def _patch(current: Settings, wanted: Settings) -> list[dict[str, str]]:
    """The operations for UpdateStage. If no access logs are wanted, those that an operator set up are left alone."""
    values: dict[str, tuple[Any, Any]] = {}
    for method, limit in wanted.limits.items():
        old, path = current.limits.get(method, Limit()), _pointer(method)
        values[f"{path}/throttling/rateLimit"] = (old.rate, limit.rate)
        values[f"{path}/throttling/burstLimit"] = (old.burst, limit.burst)
    values |= {
        f"{_pointer(CALLBACK)}/metrics/enabled": (current.callback_metrics, wanted.callback_metrics),
        "/tracingEnabled": (current.tracing, wanted.tracing),
        "/accessLogSettings/destinationArn": (current.log_destination, wanted.log_destination),
        "/accessLogSettings/format": (current.log_format, wanted.log_format),
    }
    return [
        {"op": "replace", "path": path, "value": json.dumps(new) if isinstance(new, bool) else str(new)}
        for path, (old, new) in values.items()
        if new is not None and new != old
    ]


def _pointer(method: str) -> str:
    """The path of a method's settings in UpdateStage; a resource's slashes are `~1` (CLI reference, update-stage)."""
    path, _, verb = method.rpartition("/")
    return f"/{path}/{verb}" if method == EVERY_METHOD else f"/~1{path.replace('/', '~1')}/{verb}"
