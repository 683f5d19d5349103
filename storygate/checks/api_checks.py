"""The REST API: does it answer, refuse strangers, bound its callers, and say who called?"""

from storygate.checks.finding import Finding, Site, check, fail, ok, warn
from storygate.deployment.functions import api_url
from storygate.deployment.gateway import Settings, log_role, read_settings, wanted_settings
from storygate.support.http import Answer, post

SECONDS = 15.0


@check("API reachable", "Jira's deliveries and the mocks' calls come this way")
def reachable(site: Site) -> Finding:
    """A mock API answers a stranger with its authorizer's 401."""
    path = "/mock/validation"
    answer = _stranger(site, path)
    if answer.status == 401:
        return ok(f"{path} answers 401 to a stranger")
    log = f"aws logs tail /aws/lambda/{site.stage.lambda_names['api_token_authorizer']} --since 10m"
    return fail(f"{path} answers HTTP {answer.status} to a stranger, not 401", f"{log}; {site.deploy}")


@check("callback refuses strangers", "whoever the callback believes can approve a deployment")
def callback(site: Site) -> Finding:
    """The callback answers 401 to a request without a credential."""
    path = "/jira/callback"
    answer = _stranger(site, path)
    if answer.status == 401:
        return ok(f"{path} answers 401 without a signature")
    log = f"aws logs tail /aws/lambda/{site.stage.api_function} --since 10m"
    return fail(f"{path} answers HTTP {answer.status} without a signature, not 401", f"{log}; {site.deploy}")


@check("throttling", "without a bound a flood of calls is a bill, and takes the account's quota from others")
def throttling(site: Site) -> Finding:
    """The stage is throttled as configured."""
    current, stage = _settings(site), site.stage
    wanted = (stage.rate_limit, stage.burst_limit)
    if (current.rate_limit, current.burst_limit) == wanted:
        return ok(f"{stage.rate_limit:g} a second, bursts of {stage.burst_limit}")
    return fail(
        f"rate {current.rate_limit}, burst {current.burst_limit}, not {wanted[0]:g} and {wanted[1]}", site.deploy
    )


@check("access logs", "without them nobody can tell who called, from where, and what they got")
def access_logs(site: Site) -> Finding:
    """API Gateway writes a line for each request. Off for want of the account's role is a warning: it is not ours."""
    current = _settings(site)
    if not log_role(site.aws):
        return warn(
            "off: API Gateway has no role for logs in this account",
            "aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN "
            f"(docs/production.md has the role), then {site.deploy}",
        )
    wanted = wanted_settings(site.stage, site.aws)
    if (current.log_destination, current.log_format) == (wanted.log_destination, wanted.log_format):
        return ok(f"in {site.stage.access_log_group}")
    return fail(f"they go to {current.log_destination or 'nowhere'}, or in another form", site.deploy)


@check("tracing", "a trace shows where a slow or lost callback spent its time")
def tracing(site: Site) -> Finding:
    """X-Ray is on for the API, its functions and the state machine."""
    traced = {"the API": _settings(site).tracing}
    for name in site.stage.lambda_names.values():
        configuration = site.client("lambda").get_function_configuration(FunctionName=name)
        traced[name] = configuration.get("TracingConfig", {}).get("Mode") == "Active"
    machine = site.client("stepfunctions").describe_state_machine(stateMachineArn=site.machine)
    traced["the state machine"] = bool(machine.get("tracingConfiguration", {}).get("enabled"))
    off = [what for what, on in traced.items() if not on]
    if not off:
        return ok("on")
    update = f"aws stepfunctions update-state-machine --state-machine-arn {site.machine}"
    mend = f"{update} --tracing-configuration enabled=true" if off == ["the state machine"] else site.deploy
    return warn(f"off for {', '.join(off)}", mend)


def _settings(site: Site) -> Settings:
    return read_settings(site.api, site.stage, site.aws) or Settings()


def _stranger(site: Site, path: str) -> Answer:
    """What the API answers to a POST without any credential."""
    return post(f"{api_url(site.project, site.stage, site.aws)}{path}", b"{}", {}, timeout=SECONDS, what=path)
