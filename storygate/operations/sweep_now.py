"""Run a stage's sweep now: invoke its function, and read what it returns.

The function does it, not this process: so it has the same rights as every five minutes, writes the same log line, and
there is one place that knows how.
"""

import json
from dataclasses import dataclass

from storygate.stage.context import Context
from storygate.support.errors import OperatorError

# Asking Jira, the function goes on for at most 30 seconds more; botocore waits 60 for an answer (Config, read_timeout).
SECONDS = 20


@dataclass(frozen=True)
class Sweep:
    """What a sweep did (chalicelib/sweep.py, Swept)."""

    waiting: int
    mended: list[str]
    asked: int
    decided: list[str]
    left: int
    errors: list[str]


def sweep_now(context: Context) -> Sweep:
    """Sweep, for some seconds. Raises OperatorError if the stage has no such function, or if it failed."""
    client, function = context.client("lambda"), context.stage.sweep
    try:
        answer = client.invoke(FunctionName=function, Payload=json.dumps({"seconds": SECONDS}))
    except client.exceptions.ResourceNotFoundException as error:
        raise context.stage.not_deployed(f"there is no function {function}") from error
    said = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise OperatorError(
            f"The sweep failed: {said.get('errorType')}: {said.get('errorMessage')}",
            f"Its log says more: aws logs tail /aws/lambda/{function} --since 10m",
        )
    return Sweep(**said)
