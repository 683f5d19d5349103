"""Hostile input: generated requests, then a flood with valid callbacks in between."""

import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import requests
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from benchmarks.local_stage import local_stage
from benchmarks.table import Figure
from storygate.operations import jira_webhook

ROOT = Path(__file__).resolve().parents[1]
DESCRIPTION = ROOT / "docs" / "openapi.yaml"
CALLBACK = "/jira/callback"
PATIENCE_SECONDS = 3.0  # of Automation on Data Center, the least patient of Jira's senders
MEMORY_RATIO = 1.1  # our choice; a leak of 1 kB a request gives 1.2 in ten seconds
CONNECTIONS = 16
CREDENTIALS = ("authorization", "x-hub-signature")

FLOOD = """
-- Half of the requests are not signed, half have a wrong signature.
local body, turn = '{"jiraStoryId": "PROJ-1", "status": "approved"}', 0
broken, other = 0, 0
function setup(thread) worker = thread end
function request()
  turn = turn + 1
  local headers = {["Content-Type"] = "application/json"}
  if turn % 2 == 0 then headers["X-Hub-Signature"] = "sha256=" .. string.format("%064x", turn) end
  return wrk.format("POST", "/jira/callback", headers, body)
end
function response(status)
  if status >= 500 then broken = broken + 1 elseif status ~= 401 then other = other + 1 end
end
function done(summary)
  local lost = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format("RESULT %d %d %d %d %d", summary.requests, worker:get("broken"), worker:get("other"), lost,
    summary.duration))
end
"""


@dataclass
class Seen:
    """A stage's answers to generated requests."""

    answers: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    undescribed: list[str] = field(default_factory=list)


def run(quick: bool) -> Sequence[Figure]:
    """Run the measurements on a local cloud with storygate; all requests stay on loopback addresses."""
    with local_stage() as stage:
        figures = _generated(stage.cloud.api_url, stage.values, 50 if quick else 120)
        return [*figures, *_flooded(stage.cloud.api_url, stage.secret, 2.0 if quick else 10.0)]


def _generated(url: str, secret: Mapping[str, str], examples: int) -> list[Figure]:
    """Send bodies and headers that the description allows, and others that it forbids."""
    import schemathesis  # here: it takes a second, and nothing else needs it

    seen = Seen()
    description = schemathesis.openapi.from_path(DESCRIPTION)
    raw = description.raw_schema
    for found in description.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:
            _send_all(operation, mode, examples, url, secret, seen, raw)
    total = sum(seen.answers.values())
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(seen.answers.items()))
    return [
        Figure(
            "generated requests answered 5xx",
            f"{len(seen.broken)} of {total}",
            "0",
            not seen.broken,
            "; ".join([answers, *seen.broken[:3]]) + "; a mock answers any status that `simulate` names",
            must=True,
        ),
        Figure(
            "answers that the description lacks",
            f"{len(seen.undescribed)} of {total}",
            "0",
            not seen.undescribed,
            "; ".join(seen.undescribed[:3]),
            must=True,
        ),
    ]


def _send_all(
    operation: Any, mode: Any, examples: int, url: str, secret: Mapping[str, str], seen: Seen, raw: dict[str, Any]
) -> None:
    """Send one operation's examples with every kind of credential."""
    api = operation.path.rpartition("/")[2]
    right = (
        [_signed(secret["callback"]), _bearer(secret["automation"])] if api == "callback" else [_bearer(secret[api])]
    )
    credentials: list[Callable[[Any], Any]] = [*right, *right, lambda request: request, _bearer("wrong")]

    @hypothesis.seed(1)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), credential=st.sampled_from(credentials))
    def send(case: Any, credential: Callable[[Any], Any]) -> None:
        case.headers = {k: v for k, v in (case.headers or {}).items() if k.lower() not in CREDENTIALS}
        try:
            response = case.call(base_url=url, auth=credential, timeout=30)
        except requests.exceptions.InvalidHeader:
            return  # HTTP cannot carry it
        status = response.status_code
        seen.answers[status] += 1
        if status >= 500 and "as metadata.simulate asks" not in response.text:
            seen.broken.append(f"{status} to {operation.path}: {response.text[:80]}")
        elif not _is_described(raw, operation.path, status, response.content):
            seen.undescribed.append(f"{status} of {operation.path}: {response.text[:80]}")

    send()


