"""The REST API of a deployed project: Chalice's dev server (`dev_server.py`) as a child process."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from localcloud import LocalCloudError

DEV_SERVER = Path(__file__).with_name("dev_server.py")
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 3.0

log = logging.getLogger("localcloud.api")


@contextmanager
def rest_api(
    project: Path,
    stage: str,
    listener: socket.socket,
    environment: Mapping[str, str],
    write: Callable[[str], None],
) -> Iterator[None]:
    """Serve the project's code on a bound socket while the block runs, with these variables, and no others of AWS.

    `write` takes each line of JSON that the app prints, which Lambda would write to the function's log. Raises
    LocalCloudError, with what the dev server printed, if it ends or has not answered after `START_TIMEOUT_SECONDS`.
    """
    process = _start(project, stage, listener, environment)
    printed: deque[str] = deque(maxlen=40)
    reader = threading.Thread(target=_follow, args=(process.stdout, printed, write), daemon=True)
    reader.start()
    try:
        _await(process, listener, reader, printed)
        yield
    finally:
        _end(process, reader)


def _start(project: Path, stage: str, listener: socket.socket, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    # Without the caller's AWS variables: a profile, for one, would lead the app's clients elsewhere.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.Popen(
        [sys.executable, "-P", str(DEV_SERVER), "--stage", stage, "--socket", str(listener.fileno())],
        cwd=project,
        env={**inherited, **environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[listener.fileno()],
        text=True,
        # Ctrl-C must reach the parent alone; it closes the child's input, which ends the child.
        start_new_session=True,
    )


def _await(
    process: subprocess.Popen[str], listener: socket.socket, reader: threading.Thread, printed: deque[str]
) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not _accepts_connections(listener.getsockname()):
        if process.poll() is not None:
            reader.join(STOP_TIMEOUT_SECONDS)
            raise LocalCloudError("the REST API did not start:\n" + "\n".join(printed))
        if time.monotonic() > deadline:
            raise LocalCloudError(
                f"the REST API did not start within {START_TIMEOUT_SECONDS:.0f} s:\n" + "\n".join(printed)
            )
        time.sleep(0.01)


def _accepts_connections(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def _follow(output: IO[str], printed: deque[str], write: Callable[[str], None]) -> None:
    for line in output:
        printed.append(line.rstrip("\n"))
        log.debug("%s", printed[-1])
        if line.startswith("{"):  # all else is of the dev server
            write(printed[-1])


def _end(process: subprocess.Popen[str], reader: threading.Thread) -> None:
    with contextlib.suppress(OSError):
        if process.stdin:
            process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    reader.join(STOP_TIMEOUT_SECONDS)
    if process.stdout:
        process.stdout.close()
