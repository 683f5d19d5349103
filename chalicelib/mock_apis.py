"""Stand-ins for the three APIs. They fail on demand, as `metadata.simulate.<api>` says.

`{"status": 503, "times": 2}` answers 503 while `X-Attempt` is below 2 (without `times`: always); no state is kept.
`{"result": "failed"}` answers 200 with `"status": "failed"`.
"""

from typing import Any

from chalicelib.body import parsed, sent
from chalicelib.refusals import BadBody, Unavailable
from chalicelib.tokens import unavailable

Answer = tuple[int, dict[str, Any]]


def handle(api: str, request: Any) -> Answer:
    """Return HTTP status and body of an API's answer to a Chalice request.

    400 for a body that cannot be used, 503 for a token that could not be judged: the body is then not read.
    """
    if why := unavailable(request):
        return Unavailable.status, {"status": "error", "message": why}
    try:
        return answer(api, parsed(sent(request)), request.headers.get("X-Attempt", ""))
    except BadBody as error:
        return error.status, {"status": "error", "message": str(error)}


def answer(api: str, body: Any, attempt: str) -> Answer:
    """Return HTTP status and body of an API's answer to a request of the workflow.

    `body` is `{"jiraStoryId", "packageIds", "metadata", "action"}`; `attempt` is the X-Attempt header, the number of
    retries so far. Raises BadBody, which names the field.
    """
    if not isinstance(body, dict):
        raise BadBody("the body must be a JSON object")
    simulate = _simulation(api, body.get("metadata"))
    if "status" in simulate:
        status, times = _whole(simulate, "status", 200, 599), _whole(simulate, "times", 0, 1_000_000)
        if "times" not in simulate or _retries(attempt) < times:
            return status, {"status": "error", "message": f"the {api} API answers {status}, as metadata.simulate asks"}
    return 200, {
        "status": _result(simulate),
        "api": api,
        **{name: _echo(body.get(name)) for name in ("jiraStoryId", "packageIds", "action")},
    }


def _echo(value: Any) -> Any:
    """Return a text or a list of texts unchanged, else None: an infinite number, for example, is not JSON."""
    texts = value if isinstance(value, list) else [value]
    return value if all(isinstance(text, str) for text in texts) else None


def _simulation(api: str, metadata: Any) -> dict[str, Any]:
    simulate = metadata.get("simulate") if isinstance(metadata, dict) else None
    wanted = simulate.get(api) if isinstance(simulate, dict) else None
    return wanted if isinstance(wanted, dict) else {}


def _result(simulate: dict[str, Any]) -> str:
    result = simulate.get("result", "success")
    if not isinstance(result, str):
        raise BadBody('"simulate": "result" must be text')
    return result


def _retries(attempt: str) -> int:
    return int(attempt) if attempt.isdecimal() and len(attempt) < 10 else 0


def _whole(simulate: dict[str, Any], field: str, least: int, most: int) -> int:
    value = simulate.get(field, least)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadBody(f'"simulate": "{field}" must be a whole number from {least} to {most}')
    return value
