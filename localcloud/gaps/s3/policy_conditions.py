"""A statement of a bucket policy applies only where its conditions hold.

AWS: IAM user guide, reference_policies_elements_condition.html.
moto 5.2.5 enforces bucket policies with principal `*` and ignores conditions, so that the usual "TLS only" statement
denies every call.
Here a statement with a condition is left out: the local cloud cannot evaluate conditions, and it plays an endpoint that
does speak TLS.
"""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from localcloud.gaps.patching import Gap

gap = Gap()


@gap.replaces(FakeBucket, "get_permission")
def _get_permission(bucket: Any, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    policy["Statement"] = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)
