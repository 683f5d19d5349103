"""What AWS can do to a call: each fault as the client's caller sees it, after botocore's own retries."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

ENDPOINT = "https://aws.invalid"


class Died(BaseException):
    """The function was killed: no `except` sees it, and Jira gets no answer."""


Fault = Callable[[Any, str, Callable[[], Any]], Any]  # (exceptions, operation, the real call) -> its answer


def refused(code: str) -> Fault:
    """AWS answers with an error; nothing was done."""

    def fault(exceptions: Any, operation: str, _: Callable[[], Any]) -> Any:
        raise exceptions.from_code(code)({"Error": {"Code": code, "Message": code}}, operation)

    return fault


def no_connection(_: Any, __: str, ___: Callable[[], Any]) -> Any:
    """Nothing was done."""
    raise ConnectTimeoutError(endpoint_url=ENDPOINT)


def no_answer(_: Any, __: str, ___: Callable[[], Any]) -> Any:
    """Nothing was done, but the caller cannot know."""
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def answer_lost(_: Any, __: str, call: Callable[[], Any]) -> Any:
    """It was done (or refused by AWS itself), but the caller cannot know."""
    with suppress(ClientError):
        call()
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def dies_before(_: Any, __: str, ___: Callable[[], Any]) -> Any:
    """Nothing was done."""
    raise Died


def dies_after(_: Any, __: str, call: Callable[[], Any]) -> Any:
    """It was done."""
    with suppress(ClientError):
        call()
    raise Died


FAULTS: dict[str, Fault] = {
    "throttled": refused("ThrottlingException"),
    "conflict": refused("TransactionConflictException"),
    "server error": refused("InternalServerError"),
    "no connection": no_connection,
    "no answer": no_answer,
    "answer lost": answer_lost,
    "dies before": dies_before,
    "dies after": dies_after,
}


class Faulty:
    """A client whose one operation has a fault, the first `times` times it is called."""

    def __init__(self, client: Any, operation: str, fault: Fault, times: float) -> None:
        self._client, self._operation, self._fault, self.times = client, operation, fault, times
        self.exceptions = client.exceptions

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            def real() -> Any:
                return getattr(self._client, operation)(**arguments)

            stage = arguments.get("VersionStage")
            if self._operation != (f"{operation} {stage}" if stage else operation) or self.times < 1:
                return real()
            self.times -= 1
            return self._fault(self.exceptions, operation, real)

        return call
