"""One Lambda execution environment: its own process, one event at a time, as on AWS.

Started by `lambda_process.Environment` as a plain script, with the function's code as the working directory.
One JSON object per line, both ways:

    in   {"event": …, "requestId": "…", "arn": "…", "deadlineMs": <epoch milliseconds>}
    out  {"ready": true}               once, when the handler's module is imported; or {"initError": <error>}
    out  {"result": …}                 or {"error": <error>}, one for each event

An <error> is what AWS answers: {"errorMessage", "errorType", "requestId", "stackTrace"} (Lambda developer guide,
python-exceptions.html). All that the handler prints goes to standard error, framed by START and END lines as in
CloudWatch Logs. The process ends when its standard input closes, so it cannot outlive its parent.

Imports only the standard library, because it runs in the function's own Python path.
"""

import importlib
import json
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import IO, Any

Handler = Callable[[Any, "Context"], Any]


class Context:
    """Lambda's context object (Lambda developer guide, python-context.html)."""

    def __init__(self, request_id: str, arn: str, deadline_ms: int) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout, never less than 0."""
        return max(0, self._deadline_ms - time.time_ns() // 1_000_000)


def main() -> None:
    """Import the handler, then answer events until standard input closes."""
    requests, replies = _take_over_standard_streams()
    logging.basicConfig(format="[%(levelname)s]\t%(asctime)s\t%(message)s", stream=sys.stdout)
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        handler = _load(os.environ["_HANDLER"])
    except BaseException as error:  # noqa: BLE001 - an import may raise anything; the parent reports it
        reply({"initError": _describe_import(error)})
        os._exit(1)  # an ordinary exit would wait for the thread that reads
    reply({"ready": True})
    while True:
        reply(_handle(handler, json.loads(lines.get())))


def _take_over_standard_streams() -> tuple[IO[str], IO[str]]:
    """Keep the two pipes for the protocol; what the handler prints, from C too, goes to standard error."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def _read(requests: IO[str], lines: "queue.Queue[str]") -> None:
    for line in requests:
        lines.put(line)
    os._exit(0)  # the parent has ended or closed the pipe; a handler that still runs must not outlive it


def _load(name: str) -> Handler:
    module, _, function = name.rpartition(".")
    sys.path.insert(0, os.getcwd())
    handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), function)
    return handler


def _handle(handler: Handler, request: dict[str, Any]) -> dict[str, Any]:
    request_id = request["requestId"]
    print(f"START RequestId: {request_id} Version: $LATEST", flush=True)
    started = time.perf_counter()
    try:
        result = handler(request["event"], Context(request_id, request["arn"], request["deadlineMs"]))
        json.dumps(result)  # as on AWS, a result that is not JSON is the handler's error
        answer = {"result": result}
    except Exception as error:  # noqa: BLE001 - a handler may raise anything; the answer describes it
        traceback.print_exc()
        answer = {"error": _describe(error, request_id)}
    sys.stderr.flush()
    print(f"END RequestId: {request_id}")
    print(f"REPORT RequestId: {request_id}\tDuration: {(time.perf_counter() - started) * 1000:.2f} ms", flush=True)
    return answer


def _describe(error: BaseException, request_id: str) -> dict[str, Any]:
    # The first frame is this file's own.
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(frames),
    }


def _describe_import(error: BaseException) -> dict[str, Any]:
    description = _describe(error, "")
    if isinstance(error, ImportError):
        module = os.environ["_HANDLER"].rpartition(".")[0]
        description["errorType"] = "Runtime.ImportModuleError"
        description["errorMessage"] = f"Unable to import module '{module}': {error}"
    elif isinstance(error, AttributeError) and "has no attribute" in str(error):
        description["errorType"] = "Runtime.HandlerNotFound"
    return description


if __name__ == "__main__":
    main()
