"""Who asks, with what body, and how Jira answers an error."""

import base64
import binascii
import hmac
from typing import Any

from flask import Response, jsonify, request

from localcloud.jira.site import JiraError, Site
from localcloud.jira.site_data import TOKEN, USERS, User

Json = dict[str, Any]
Answer = tuple[Any, int] | Response


class Outage:
    """An error that the API answers in place of an answer, for the next `times` requests."""

    def __init__(self) -> None:
        self.status, self.times, self.retry_after = 503, 0, None
        self._retry_after: int | None = None

    def begin(self, status: int, times: int, retry_after: int | None = None) -> None:
        """Answer the next `times` requests with this status; 0 ends it."""
        self.status, self.times, self._retry_after = status, times, retry_after

    def check(self) -> None:
        """Raise the error if there is one."""
        if self.times > 0:
            self.times -= 1
            raise JiraError(self.status, "This Jira was asked to fail.", retry_after=self._retry_after)


def error_answer(error: JiraError) -> Answer:
    """Return an error as Jira answers it."""
    answer = jsonify({"errorMessages": error.messages, "errors": error.errors})
    answer.status_code = error.status
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="Jira"'
    return answer


def caller() -> User:
    """Return the user whose email and token the request has (Basic authentication); raises JiraError 401."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        email, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        email = token = ""
    found = next((known for known in USERS if known.email == email.lower()), None)
    if scheme.lower() != "basic" or found is None or not hmac.compare_digest(token.encode(), TOKEN.encode()):
        raise JiraError(401, "Client must be authenticated to access this resource.")
    return found


def administrator(site: Site) -> None:
    """Raise JiraError 403 if the caller may not administer this Jira."""
    if "ADMINISTER" in site.denied:
        raise JiraError(403, "The user does not have permission to manage webhooks.")


def body() -> Json:
    """Return the request's JSON object; raises JiraError 400."""
    found = request.get_json(silent=True, force=True)
    if not isinstance(found, dict):
        raise JiraError(400, "There was an error parsing JSON. Check that your request body is valid.")
    return found
