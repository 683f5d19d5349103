"""`console` as an operator starts it: it prints its address, and stays until a signal ends it."""

import json
import signal
import subprocess
import sys
import threading
import urllib.request

from tests import ROOT
from tests.e2e.conftest import SECONDS, Local


def test_it_prints_an_address_that_lets_in_and_stays_until_sigterm(local: Local) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "storygate", "console", "--stage", "local", "--port", "0", "--json"],
        cwd=local.project,
        env={**local.aws.environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    overdue = threading.Timer(SECONDS, process.kill)
    overdue.start()
    assert process.stdout
    try:
        url = json.loads(process.stdout.readline())["url"]
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            assert "<h1" in answer.read().decode()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=SECONDS)
    finally:
        overdue.cancel()
        process.kill()
    assert (process.returncode, out, err) == (0, "", "")
