"""What a handler may refuse, each with the HTTP status the callback answers (design: Contract, Callback).

Never 404 or 409: Jira drops the one for good and resends the other for hours.
"""


class Refused(Exception):
    """A request that gets no further. `str(error)` is safe to send back: it names no secret."""

    status = 400


class BadBody(Refused):
    """Broken or unusable body; sending it again would not help."""

    status = 400


class NotAuthentic(Refused):
    """No credential, or a wrong one."""

    status = 401


class Unavailable(Refused):
    """AWS said no. Nothing is lost: Jira sends a 503 again, up to five times (Atlassian, webhook retries)."""

    status = 503


class Misconfigured(Exception):
    """A setting that is missing or makes no sense; the message names it and says what to write."""
