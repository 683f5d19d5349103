"""The resources of a deployed stage, without what differs in each deployment: ids, versions, dates."""

import json
import re
from typing import Any

from localcloud.cloud import LocalCloud
from storygate.deployment.bring_up import Deployment

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/auth-\w{6})?")
FUNCTION = ("FunctionName", "Handler", "MemorySize", "Role", "Runtime", "Timeout", "Environment", "TracingConfig")
MACHINE = ("definition", "roleArn", "type", "loggingConfiguration", "tracingConfiguration")


def picture(cloud: LocalCloud, deployment: Deployment) -> dict[str, Any]:
    """All that `deploy` makes, by kind."""
    stage, client = deployment.stage, cloud.client
    api = deployment.api_url.rstrip("/").split("/")[-2]
    functions = client("lambda").list_functions()["Functions"]
    stack = client("cloudformation").describe_stack_resources(StackName=stage.workflow_stack)["StackResources"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in stack}
    machine = client("stepfunctions").describe_state_machine(stateMachineArn=ids["StateMachine"])
    alias = client("stepfunctions").describe_state_machine_alias(stateMachineAliasArn=ids["Live"])
    found = {
        "stacks": {
            name: [
                resource["LogicalResourceId"]
                for resource in client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
            ]
            for name in (stage.storage_stack, stage.workflow_stack)
        },
        "functions": [{key: function.get(key) for key in FUNCTION} for function in functions],
        "policies": {
            role["RoleName"]: _policies(client("iam"), role["RoleName"]) for role in client("iam").list_roles()["Roles"]
        },
        "apis": [entry["name"] for entry in client("apigateway").get_rest_apis()["items"]],
        "paths": {
            resource["path"]: sorted(resource.get("resourceMethods", {}))
            for resource in client("apigateway").get_resources(restApiId=api)["items"]
        },
        "api stage": _api_stage(client("apigateway").get_stage(restApiId=api, stageName=stage.api_gateway_stage)),
        "trigger": [
            {key: value for key, value in entry.items() if key != "Id"}
            for entry in client("s3").get_bucket_notification_configuration(Bucket=stage.bucket)[
                "LambdaFunctionConfigurations"
            ]
        ],
        "machine": {key: machine[key] for key in MACHINE},
        "live": alias["routingConfiguration"],
        "connections": {
            entry["Name"]: entry["ConnectionState"] for entry in client("events").list_connections()["Connections"]
        },
        "secret": sorted(json.loads(client("secretsmanager").get_secret_value(SecretId=stage.secret)["SecretString"])),
        "logs": {
            group["logGroupName"]: group.get("retentionInDays")
            for group in client("logs").describe_log_groups()["logGroups"]
        },
        "alarms": [alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]],
    }
    plain = json.dumps(found, sort_keys=True, default=str).replace(api, "API")
    for logical, physical in ids.items():
        plain = plain.replace(physical, logical)
    kept: dict[str, Any] = json.loads(ID.sub("ID", plain))
    return {kind: _in_order(value) for kind, value in kept.items()}


def _policies(iam: Any, role: str) -> list[Any]:
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]


def _api_stage(described: Any) -> dict[str, Any]:
    return {key: described.get(key) for key in ("stageName", "methodSettings", "tracingEnabled", "accessLogSettings")}


def _in_order(value: Any) -> Any:
    return sorted(value, key=json.dumps) if isinstance(value, list) else value
