"""The REST API: it answers, refuses strangers, limits the rate of calls, and logs them."""

from collections.abc import Mapping

from storygate.checks.finding import Examination, Finding, check, fail, ok, warn
from storygate.deployment.functions import api_url
from storygate.deployment.gateway import (
    CALLBACK,
    EVERY_METHOD,
    Limit,
    Settings,
    log_role,
    read_settings,
    wanted_limits,
    wanted_settings,
)
from storygate.support.http import post

SECONDS = 15.0
NAME = "storygate-doctor"
"""Names these requests in the callback's log; the alarm for refused deliveries leaves them out (workflow.yaml)."""


@check("API reachable", "Jira's deliveries and the calls of the mocks come through it")
def reachable(context: Examination) -> Finding:
    """A mock API answers 401 to a request without a token: its authorizer works."""
    return _refuses(context, "/mock/validation", "to a stranger", context.stage.authorizer)


@check("callback refuses strangers", "every caller that the callback accepts can approve a deployment")
def callback(context: Examination) -> Finding:
    """The callback answers 401 to a request without a credential."""
    return _refuses(context, "/jira/callback", "without a signature", context.stage.api_function)


@check("throttling", "without a limit, a flood of calls costs money and uses up the account's quota")
def throttling(context: Examination) -> Finding:
    """The limits of the callback, and of each other method, are those of config.json."""
    current, wanted = _settings(context).limits, wanted_limits(context.stage)
    if current == wanted:
        return ok(_described(wanted))
    return fail(f"{_described(current)}; not {_described(wanted)}", context.deploy_command)


@check("access logs", "only they show who called, from where, and what the answer was")
def access_logs(context: Examination) -> Finding:
    """API Gateway logs each request. A missing role of the account is a warning: the whole account shares that role."""
    current = _settings(context)
    if not log_role(context):
        return warn(
            "off: API Gateway has no role for logs in this account",
            "aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN "
            f"(docs/operate.md has the role), then {context.deploy_command}",
        )
    wanted = wanted_settings(context)
    if (current.log_destination, current.log_format) == (wanted.log_destination, wanted.log_format):
        return ok(f"in {context.stage.access_log_group}")
    return fail(f"they go to {current.log_destination or 'nowhere'}, or have another format", context.deploy_command)


@check("tracing", "a trace shows where a slow or lost callback spent its time")
def tracing(context: Examination) -> Finding:
    """X-Ray is on for the API, its functions and the state machine."""
    traced = {"the API": _settings(context).tracing}
    for name in context.stage.lambda_names.values():
        configuration = context.client("lambda").get_function_configuration(FunctionName=name)
        traced[name] = configuration.get("TracingConfig", {}).get("Mode") == "Active"
    machine = context.client("stepfunctions").describe_state_machine(stateMachineArn=context.machine_arn)
    traced["the state machine"] = bool(machine.get("tracingConfiguration", {}).get("enabled"))
    off = [what for what, on in traced.items() if not on]
    if not off:
        return ok("on")
    update = f"aws stepfunctions update-state-machine --state-machine-arn {context.machine_arn}"
    command = (
        f"{update} --tracing-configuration enabled=true" if off == ["the state machine"] else context.deploy_command
    )
    return warn(f"off for {', '.join(off)}", command)


def _described(limits: Mapping[str, Limit]) -> str:
    callback, others = limits.get(CALLBACK, Limit()), limits.get(EVERY_METHOD, Limit())
    return (
        f"callback {callback.rate} a second and bursts of {callback.burst}, "
        f"each mock {others.rate} and bursts of {others.burst}"
    )


def _settings(context: Examination) -> Settings:
    return read_settings(context, context.api) or Settings()


def _refuses(context: Examination, path: str, what: str, function: str) -> Finding:
    """Send a POST without a credential, which must be answered 401; `function` is the Lambda function that answers."""
    _ = context.api  # raises OperatorError without a REST API
    named = {"X-Atlassian-Webhook-Identifier": NAME}
    answer = post(f"{api_url(context)}{path}", b"{}", named, timeout=SECONDS, what=path)
    if answer.status == 401:
        return ok(f"{path} answers 401 {what}")
    log = f"aws logs tail /aws/lambda/{function} --since 10m"
    return fail(f"{path} answers HTTP {answer.status} {what}, not 401", f"{log}; {context.deploy_command}")
