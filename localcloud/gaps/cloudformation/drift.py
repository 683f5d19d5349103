"""CloudFormation refuses to detect drift with an error that SDKs can read.

AWS: API reference, `DetectStackDrift` compares what a stack made with its template.
moto 5.2.5 does not have it: its server answers 500 with a page of HTML, which no SDK can read, and prints a traceback.
Drift detection would have to read back each type of resource, so the local cloud refuses; `doctor` shows the refusal.
"""

from typing import Any, NoReturn

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse

from localcloud.gaps.patching import Gap

REFUSAL = "The local cloud cannot detect drift"

gap = Gap()


@gap.replaces(CloudFormationResponse, "detect_stack_drift")
def _detect_stack_drift(_: Any) -> NoReturn:
    raise ValidationError(message=REFUSAL)
