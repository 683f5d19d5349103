"""What `doctor` looks at, in the order in which it tells: one small function per check, grouped by what it looks into.

Each check stands alone and is bounded; see `finding.Check`.
"""

from storygate.checks import access_checks as access
from storygate.checks import alarm_checks as alarms
from storygate.checks import api_checks as api
from storygate.checks import log_checks as logs
from storygate.checks import run_checks as runs
from storygate.checks import stack_checks as stacks
from storygate.checks import storage_checks as storage
from storygate.checks.finding import Check, Finding, Site

CHECKS: tuple[Check, ...] = (
    *(stacks.names, stacks.storage_stack, stacks.workflow_stack, stacks.storage_drift, stacks.workflow_drift),
    *(storage.versioning, storage.encryption, storage.public_access, storage.tls_only),
    *(storage.expiry, storage.recovery),
    *(access.secret_fields, access.secret_age, access.roles),
    *(runs.trigger, runs.on_failure, runs.queue, runs.run_log, runs.connections, runs.waiting),
    *(api.reachable, api.callback, api.throttling, api.access_logs, api.tracing),
    *(logs.retention, alarms.present, alarms.wired, alarms.quiet),
)

__all__ = ["CHECKS", "Check", "Finding", "Site"]
