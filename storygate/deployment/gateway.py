"""What Chalice leaves unset on the REST API: access logs, throttling, tracing, and the right log group's retention.

`chalice deploy` makes a new deployment of the API each time, and nothing says what becomes of the stage's settings then
(API Gateway API reference, CreateDeployment); so they are compared and set again after each.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.support.terminal import Terminal

# One JSON object a request. No query string, no header, no body: a bearer token may stand in any of them (API Gateway
# developer guide, "Variables for access logging").
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


@dataclass(frozen=True)
class Settings:
    """A stage's settings as far as we set them; None where one is unset."""

    rate_limit: float | None = None
    burst_limit: int | None = None
    tracing: bool = False
    log_destination: str | None = None
    log_format: str | None = None

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Settings":
        """What GetStage answers."""
        throttling = described.get("methodSettings", {}).get(EVERY_METHOD, {})
        logs = described.get("accessLogSettings") or {}
        return cls(
            throttling.get("throttlingRateLimit"),
            throttling.get("throttlingBurstLimit"),
            bool(described.get("tracingEnabled")),
            logs.get("destinationArn"),
            logs.get("format"),
        )


def read_settings(api: str | None, stage: Stage, aws: Aws) -> Settings | None:
    """The stage's settings; None if there is no API or no stage of it yet."""
    if api is None:
        return None
    client = aws.client("apigateway")
    try:
        return Settings.of(client.get_stage(restApiId=api, stageName=stage.api_gateway_stage))
    except client.exceptions.NotFoundException:
        return None


def wanted_settings(stage: Stage, aws: Aws) -> Settings:
    """What the stage shall have; without access logs if the account cannot take them (see `log_role`)."""
    throttled = Settings(stage.rate_limit, stage.burst_limit, tracing=True)
    if not log_role(aws):
        return throttled
    _, partition, _, _, account, _ = str(aws.client("sts").get_caller_identity()["Arn"]).split(":", 5)
    # Without the `:*` that CloudWatch Logs ends its own ARNs with (developer guide, set-up-logging).
    destination = f"arn:{partition}:logs:{stage.region}:{account}:log-group:{stage.access_log_group}"
    return Settings(stage.rate_limit, stage.burst_limit, True, destination, ACCESS_LOG_FORMAT)


def log_role(aws: Aws) -> str | None:
    """The role by which API Gateway writes logs: one for the whole account and region, hence never set by us."""
    return aws.client("apigateway").get_account().get("cloudwatchRoleArn") or None


def set_up(api: str, stage: Stage, aws: Aws, terminal: Terminal) -> None:
    """Brings the stage of the API to the wanted settings, and the log groups to their retention."""
    wanted = wanted_settings(stage, aws)
    # Chalice sets it on `…-api_handler`, while its function is called, and logs to, `<app>-<stage>`.
    _keep_log(f"/aws/lambda/{stage.api_function}", stage, aws)
    if wanted.log_destination:
        _keep_log(stage.access_log_group, stage, aws)
    elif aws.endpoint_url:
        terminal.detail("access logs: off; this cloud has nobody who would write them")
    else:
        terminal.warn(
            "access logs stay off: API Gateway has no role for logs in this account; to give it one: "
            "aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN "
            "(docs/production.md has the role), then deploy again"
        )
    current = read_settings(api, stage, aws) or Settings()
    if patch := _patch(current, wanted):
        aws.client("apigateway").update_stage(restApiId=api, stageName=stage.api_gateway_stage, patchOperations=patch)


def _keep_log(group: str, stage: Stage, aws: Aws) -> None:
    """Makes sure of a log group and its retention."""
    logs = aws.client("logs")
    try:
        logs.create_log_group(logGroupName=group)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    logs.put_retention_policy(logGroupName=group, retentionInDays=stage.log_retention_days)


def _patch(current: Settings, wanted: Settings) -> list[dict[str, str]]:
    """The operations for UpdateStage. Access logs that somebody set up otherwise are left alone if we want none."""
    values = {
        f"/{EVERY_METHOD}/throttling/rateLimit": (current.rate_limit, wanted.rate_limit),
        f"/{EVERY_METHOD}/throttling/burstLimit": (current.burst_limit, wanted.burst_limit),
        "/tracingEnabled": (current.tracing, wanted.tracing),
        "/accessLogSettings/destinationArn": (current.log_destination, wanted.log_destination),
        "/accessLogSettings/format": (current.log_format, wanted.log_format),
    }
    return [
        {"op": "replace", "path": path, "value": json.dumps(new) if isinstance(new, bool) else str(new)}
        for path, (old, new) in values.items()
        if new is not None and new != old
    ]
