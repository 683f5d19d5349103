"""The faults of AWS, the APIs and the network in a chaos run, at each call that crosses the boundary of AWS.

A fault is a pure function of the seed and of the call: its operation, its story or run, and its number among such
calls. So a replay has the same faults, though threads may take turns differently. Of calls of the same kind at most
`MOST` fail in a row: a fault that outlasts every retry would be an outage, and no outcome is right for that.
"""

import hashlib
import io
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import responses
from typing import Any

from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import MockRawResponse
from moto.s3 import notifications

from localcloud.execute_api import PREFIX, Application
from localcloud.gaps.stepfunctions import clients as stepfunctions_clients

RATE = 0.12  # of the calls that go wrong
API_RATE = 0.15
API_FATAL_RATE = 0.004  # of the calls of an API that fail for good, with a 500, which is not retried
MOST = 3
STALL_SECONDS = 1.7  # longer than the functions wait for AWS (chalicelib/clients.py)
API_STATUSES = (502, 503, 504)  # a 429 is waited out for two minutes, which would make a chaos run slow
API_ATTEMPTS = 4  # of the workflow: one, and three retries

Fault = str
ANSWERS: dict[str, tuple[int, str]] = {
    "throttled": (400, "ThrottlingException"),
    "broken": (500, "InternalServerError"),
    "conflict": (400, "TransactionConflictException"),
}
# The faults of a call; one that is listed twice is twice as frequent.
KINDS: dict[str, tuple[Fault, ...]] = {
    "PutItem": ("throttled", "broken", "conflict", "lost", "refused", "slow", "slow", "stalled"),
    "Query": ("throttled", "broken", "lost", "refused", "slow", "slow"),
    "DeleteItem": ("throttled", "broken", "conflict", "lost", "refused", "slow", "slow"),
    "SendTaskSuccess": ("throttled", "broken", "lost", "lost", "refused", "slow", "slow", "stalled"),
    "Scan": ("throttled", "broken", "lost", "refused", "slow"),
    "ListExecutions": ("throttled", "broken", "lost", "refused", "slow"),
    "DescribeExecution": ("throttled", "broken", "lost", "refused", "slow"),
    "StartExecution": ("throttled", "broken", "lost", "lost", "refused", "slow"),
    "GetSecretValue": ("throttled", "broken", "lost", "refused", "slow"),
    "callback": ("unavailable", "lost", "refused", "slow", "slow"),
    "TransactWriteItems": ("throttled", "broken", "done but broken", "cancelled", "slow"),
    "GetItem": ("throttled", "broken", "slow"),
    "GetObject": ("throttled", "broken", "slow"),
    "PutObject": ("throttled", "broken", "done but broken", "slow"),
}


class Plan:
    """All faults of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def draw(self, *call: object) -> float:
        """Return the number from 0 to 1 of this seed and call."""
        digest = hashlib.sha256(repr((self.seed, *call)).encode()).digest()
        return int.from_bytes(digest[:7], "big") / 2**56

    def choose(self, among: Any, *call: object) -> Any:
        """Choose one of a sequence."""
        return among[int(self.draw("choose", *call) * len(among))]

    def fault(self, operation: str, whose: str, number: int) -> Fault | None:
        """Return the fault of the n-th (from 0) such call, or None."""
        before = range(max(number - MOST, 0), number)
        worn_out = len(before) == MOST and all(self.draw(operation, whose, one) < RATE for one in before)
        if worn_out or self.draw(operation, whose, number) >= RATE:
            return None
        return str(self.choose(KINDS[operation], operation, whose, number))

    def api_fault(self, whose: str, api: str, attempt: int) -> Fault | None:
        """Return an API's fault at an attempt (from 0): a status, `refused` or `lost`; None if it works."""
        drawn = self.draw("api", whose, api, attempt)
        if drawn < API_FATAL_RATE:
            return "500"
        if drawn < API_RATE:
            return str(self.choose((*map(str, API_STATUSES), "refused", "lost"), "api", whose, api, attempt))
        return None

    def api_succeeds(self, whose: str, api: str) -> bool:
        """Whether one of the workflow's attempts succeeds."""
        for attempt in range(API_ATTEMPTS):
            fault = self.api_fault(whose, api, attempt)
            if fault is None or fault == "500":
                return fault is None
        return False


