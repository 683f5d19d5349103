"""Independent engines in Node and Java, which `.ci/run` installs; a test is skipped with a clear line without them."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from localcloud.loopback import bound
from tests import ROOT

ENGINES = ROOT / "tools" / "engines"
EMULATOR = ENGINES / "emulator"
QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")


def ask_node(script: str, questions: list[Any]) -> list[Any]:
    """Run a script of tools/engines once, and return its answers. Skips the test without Node or its packages."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (ENGINES / "node_modules").is_dir():
        pytest.skip("run: npm --prefix tools/engines ci")
    asked = json.dumps(questions)
    done = subprocess.run(["node", ENGINES / script], input=asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[Any] = json.loads(done.stdout)
    assert len(answers) == len(questions)
    return answers


@contextmanager
def dynamodb_local() -> Iterator[int]:
    """Run Amazon's DynamoDB Local on a free port while the block runs. Skips the test without Java or without it."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("Java is not installed")
    if not (EMULATOR / "DynamoDBLocal.jar").is_file():
        pytest.skip("run: npm --prefix tools/engines run dynamodb")
    with bound(0) as listener:
        port = listener.getsockname()[1]
    options = [
        *QUICK_JAVA,
        f"-Djava.library.path={EMULATOR}/DynamoDBLocal_lib",
        "-jar",
        f"{EMULATOR}/DynamoDBLocal.jar",
    ]
    process = subprocess.Popen(
        [java, *options, "-inMemory", "-disableTelemetry", "-port", str(port)],
        cwd=EMULATOR,  # it writes a file about itself
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not _accepts_connections(port):
            assert process.poll() is None, "DynamoDB Local has ended"
            assert time.monotonic() < deadline, "DynamoDB Local does not start"
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait(10)


def _accepts_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
