"""The EventBridge rules that Chalice makes: the sweep's schedule, and the events of runs that ended."""

from typing import Any

from storygate.checks.finding import Examination, Finding, absent, check, fail, ok
from storygate.stage.config import STATUS, SWEEP


@check("event rules", "without its rule no sweep mends what a crash left, or no ended run is counted and told to Jira")
def rules(context: Examination) -> Finding:
    """The rules of the sweep and of the status function are there, on, and invoke them."""
    client = context.client("events")
    for function in (SWEEP, STATUS):
        name = f"{context.stage.app_name}-{context.stage.name}-{function}-event"  # Chalice's name (appgraph.py)
        with absent("ResourceNotFoundException", found=f"there is no rule {name}", fix=context.deploy_command):
            rule = client.describe_rule(Name=name)
        if rule["State"] != "ENABLED":
            return fail(f"{name} is off", f"aws events enable-rule --name {name}")
        if not _invokes(client, name, context.arn("lambda", f"function:{context.stage.lambda_names[function]}")):
            return fail(f"{name} does not invoke its function", context.deploy_command)
    return ok("a sweep every five minutes, and the ends of runs")


def _invokes(client: Any, rule: str, function: str) -> bool:
    pages = client.get_paginator("list_targets_by_rule").paginate(Rule=rule)
    return any(target["Arn"] == function for page in pages for target in page["Targets"])
