"""Stand-ins for the three APIs, which misbehave on demand: `metadata.simulate.<api>` says how.

`{"status": 503, "times": 2}` answers 503 while `X-Attempt` is below 2 (always, without `times`); no state is kept.
`{"result": "failed"}` answers 200 with `"status": "failed"`.
"""

from typing import Any

from chalicelib.errors import BadBody

ACTIONS = {"validation": "validate", "deployment": "deploy", "notification": "notify"}


def answer(api: str, body: Any, attempt: str) -> tuple[int, dict[str, Any]]:
    """HTTP status and body of an API's answer to a request of the workflow.

    `body` is `{"jiraStoryId", "packageIds", "metadata", "action"}`, `attempt` the X-Attempt header (retries so far).
    Raises BadBody naming the field.
    """
    if not isinstance(body, dict):
        raise BadBody("the body must be a JSON object")
    if body.get("action") != ACTIONS[api]:
        raise BadBody(f'"action" must be "{ACTIONS[api]}" for the {api} API')
    simulate = _simulation(api, body.get("metadata"))
    status, times = simulate.get("status"), simulate.get("times")
    if isinstance(status, int) and (times is None or _number(attempt) < _number(times)):
        return status, {"status": "error", "message": f"the {api} API was told to answer {status}"}
    return 200, {
        "status": str(simulate.get("result", "success")),
        "api": api,
        "jiraStoryId": body.get("jiraStoryId"),
        "packageIds": body.get("packageIds"),
    }


def _simulation(api: str, metadata: Any) -> dict[str, Any]:
    simulate = metadata.get("simulate") if isinstance(metadata, dict) else None
    wanted = simulate.get(api) if isinstance(simulate, dict) else None
    return wanted if isinstance(wanted, dict) else {}


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