def _signed(secret: str) -> Callable[[Any], Any]:
    def sign(request: Any) -> Any:
        body = request.body or b""
        request.headers["X-Hub-Signature"] = jira_webhook.sign(body.encode() if isinstance(body, str) else body, secret)
        return request

    return sign


def _bearer(token: str) -> Callable[[Any], Any]:
    def sign(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return sign


def _is_described(raw: dict[str, Any], path: str, status: int, content: bytes) -> bool:
    responses = raw["paths"][path]["post"]["responses"]
    response = responses.get(str(status), responses.get("default"))
    if response is None:
        return False
    if "$ref" in response:
        response = raw["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"]["application/json"]["schema"] | {"components": raw["components"]}
    return not content or Draft202012Validator(schema).is_valid(json.loads(content))


def _flooded(url: str, secret: str, seconds: float) -> list[Figure]:
    """Send wrk's flood of unsigned and wrongly signed requests, and valid callbacks meanwhile."""
    if not shutil.which("wrk"):
        return [
            Figure(
                "flood: answered 5xx",
                "not measured",
                "0",
                False,
                "wrk is not installed (apt-get install wrk)",
                must=True,
            )
        ]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script, requests.Session() as session:
        script.write(FLOOD)
        script.flush()
        _wrk(url, script.name, max(seconds / 5, 1)).wait()  # to warm up threads, buffers and caches
        before = _memory()
        idle = _honest(session, url, secret, lambda done: done < 200 * seconds / 10)
        flood = _wrk(url, script.name, seconds)
        during = _honest(session, url, secret, lambda _: flood.poll() is None)
        printed = flood.communicate()[0]
        after = _memory()
    result = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", printed)
    if not result:
        return [Figure("flood of unsigned requests", "wrk failed", "done", False, printed[-200:], must=True)]
    sent, broken, other, lost, microseconds = (int(number) for number in result.groups())
    refused = sum(status not in (200, 202) for status, _ in during)
    slow, usual = (_p99([taken for _, taken in answers]) for answers in (during, idle))
    slowest = max(taken for _, taken in during)
    grown = after / before
    rate = f"{sent / microseconds * 1e6:.0f}/s over {CONNECTIONS} connections, {lost} socket errors"
    where = "here one dev server takes both"
    size = f"of the dev server alone, {before / 1e6:.0f} MB before"
    return [
        Figure("flood: answered 5xx", f"{broken} of {sent}", "0", not broken, rate, must=True),
        Figure("flood: answered other than 401", f"{other} of {sent}", "0", not other, must=True),
        Figure("flood: memory after / before", f"{grown:.2f}", f"<= {MEMORY_RATIO}", grown <= MEMORY_RATIO, size),
        Figure("honest callbacks refused meanwhile", f"{refused} of {len(during)}", "0", not refused, must=True),
        Figure("slowest honest one", f"{slowest:.2f} s", f"< {PATIENCE_SECONDS:.0f} s", slowest < PATIENCE_SECONDS),
        Figure(
            "honest p99 under flood / idle", f"{slow / usual:.1f}", None, None, f"idle {usual * 1000:.0f} ms; {where}"
        ),
    ]


def _wrk(url: str, script: str, seconds: float) -> subprocess.Popen[str]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", script, url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _honest(session: requests.Session, url: str, secret: str, go_on: Callable[[int], bool]) -> list[tuple[int, float]]:
    """Status and seconds of signed callbacks, one after another, each about a story of its own."""
    answers: list[tuple[int, float]] = []
    while go_on(len(answers)):
        body = jira_webhook.encode(jira_webhook.issue_updated(f"HONEST-{len(answers)}", "approved"))
        began = time.perf_counter()
        headers = {"Content-Type": "application/json", "X-Hub-Signature": jira_webhook.sign(body, secret)}
        status = session.post(url + CALLBACK, data=body, headers=headers, timeout=30).status_code
        answers.append((status, time.perf_counter() - began))
    return answers


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else seconds[0]


def _memory() -> int:
    """Resident bytes of the dev server, a child of this process; the local AWS in this process is not counted."""
    listing = subprocess.run(["ps", "-A", "-o", "ppid=,rss=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 2) for line in listing.splitlines())
    return 1024 * sum(
        int(rss) for ppid, rss, command in rows if int(ppid) == os.getpid() and "dev_server.py" in command
    )
