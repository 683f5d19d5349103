"""One check's trouble is its own line; what is shown can be copied; the documentation lists what is checked."""

import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from storygate.checks import CHECKS, Examination, examine, finding
from storygate.checks.finding import Check, ok
from storygate.cli import parser
from storygate.commands.findings import document, show
from storygate.deployment.gateway import ACCESS_LOG_FORMAT
from storygate.stage.aws import Aws
from storygate.stage.config import Stage, load_stage
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal
from tests import ROOT
from tests.storygate.conftest import KEYS, REGION, Configure

ACCOUNT = "123456789012"


@pytest.fixture
def examined(stage: Stage, project: Path) -> Any:
    class Sts:
        def get_caller_identity(self) -> dict[str, Any]:
            return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ann"}

    # Every other service fails with a KeyError: no test here needs it.
    return Examination(project, stage, Aws({"sts": Sts()}.__getitem__, REGION, KEYS))


def raising(error: Exception) -> Any:
    def probe(_: Any) -> None:
        raise error

    return probe


def denied() -> Any:
    """What a call that IAM refuses raises."""
    client = boto3.client("s3", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    said = "User: arn:aws:iam::1:user/x is not authorized to perform: s3:ListBucket on resource: b"
    with Stubber(client) as stub:
        stub.add_client_error("list_objects_v2", "AccessDenied", said, 403)
        with pytest.raises(client.exceptions.ClientError) as caught:
            client.list_objects_v2(Bucket="b")
    return caught.value


@pytest.mark.parametrize(
    ("error", "found", "fix"),
    [
        (OperatorError("It is broken.", "Mend it."), "It is broken.", "Mend it."),
        (denied(), "Not allowed", "Grant s3:ListBucket on b"),
        (EndpointConnectionError(endpoint_url="https://s3"), "AWS cannot be reached", "Check the network"),
        (KeyError("Rules"), "the check itself broke: KeyError: 'Rules'", "report"),
    ],
)
def test_whatever_a_check_raises_is_its_own_line(examined: Any, error: Exception, found: str, fix: str) -> None:
    checks = (Check("broken", "it matters", raising(error)), Check("next", "as well", lambda _: ok("fine")))
    broken, following = examine(examined, checks)
    assert (broken.status, broken.check, broken.why) == ("fail", "broken", "it matters")
    assert found in broken.found
    assert fix in broken.fix
    assert following.status == "ok"


def test_a_check_without_an_answer_is_given_up(examined: Any) -> None:
    stuck = threading.Event()
    found = Check("stuck", "", lambda _: ok(str(stuck.wait(60)))).examine(examined, patience=0.05)
    stuck.set()
    assert (found.status, found.found) == ("fail", "no answer within 0.05 s")


def test_what_is_wrong_is_shown_with_the_reason_and_the_command() -> None:
    stream = io.StringIO()
    for status in ("ok", "skip", "warn", "fail"):
        show(finding.Finding(status, "found", "mend it" if status in {"warn", "fail"} else "", "name", "it matters"),
             Terminal(stream))  # fmt: skip
    assert stream.getvalue().splitlines() == [
        "✓ ok    name: found",
        "  skip  name: found",
        "! warn  name: found",
        "      why: it matters",
        "      fix: mend it",
        "✗ fail  name: found",
        "      why: it matters",
        "      fix: mend it",
    ]


def test_json_is_healthy_unless_a_check_fails(examined: Any) -> None:
    warned = document(examined, [finding.Finding("warn", "f", "x", "c", "w")])
    assert warned["healthy"]
    assert json.loads(json.dumps(warned))["findings"] == [
        {"status": "warn", "found": "f", "fix": "x", "check": "c", "why": "w"}
    ]
    assert not document(examined, [finding.Finding("fail", "f")])["healthy"]


def test_each_check_has_a_name_and_a_reason_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len({check.why for check in CHECKS}) == len(CHECKS)


DOCS = [ROOT / "docs" / name for name in ("operate.md", "troubleshooting.md")]


def test_the_documentation_lists_each_check_with_its_reason() -> None:
    section = DOCS[0].read_text(encoding="utf-8").partition("## What `doctor` checks\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(check.name, check.why) for check in CHECKS]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_the_documentation_names_only_what_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = set(re.findall(r"^    (\S+)", parser().format_help(), re.MULTILINE))
    assert set(re.findall(r"python -m storygate ([a-z-]+)", text)) <= known
    of_the_cli_alone = {("s3", "cp"), ("s3", "ls"), ("logs", "tail"), ("cloudformation", "deploy")}
    named = set(re.findall(r"\baws ([a-z0-9]+) ([a-z-]+)", text)) - of_the_cli_alone
    assert named
    for service, operation in named:
        client = boto3.client({"s3api": "s3"}.get(service, service), region_name=REGION)
        assert operation.replace("-", "_") in client.meta.method_to_api_mapping, (service, operation)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_the_documentation_links_to_what_is_there(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8")):
        linked = path.parent / target if target else path
        headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {
            re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings
        }


def test_an_access_log_line_is_json_without_what_may_hold_a_credential() -> None:
    line = json.loads(ACCESS_LOG_FORMAT)
    assert not re.search(r"header|query|body|userAgent|\$context\.path", ACCESS_LOG_FORMAT)
    assert all(re.fullmatch(r"\$context\.[a-zA-Z.]+", value) for name, value in line.items() if name != "log")
    assert "\n" not in ACCESS_LOG_FORMAT  # API Gateway takes one line


def test_the_throttling_of_a_stage_is_read_from_its_configuration(configure: Configure, stage: Stage) -> None:
    def limits(read: Stage) -> tuple[float, ...]:
        return read.rate_limit, read.burst_limit, read.mock_rate_limit, read.mock_burst_limit

    assert limits(stage) == (50, 100, 25, 50)
    project = configure(lambda config: config["stages"]["dev"].update(api={"rateLimit": 5, "mockBurstLimit": 7}))
    assert limits(load_stage(project, "dev", REGION)) == (5, 100, 25, 7)


@pytest.mark.parametrize("wrong", [{"rate": 5}, {"rateLimit": 0}, {"rateLimit": "5"}, {"burstLimit": True}, 5])
def test_a_throttling_that_makes_no_sense_is_named(configure: Configure, wrong: Any) -> None:
    project = configure(lambda config: config["stages"]["dev"].update(api=wrong))
    with pytest.raises(OperatorError, match='"api" in stage "dev"'):
        load_stage(project, "dev", REGION)
