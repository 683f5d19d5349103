"""Logs: kept for a limited time."""

from storygate.checks.finding import Examination, Finding, check, fail, ok
from storygate.deployment.gateway import log_role


@check("log retention", "a group without it keeps its lines for ever, and each month they cost money")
def retention(context: Examination) -> Finding:
    """Each log group of the stage has a retention."""
    client, stage = context.client("logs"), context.stage
    groups = [f"/aws/lambda/{name}" for name in stage.lambda_names.values()]
    groups.append(stage.run_log_group)
    if log_role(context):
        groups.append(stage.access_log_group)
    for group in groups:
        listed = client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        found = next((entry for entry in listed if entry["logGroupName"] == group), None)
        if found is None or not found.get("retentionInDays"):
            put = (
                f"aws logs put-retention-policy --log-group-name {group} --retention-in-days {stage.log_retention_days}"
            )
            create = "" if found else f"aws logs create-log-group --log-group-name {group} && "
            return fail(f"{group} {'keeps its lines for ever' if found else 'is not there'}", create + put)
    return ok(f"{len(groups)} groups have a retention")
