"""The errors with which a handler refuses a request, each with its HTTP status (README, "What Jira sends").

None has 404 or 409: Jira never retries a 404, and retries a 409 for hours.
"""


class Refused(Exception):
    """A refused request. `str(error)` may be sent back: it holds no secret."""

    status = 400


class BadBody(Refused):
    """A body that cannot be used; sending it again would not help."""

    status = 400


class NotAuthentic(Refused):
    """A missing or wrong credential."""

    status = 401


class Unavailable(Refused):
    """An AWS call that failed. Nothing is lost: Jira retries a 503 up to five times (Atlassian, webhook retries)."""

    status = 503


class Misconfigured(Exception):
    """A setting that is missing or invalid; the message names it and says what to write."""
