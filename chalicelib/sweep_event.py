"""The event that starts the sweep, and how a callback sends one. Small, because every function loads it with app.py."""

import json
import os
from typing import Any

from chalice.app import BaseLambdaEvent

from chalicelib.refusals import Unavailable

# Of the function's 300 (config.json): the rest is for the AWS calls that have begun, and for asking.
SECONDS = 180


class SweepEvent(BaseLambdaEvent):  # type: ignore[misc]
    """The schedule's event, `{"seconds": n}` from `storygate sweep`, or `{"story": key}` from a callback."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        self.story: str | None = event_dict.get("story")
        self.seconds: float = event_dict.get("seconds", SECONDS)


def hand_over(client: Any, story: str) -> None:
    """Let the sweep's function resume a story's other runs: one asynchronous invocation of Lambda.

    Chalice names the function behind the REST API `<app>-<stage>`, and this one `<app>-<stage>-sweep`. Where the
    variable is missing this is no Lambda function, and there is none to hand over to. Raises AWS's errors, and
    Unavailable.
    """
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if not function:
        raise Unavailable("more runs wait for this story than one answer has time for; send it again")
    payload = json.dumps({"story": story})
    client.invoke(FunctionName=f"{function}-sweep", InvocationType="Event", Payload=payload)
