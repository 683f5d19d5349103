"""The callback's answers, with the real decision table behind it (DynamoDB by moto)."""

import json
import time
from typing import Any

import pytest
from chalice.app import CaseInsensitiveMapping

from chalicelib import callback
from chalicelib.refusals import Unavailable
from chalicelib.secret import Secret
from chalicelib.verdicts import Budget, Delivery, VerdictTable
from tests.chalicelib.fakes import (
    DEFAULT_RULES,
    SECRET_VALUES,
    SecretsManager,
    StepFunctions,
    Table,
    aws_error,
    changed,
    proof,
    sample,
)

KEY, TOKEN = SECRET_VALUES["callback"], SECRET_VALUES["automation"]


def send(body: Any, table: Any, headers: Any = None, secret: Any = None) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = proof(raw) if headers is None else headers
    secret = secret or Secret(SecretsManager(), "the-secret")
    return callback.answer(raw, CaseInsensitiveMapping(headers), secret, table, DEFAULT_RULES)[:2]


def wait(
    dynamodb: Any, execution: str, token: str, counts_from: Any = "2025-12-31T00:00:00.000Z", story: str = "PROJ-12345"
) -> None:
    item = {"story": story, "entry": f"WAIT#{execution}", "taskToken": token, "countsFrom": counts_from}
    dynamodb.put_item(TableName="verdicts", Item={name: {"S": value} for name, value in item.items()})


@pytest.fixture
def stepfunctions() -> Any:
    return StepFunctions()


@pytest.fixture
def table(cloud: Any, stepfunctions: Any) -> Any:
    return VerdictTable(cloud.dynamodb, "verdicts", stepfunctions)


def test_a_verdict_that_nothing_waits_for_is_202(table: Any) -> None:
    assert send(sample("cloud-done"), table) == (202, {"story": "PROJ-12345", "decision": "approved", "resumed": []})


def test_a_waiting_run_gets_the_verdict_and_is_named(cloud: Any, table: Any, stepfunctions: Any) -> None:
    wait(cloud.dynamodb, "run-1", "token-1")
    answer = {"story": "PROJ-12345", "decision": "approved", "resumed": ["run-1"], "closed": []}
    assert send(sample("cloud-done"), table) == (200, answer)
    assert stepfunctions.sent["token-1"]["decision"] == "approved"
    assert stepfunctions.sent["token-1"]["actor"] == "Ines Albrecht"


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
@pytest.mark.parametrize(("name", "decision"), [("cloud-done", "approved"), ("rejected-by-status", "rejected")])
def test_a_run_that_is_over_already_is_closed_and_no_error(
    cloud: Any, table: Any, stepfunctions: Any, code: str, name: str, decision: str
) -> None:
    wait(cloud.dynamodb, "run-1", "token-1")
    stepfunctions.over["token-1"] = code
    status, body = send(changed(sample(name), "issue.key", "PROJ-12345"), table)
    assert (status, body["decision"], body["resumed"], body["closed"]) == (200, decision, [], ["run-1"])


def test_a_run_that_started_after_the_verdict_keeps_waiting(cloud: Any, table: Any, stepfunctions: Any) -> None:
    wait(cloud.dynamodb, "run-1", "token-1", counts_from="2026-01-01T10:00:00.000Z")
    assert send(sample("cloud-done"), table)[0] == 202
    assert stepfunctions.sent == {}


def test_the_same_delivery_again_changes_nothing(cloud: Any, table: Any, stepfunctions: Any) -> None:
    wait(cloud.dynamodb, "run-1", "token-1")
    assert send(sample("cloud-done"), table)[0] == 200
    assert send(sample("cloud-done"), table) == (202, {"story": "PROJ-12345", "decision": "approved", "resumed": []})
    assert list(stepfunctions.sent) == ["token-1"]


def test_an_older_verdict_than_the_known_one_is_ignored_and_says_which_stands(table: Any) -> None:
    send({**sample("reopened"), "timestamp": 1767261660000}, table)
    status, body = send(sample("cloud-done"), table)
    assert (status, body["story"]) == (200, "PROJ-12345")
    assert body == {
        "story": "PROJ-12345",
        "ignored": "older than what is known: pending, decided 2026-01-01T10:01:00.000Z",
    }


def test_an_older_verdict_still_mends_what_the_newer_one_left(cloud: Any, table: Any) -> None:
    send({**sample("rejected-by-status"), "timestamp": 1767261660000}, table)
    story = send(sample("rejected-by-status"), table)[1]["story"]
    wait(cloud.dynamodb, "run-1", "token-1", story=story)
    status, body = send(sample("rejected-by-status"), table)
    assert status == 200
    assert body.pop("ignored").startswith("older than what is known: rejected")
    assert body == {"story": story, "decision": "rejected", "resumed": ["run-1"], "closed": []}