class Faults:
    """Injects the faults of a plan between callers and AWS, and counts calls and faults. Idle until `plan` is set."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.calls: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._tokens: dict[str, str] = {}
        self._versions: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def begin(self, plan: Plan) -> None:
        """Start again from zero, with this plan."""
        with self._lock:
            self.plan = plan
            for counter in (self.calls, self.injected, self._numbers, self._tokens, self._versions):
                counter.clear()

    def wrap(self, app: Application) -> Application:
        """Return WSGI middleware: AWS and the APIs as the functions and the HTTP Tasks see them."""

        def faulty(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if self.plan is None:
                return app(environ, start_response)
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            fault = self._of_request(environ, body)
            return _suffer(fault, app, environ, start_response)

        return faulty

    def _of_request(self, environ: dict[str, Any], body: bytes) -> Fault | None:
        path = environ.get("PATH_INFO", "")
        if path.startswith(PREFIX):
            if "/mock/" in path:
                return self._of_api(environ)
            return self._next("callback", environ.get("HTTP_X_ATLASSIAN_WEBHOOK_IDENTIFIER", ""))
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if operation not in KINDS:
            return None
        if operation == "GetSecretValue" and "attempt=1" not in environ.get("HTTP_AMZ_SDK_REQUEST", ""):
            # Its second attempt is a function's last, and may be the authorizer's: API Gateway would answer 500, which
            # no retry helps, and the request does not show which function reads.
            self.count(operation)
            return None
        return self._next(operation, self._whose(operation, json.loads(body)))

    def _of_api(self, environ: dict[str, Any]) -> Fault | None:
        execution, _, api = environ.get("HTTP_IDEMPOTENCY_KEY", "").rpartition("-")
        self.count("API")
        assert self.plan  # noqa: S101, only called with one
        fault = self.plan.api_fault(stem(execution), api, int(environ.get("HTTP_X_ATTEMPT", "0")))
        return self._injected("API", fault)

    def _whose(self, operation: str, request: dict[str, Any]) -> str:
        match operation:
            case "PutItem":
                return str(request["Item"]["story"]["S"])
            case "Query":
                return str(request["ExpressionAttributeValues"][":story"]["S"])
            case "DeleteItem":
                return str(request["Key"]["story"]["S"])
            case "StartExecution":
                return self._version(stem(request["name"]), request["name"])
            case "SendTaskSuccess":
                return self._tokens.get(request["taskToken"], "")
        return ""

    def _next(self, operation: str, whose: str) -> Fault | None:
        if self.plan is None:
            return None
        with self._lock:
            number = self._numbers[operation, whose]
            self._numbers[operation, whose] += 1
        self.count(operation)
        fault = self.plan.fault(operation, whose, number)
        return self._injected(operation, fault)

    def count(self, what: str) -> None:
        """Count a call or an event."""
        with self._lock:
            self.calls[what] += 1

    def by_operation(self) -> Counter[str]:
        """The number of faults so far, of all kinds, by operation; 0 for operations without a fault."""
        with self._lock:
            faults = Counter(dict.fromkeys(self.calls, 0))
            for what, count in self.injected.items():
                faults[what.partition(" ")[0]] += count
            return faults

    def _version(self, key: str, version: str) -> str:
        """Name one of a key's versions as the seed does: by the number of versions before it."""
        with self._lock:
            versions = self._versions.setdefault(key, [])
            if version not in versions:
                versions.append(version)
            return f"{key} {versions.index(version)}"

    def _injected(self, where: str, fault: Fault | None) -> Fault | None:
        if fault:
            with self._lock:
                self.injected[f"{where} {fault}"] += 1
        return fault

    @contextmanager
    def in_workflow(self) -> Iterator[None]:
        """Inject faults into the state machine's own calls of DynamoDB and S3, too."""
        clients = [stepfunctions_clients.client_for("us-east-1", service) for service in ("dynamodb", "s3")]
        for client in clients:
            client.meta.events.register_first("before-send", self._before_send)
        try:
            yield
        finally:
            for client in clients:
                client.meta.events.unregister("before-send", self._before_send)

    def _before_send(self, request: Any, **event: Any) -> Any:
        operation, whose = self._of_workflow(event["event_name"].rpartition(".")[2], request)
        if operation not in KINDS or (fault := self._next(operation, whose)) is None:
            return None
        if fault == "slow":
            time.sleep(0.05)
            return None
        if fault == "done but broken":
            stepfunctions_clients.answer(request, **event)
        if operation.endswith("Object"):
            return _s3_error(request.url, *((503, "SlowDown") if fault == "throttled" else (500, "InternalError")))
        if fault == "cancelled":
            return _dynamodb_error(request.url, 400, "TransactionCanceledException")
        return _dynamodb_error(request.url, *ANSWERS["throttled" if fault == "throttled" else "broken"])

    def _of_workflow(self, operation: str, request: Any) -> tuple[str, str]:
        if operation.endswith("Object"):
            path, _, version = str(request.url).partition("?")
            *_, folder, file = path.split("/")
            if operation == "GetObject":
                return operation, self._version(file, version)
            return operation, f"{self._version(stem(folder), folder)} {file}"
        body = json.loads(request.body)
        if operation == "GetItem":
            return operation, str(body["Key"]["story"]["S"])
        if operation != "TransactWriteItems":
            return operation, ""
        item = body["TransactItems"][1]["Put"]["Item"]
        execution = item["entry"]["S"].removeprefix("WAIT#")
        whose = self._version(stem(execution), execution)
        self._tokens[item["taskToken"]["S"]] = whose
        return operation, whose

    @contextmanager
    def in_s3_events(self) -> Iterator[None]:
        """Deliver S3's events late, in another order (also of two versions of a key), and some two or three times."""
        deliver = notifications._invoke_awslambda
        timers: list[threading.Timer] = []
        newest: dict[str, str] = {}

        def overtaken(key: str, sequencer: str) -> bool:
            with self._lock:
                newest[key] = max(sequencer, newest.get(key, ""))
                return newest[key] != sequencer

        def suffering(account: str, event: Any, function: str, region: str) -> None:
            if self.plan is None:
                deliver(account, event, function, region)
                return
            dropped = event["Records"][0]["s3"]["object"]
            whose = self._version(dropped["key"], dropped["versionId"])

            def arrive() -> None:
                if overtaken(dropped["key"], dropped["sequencer"]):
                    self._injected("S3", "out of order")
                deliver(account, event, function, region)

            copies = self.plan.choose((1, 1, 1, 2, 3), "S3", whose)
            for copy in range(copies):
                self.count("S3")
                timers.append(threading.Timer(self.plan.draw("S3 delay", whose, copy) ** 2, arrive))
                timers[-1].start()
            if copies > 1:
                self._injected("S3", f"{copies} times")

        notifications._invoke_awslambda = suffering
        try:
            yield
        finally:
            notifications._invoke_awslambda = deliver
            for timer in timers:
                timer.cancel()


