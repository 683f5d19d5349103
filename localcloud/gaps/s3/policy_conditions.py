"""A bucket policy's conditions count.

AWS: IAM user guide, reference_policies_elements_condition.html. A statement applies only where its conditions hold.
moto 5.2.5 enforces bucket policies with principal `*` and denies whatever a statement with a condition mentions; the
usual "TLS only" statement locks everybody out.
Here a statement with a condition is left out: the local cloud cannot tell whether a condition would hold, and stands in
for an endpoint that does speak TLS.
"""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket


def fill() -> None:
    """Judge by the unconditional statements alone."""
    FakeBucket.get_permission = _get_permission


def _get_permission(bucket: Any, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    policy["Statement"] = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)