@pytest.mark.parametrize("over", [False, True])
def test_a_move_without_a_verdict_says_which_runs_it_reached_with_the_known_one(
    cloud: Any, table: Any, stepfunctions: Any, over: Any
) -> None:
    send(changed(sample("cloud-done"), "issue.key", "PAY-9"), table)
    wait(cloud.dynamodb, "run-1", "token-1")
    if over:
        stepfunctions.over["token-1"] = "TaskTimedOut"
    status, body = send(sample("moved"), table)
    assert (status, body.pop("ignored")) == (200, "neither status nor resolution changed")
    reached = {"resumed": [], "closed": ["run-1"]} if over else {"resumed": ["run-1"], "closed": []}
    assert body == {"story": "PAY-9", "decision": "approved", **reached}


def test_a_moved_story_answers_under_its_old_key_too(cloud: Any, table: Any) -> None:
    wait(cloud.dynamodb, "run-1", "token-1")
    status, body = send(sample("moved-and-rejected"), table)
    assert (status, body["story"], body["resumed"]) == (200, "PAY-9", ["run-1"])


def test_a_story_that_was_moved_first_and_done_later_answers_under_its_old_key_too(cloud: Any, table: Any) -> None:
    wait(cloud.dynamodb, "run-1", "token-1")
    moved = send(sample("moved"), table)
    assert moved == (200, {"story": "PAY-9", "ignored": "neither status nor resolution changed"})
    done = {**sample("moved-and-done"), "changelog": sample("cloud-done")["changelog"]}
    assert send(done, table)[1]["resumed"] == ["run-1"]


@pytest.mark.parametrize(
    ("name", "story"), [("edited-while-done", "PROJ-12345"), ("comment-created-old", None), ("sprint-closed", None)]
)
def test_a_delivery_without_a_verdict_is_200_and_says_why_it_is_ignored(name: str, story: str) -> None:
    table = Late()
    status, body = send(sample(name), table)
    assert (status, body["story"], set(body)) == (200, story, {"story", "ignored"})
    assert (table.delivered, table.moves, table.arrivals) == ([], [], [])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"jiraStoryId": "PROJ-1"}', b"[" * 100_000])
def test_a_body_of_no_use_is_400_once_it_is_proven(body: Any) -> None:
    status, answer = send(body, Table())
    assert (status, list(answer)) == (400, ["error"])


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5_000_000, b"\xff\xfe", json.dumps(sample("cloud-done")).encode()])
@pytest.mark.parametrize(
    "headers", [{}, {"X-Hub-Signature": ""}, {"X-Hub-Signature": "sha256=0"}, {"Authorization": "Bearer x"}]
)
def test_nothing_is_parsed_before_it_is_proven(body: Any, headers: Any) -> None:
    table = Table()
    assert send(body, table, headers)[0] == 401
    assert table.delivered == []


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {TOKEN}"}, {"AUTHORIZATION": f"bearer {TOKEN}", "x-other": "sha256=0"}]
)
def test_the_bearer_is_accepted_in_place_of_a_signature(headers: Any) -> None:
    table = Table()
    assert send(sample("automation-jira-format"), table, headers)[0] == 202
    assert len(table.delivered) == 1


def test_a_wrong_signature_beside_a_right_bearer_is_401() -> None:
    headers = {"X-Hub-Signature": "sha256=" + "0" * 64, "Authorization": f"Bearer {TOKEN}"}
    status, answer = send(sample("flat-approved"), Table(), headers)
    assert status == 401
    assert answer["error"].startswith("X-Hub-Signature was seen and has the right form, but")


@pytest.mark.parametrize("name", ["cloud-done", "moved", "flat-rejected"])
def test_a_table_that_says_no_is_503(name: str) -> None:
    assert send(sample(name), Table(failure=Unavailable("AWS did not take the verdict; send it again"))) == (
        503,
        {"error": "AWS did not take the verdict; send it again"},
    )


@pytest.mark.parametrize("code", ["InternalServiceError", "AccessDeniedException"])
def test_a_secret_that_cannot_be_read_is_503_and_not_401(code: str) -> None:
    manager = SecretsManager()
    manager.failure = aws_error("secretsmanager", code)
    status, body = send(sample("cloud-done"), Table(), secret=Secret(manager, "the-secret"))
    assert (status, body) == (503, {"error": "the secret cannot be read"})


@pytest.mark.parametrize(("value", "named"), [({}, "callback"), ("no JSON", "the-secret")])
def test_a_secret_that_is_not_whole_is_503_and_named(value: Any, named: Any) -> None:
    status, body = send(sample("cloud-done"), Table(), secret=Secret(SecretsManager(value), "the-secret"))
    assert status == 503
    assert named in body["error"]


