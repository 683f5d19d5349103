"""CloudFormation says in its own form that it cannot detect drift.

AWS: API reference, `DetectStackDrift` compares what a stack made with its template.
moto 5.2.5 has nothing of it: its server answers 500 with a page of HTML, which no SDK can read, and prints a traceback.
To detect drift is to read back each type of resource, so the local cloud refuses in words, and `doctor` passes them on.
"""

from typing import Any, NoReturn

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse

REFUSAL = "The local cloud cannot detect drift"


def fill() -> None:
    """Answer with an error that SDKs can read."""
    CloudFormationResponse.detect_stack_drift = _refuse


def _refuse(_: Any) -> NoReturn:
    raise ValidationError(message=REFUSAL)
