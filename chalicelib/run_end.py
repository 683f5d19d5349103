"""Read from a status event of Step Functions how a run ended, and for which story.

It is `Step Functions Execution Status Change` (EventBridge events reference, events-ref-states). Its `detail` has
`executionArn`, `name`, `status`, `stopDate` in epoch milliseconds, `input`, and `cause` of a failure.
"""

from datetime import UTC, datetime
from typing import Any

from chalicelib.jira_tell import End
from chalicelib.jira_values import iso
from chalicelib.run_request import request_of, result_of
from chalicelib.run_status import ENDED, SMOKE
from chalicelib.story_key import is_key, normal

WITHOUT_RESULT = {"ABORTED": "aborted", "TIMED_OUT": "timed_out"}
STOPPED = "It was stopped from outside."


def end_of(detail: dict[str, Any], s3: Any, bucket: str) -> End | None:
    """Return the end that an event tells of; None if the run is not over, or has no story to tell it to.

    A run with an invalid input never asked anybody, and its story may be one that the stage does not gate. A run of
    `storygate smoke` has a made-up story.
    """
    status = detail.get("status")
    if status not in ENDED or str(detail.get("name")).startswith(SMOKE):
        return None
    result = result_of(s3, bucket, str(detail.get("name")))
    request = result or request_of(s3, bucket, detail.get("input")) or {}
    outcome = (result or {}).get("outcome") or WITHOUT_RESULT.get(str(status), "error")
    story = request.get("jiraStoryId")
    key = normal(story) if isinstance(story, str) else ""
    if outcome == "invalid_input" or not is_key(key):
        return None
    reason = (result or {}).get("reason") or detail.get("cause") or (STOPPED if status == "ABORTED" else "")
    return End(str(detail.get("executionArn")), key, str(outcome), str(reason), _time(detail.get("stopDate")), request)


def _time(milliseconds: Any) -> str:
    """Return a time as the table holds it. One that is missing is older than every other one: it overwrites nothing."""
    known = milliseconds if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool) else 0
    return iso(datetime.fromtimestamp(known / 1000, UTC))