@pytest.mark.parametrize("name", ["cloud-done", "edited-while-done", "flat-without-status"])
def test_no_answer_tells_the_secret(name: str) -> None:
    for headers in (None, {"Authorization": f"Bearer {KEY}"}, {"Authorization": f"Bearer {KEY}x"}):
        assert KEY not in json.dumps(send(sample(name), Table(), headers))


def test_the_answer_counts_the_runs_that_get_the_verdict_in_the_background(cloud: Any, stepfunctions: Any) -> None:
    for run in ("run-1", "run-2"):
        wait(cloud.dynamodb, run, f"token of {run}")
    handed_over: list[str] = []
    no_time = Budget(send_by=0.0, call_by=time.time() + 60)
    table = VerdictTable(cloud.dynamodb, "verdicts", stepfunctions, hand_over=handed_over.append, budget=no_time)
    answer = {"story": "PROJ-12345", "decision": "approved", "resumed": [], "closed": [], "resuming": 2}
    assert send(sample("cloud-done"), table) == (200, answer)
    assert (handed_over, stepfunctions.sent) == (["PROJ-12345"], {})


def test_runs_whose_input_came_after_the_verdict_are_named_later(cloud: Any, table: Any) -> None:
    wait(cloud.dynamodb, "run-2", "token-2", counts_from="2026-01-01T10:00:00.000Z")
    answer = {"story": "PROJ-12345", "decision": "approved", "resumed": [], "later": ["run-2"]}
    assert send(sample("cloud-done"), table) == (202, answer)
    wait(cloud.dynamodb, "run-1", "token-1")
    answer |= {"resumed": ["run-1"], "closed": []}
    assert send(sample("cloud-done"), table) == (200, answer)


def test_a_change_of_an_approved_story_names_the_runs_that_wait_and_mends_what_a_crash_left(
    cloud: Any, table: Any, stepfunctions: Any
) -> None:
    ignored = "the story was approved before this change already"
    closed = sample("done-then-closed")
    story = closed["issue"]["key"]
    wait(cloud.dynamodb, "run-1", "token-1", story=story)
    assert send(closed, table) == (200, {"story": story, "ignored": f"{ignored}; still waiting for it: run-1"})
    wait(cloud.dynamodb, "run-2", "token-2", counts_from="2026-01-01T10:00:00.000Z", story=story)
    # A callback wrote this and died.
    known = {"story": story, "entry": "STORY", "decision": "approved"}
    known |= dict.fromkeys(("decidedAt", "receivedAt"), "2026-01-01T09:00:00.000Z")
    cloud.dynamodb.put_item(TableName="verdicts", Item={name: {"S": value} for name, value in known.items()})
    status, body = send(closed, table)
    assert (status, body.pop("ignored")) == (200, f"{ignored}; still waiting for it: run-2")
    assert body == {
        "story": story, "decision": "approved", "resumed": ["run-1"], "closed": [], "later": ["run-2"],
    }  # fmt: skip
    assert list(stepfunctions.sent) == ["token-1"]


class Late(Table):
    """A decision table that notes when the requests arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[float | None] = []

    def move(self, story: str, former_key: str, arrived: float | None = None) -> Delivery:
        self.arrivals.append(arrived)
        return super().move(story, former_key, arrived)

    def resume(self, story: str, arrived: float | None = None) -> Delivery:
        self.arrivals.append(arrived)
        return super().resume(story, arrived)


@pytest.mark.parametrize("name", ["moved", "done-then-closed"])
def test_the_arrival_of_a_delivery_that_decides_nothing_counts_as_well(name: str) -> None:
    raw, table = json.dumps(sample(name)).encode(), Late()
    headers = CaseInsensitiveMapping(proof(raw))
    secret = Secret(SecretsManager(), "the-secret")
    callback.answer(raw, headers, secret, table, DEFAULT_RULES, arrived=17.0)  # type: ignore[arg-type]
    assert table.arrivals == [17.0]


def test_a_closed_story_that_is_in_no_list_is_answered_with_what_to_add() -> None:
    status, body = send(sample("withdrawn"), Table())
    assert (status, body["decision"]) == (202, "pending")
    assert "STORYGATE_APPROVED_RESOLUTIONS" in body["unlisted"]


def test_the_log_line_has_later_resuming_and_unlisted() -> None:
    said = {"later": ["a"], "resuming": 3, "unlisted": "add it"}
    line = json.loads(callback._log_line({}, callback.Reply(200, said), 0.0, []))
    assert {name: line[name] for name in said} == said
