"""The faults of an AWS call, each as the caller sees it after botocore's own retries."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

ENDPOINT = "https://aws.invalid"


class Died(BaseException):
    """Lambda killed the function: no `except` sees it, and Jira gets no answer."""


Fault = Callable[[Any, str, Callable[[], Any]], Any]  # (exceptions, operation, the real call) -> its answer


def refused(code: str) -> Fault:
    """Make a fault: AWS answers with this error and does nothing."""

    def fault(exceptions: Any, operation: str, _: Callable[[], Any]) -> Any:
        raise exceptions.from_code(code)({"Error": {"Code": code, "Message": code}}, operation)

    return fault


def no_connection(_: Any, __: str, ___: Callable[[], Any]) -> Any:
    """Fail to connect; AWS did nothing."""
    raise ConnectTimeoutError(endpoint_url=ENDPOINT)


def no_answer(_: Any, __: str, ___: Callable[[], Any]) -> Any:
    """Lose the request: AWS did nothing, which the caller cannot know."""
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def answer_lost(_: Any, __: str, call: Callable[[], Any]) -> Any:
    """Lose the answer: AWS did it, or refused it, which the caller cannot know."""
    with suppress(ClientError):
        call()
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def dies_before(_: Any, __: str, ___: Callable[[], Any]) -> Any:
    """Die before the call."""
    raise Died


def dies_after(_: Any, __: str, call: Callable[[], Any]) -> Any:
    """Die after the call."""
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
    """A client. One of its operations has a fault, the first `times` times that it is called."""

    def __init__(self, client: Any, operation: str, fault: Fault, times: float) -> None:
        self._client, self._operation, self._fault, self.times = client, operation, fault, times
        self.exceptions = client.exceptions

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            def real() -> Any:
                return getattr(self._client, operation)(**arguments)

            if self._operation != operation or self.times < 1:
                return real()
            self.times -= 1
            return self._fault(self.exceptions, operation, real)

        return call