def stem(execution: str) -> str:
    """An execution's name without the digest, which no two runs of a seed share."""
    return execution[:-17]


def _suffer(fault: Fault | None, app: Application, environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    if fault == "slow":
        time.sleep(0.05)
    if fault in (None, "slow"):
        return app(environ, start_response)
    if fault in ("lost", "stalled"):
        _drained(app, environ)
        if fault == "stalled":
            time.sleep(STALL_SECONDS)
    if fault in ("lost", "stalled", "refused"):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)  # the caller would wait on a connection kept alive
        raise ConnectionAbortedError
    if fault in ANSWERS:
        status, code = ANSWERS[fault]
    else:
        status, code = 503 if fault == "unavailable" else int(fault), "unavailable"
    body = json.dumps({"__type": code, "message": "chaos"}).encode()
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {responses[status]}", headers)
    return [body]


def _drained(app: Application, environ: Any) -> None:
    answer = app(environ, lambda *_: None)
    for _ in answer:
        pass
    if hasattr(answer, "close"):
        answer.close()


def _dynamodb_error(url: str, status: int, code: str) -> AWSResponse:
    body: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "chaos"}
    if code == "TransactionCanceledException":
        body["CancellationReasons"] = [{"Code": "None"}, {"Code": "TransactionConflict", "Message": "chaos"}]
    return AWSResponse(url, status, {"Content-Type": "application/x-amz-json-1.0"}, MockRawResponse(json.dumps(body)))


def _s3_error(url: str, status: int, code: str) -> AWSResponse:
    body = f"<Error><Code>{code}</Code><Message>chaos</Message></Error>"
    return AWSResponse(url, status, {"Content-Type": "application/xml"}, MockRawResponse(body))
