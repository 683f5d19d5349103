"""The account's quotas that this stage's settings can reach."""

from chalicelib.apis import APIS
from storygate.checks.finding import Examination, Finding, check, ok, skip, warn

RAISE = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"
"""The quota "Concurrent executions" of Lambda: 1,000 by default, ten in a new account (developer guide, limits)."""
USUAL = 1000


@check("quotas", "at its quota Lambda refuses to run a function, and a delivery is lost unless Jira sends it again")
def quotas(context: Examination) -> Finding:
    """Lambda runs as many functions at once as the API lets requests in, beside what is reserved for the trigger."""
    if context.aws.endpoint_url:
        return skip("the local cloud has no quotas")
    stage = context.stage
    limit = context.client("lambda").get_account_settings()["AccountLimit"]
    most, free = int(limit["ConcurrentExecutions"]), int(limit["UnreservedConcurrentExecutions"])
    at_once = stage.burst_limit + 2 * len(APIS) * stage.mock_burst_limit
    if free < at_once:
        reserved = f", of which {most - free} are reserved" if free < most else ""
        return warn(
            f"Lambda runs {most:,} functions at once in this account{reserved}; the stage lets in bursts that need "
            f"{at_once}: {stage.burst_limit} deliveries, and {stage.mock_burst_limit} calls of each mock with two each",
            f"{RAISE} --desired-value {max(USUAL, most + at_once)}; or set a lower burstLimit and mockBurstLimit in "
            f'"api" of the stage, then {context.deploy_command}',
        )
    return ok(f"{free:,} functions at once, of which bursts of requests need {at_once}")
