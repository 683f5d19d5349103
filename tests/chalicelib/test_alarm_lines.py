"""Each fault that an alarm is for leaves a line that the alarm's filter counts, and nothing else does."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import callback
from chalicelib.rules import Rules
from chalicelib.run_status import SMOKE, count
from chalicelib.stage_jira import Clients, StageJira
from storygate.checks.api_checks import NAME
from tests.alarms import CALLBACK, STATUS, SWEEP, counted, goes_off

RULES = Rules.from_environment()
Printed = pytest.CaptureFixture[str]


@pytest.mark.parametrize(("webhook", "is_counted"), [("w-1", True), ("", True), (NAME, False)])
def test_a_delivery_without_a_right_credential_is_counted_unless_doctor_sent_it(
    webhook: str, is_counted: bool, capsys: Printed
) -> None:
    secret: Any = None  # what has no credential never reads it
    table: Any = None
    headers = {"X-Atlassian-Webhook-Identifier": webhook}
    request = SimpleNamespace(raw_body=b"{}", headers=headers, context={})
    status, _ = callback.handle(request, secret, table, RULES, list)
    metrics = counted(capsys.readouterr().out, CALLBACK)
    assert status == 401
    assert metrics == ({"refused": 1.0} if is_counted else {})
    assert goes_off("deliveries-refused", metrics) is is_counted


def test_a_jira_that_cannot_be_asked_is_counted(capsys: Printed) -> None:
    class Denied:
        def get_secret_value(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue")

    clients = Clients(Denied(), None, None, None)
    jira = StageJira({"STORYGATE_JIRA_SITE": "https://jira.example"}, clients, RULES, "secret", "table", "bucket")
    table: Any = None
    assert jira.ask([], table, 1.0, "arn").errors
    metrics = counted(capsys.readouterr().out, SWEEP)
    assert metrics == {"jira_away": 1.0}
    assert goes_off("jira-away", metrics)


@pytest.mark.parametrize(
    ("name", "error", "wakes"),
    [
        ("run-1", "api_failed", True),
        ("run-1", "rejected", False),
        (f"{SMOKE}1", "rejected", False),
        (f"{SMOKE}1", "error", False),
    ],
)
def test_a_run_that_ended_by_a_fault_wakes_a_person_unless_it_was_the_smoke_tests(
    name: str, error: str, wakes: bool, capsys: Printed
) -> None:
    count({"name": name, "status": "FAILED", "error": error}, "storygate-dev")
    assert goes_off("runs-faulted", counted(capsys.readouterr().out, STATUS)) is wakes
