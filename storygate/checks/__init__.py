"""The checks of `doctor` in the order in which it shows them: one small function each, grouped by what they look at.

Checks are independent of each other and bounded in time; see `finding.Check`.
"""

from collections.abc import Iterator, Sequence

from storygate.checks import access_checks as access
from storygate.checks import alarm_checks as alarms
from storygate.checks import api_checks as api
from storygate.checks import jira_checks as jira
from storygate.checks import log_checks as logs
from storygate.checks import production_checks as production
from storygate.checks import quota_checks as quotas
from storygate.checks import rule_checks as rules
from storygate.checks import run_checks as runs
from storygate.checks import stack_checks as stacks
from storygate.checks import storage_checks as storage
from storygate.checks.finding import Check, Examination, Finding

JIRA_CHECKS: tuple[Check, ...] = (jira.token, jira.webhook, jira.statuses)
CHECKS: tuple[Check, ...] = (
    *(stacks.names, stacks.deployed, stacks.storage_stack, stacks.workflow_stack),
    *(stacks.storage_drift, stacks.workflow_drift),
    *(storage.versioning, storage.encryption, storage.public_access, storage.tls_only),
    *(storage.expiry, storage.recovery, storage.protection, storage.index),
    *(production.projects, production.real_apis),
    *(access.secret_fields, access.secret_age, access.roles),
    *(runs.trigger, runs.on_failure, runs.queue, rules.rules, runs.run_log, runs.connections, runs.waiting),
    *(api.reachable, api.callback, api.throttling, quotas.quotas, api.access_logs, api.tracing),
    *JIRA_CHECKS,
    *(logs.retention, alarms.present, alarms.wired, alarms.quiet),
)

__all__ = ["CHECKS", "JIRA_CHECKS", "Check", "Examination", "Finding", "examine"]


def examine(context: Examination, checks: Sequence[Check] = CHECKS) -> Iterator[Finding]:
    """Yield one finding for each check, in order, as soon as it is known."""
    for check in checks:
        yield check.examine(context)
