"""POST /jira/callback on the wire, through Chalice."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.callback import LONGEST_HEADER
from chalicelib.credentials import sign
from tests.chalicelib.fakes import SECRET_VALUES, proof, sample, without

KEY, TOKEN = SECRET_VALUES["callback"], SECRET_VALUES["automation"]


@pytest.fixture
def post(cloud: Any) -> Any:
    """Return a function that sends a body, as its usual sender unless headers are given; it returns status, JSON."""

    def post(body: Any, headers: Any = None, content_type: Any = "application/json") -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = proof(raw) if headers is None else headers
        typed = {"content-type": content_type} if content_type else {}
        response = cloud.http.post("/jira/callback", body=raw, headers=typed | headers)
        return response.status_code, response.json_body

    return post


@pytest.mark.parametrize(
    ("name", "status"),
    [("cloud-done", 202), ("flat-rejected", 202), ("edited-while-done", 200), ("flat-without-status", 400)],
)
def test_a_signed_delivery_is_answered(post: Any, name: str, status: Any) -> None:
    assert post(sample(name))[0] == status


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"null"])
def test_a_broken_body_is_400_if_proven_and_401_if_not(post: Any, body: Any) -> None:
    assert post(body)[0] == 400
    assert post(body, headers={})[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {SECRET_VALUES['validation']}"},
        {"X-Hub-Signature": "", "Authorization": f"Bearer {KEY}"},
    ],
)
def test_without_a_right_credential_it_is_401_with_the_reason(post: Any, headers: Any) -> None:
    status, body = post(sample("cloud-done"), headers=headers)
    assert (status, list(body)) == (401, ["error"])


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "",
        "nonsense",
    ],
)
def test_the_content_type_does_not_matter(post: Any, content_type: Any) -> None:
    assert post(sample("unicode-html-20kb"), content_type=content_type)[0] == 202


def test_a_body_that_api_gateway_passes_on_as_base64_is_proven_by_its_bytes(cloud: Any) -> None:
    raw = (json.dumps(sample("localised-done"), ensure_ascii=False) + " ").encode()
    event = {
        "requestContext": {"resourcePath": "/jira/callback", "httpMethod": "POST", "identity": {}},
        "headers": {"x-hub-signature": sign(raw, KEY), "content-type": "application/octet-stream"},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": base64.b64encode(raw).decode(),
        "isBase64Encoded": True,
    }
    assert cloud.app.app(event, None)["statusCode"] == 202


def test_a_delivery_is_recorded_once_however_often_it_comes(cloud: Any, post: Any) -> None:
    for _ in range(3):
        assert post(sample("cloud-done")) == (202, {"story": "PROJ-12345", "decision": "approved", "resumed": []})
    items = cloud.dynamodb.scan(TableName=cloud.app.TABLE)["Items"]
    assert [(item["story"]["S"], item["decision"]["S"]) for item in items] == [("PROJ-12345", "approved")]


def test_an_error_that_no_code_expects_is_500_and_leaves_a_log_line(
    cloud: Any, post: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"story": {"S": "PROJ-12345"}, "entry": {"S": "WAIT#by hand"}, "startedAt": {"S": "2026-01-01"}}
    cloud.dynamodb.put_item(TableName=cloud.app.TABLE, Item=entry)
    assert post(sample("cloud-done"))[0] == 500
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["log"], line["status"], line["error"]) == ("callback", 500, "KeyError")
    assert [call.split()[0] for call in line["aws"]] == ["GetSecretValue", "PutItem", "Query"]


def test_a_verdict_older_than_the_known_one_is_200_ignored(post: Any) -> None:
    post({**sample("rejected-by-status"), "timestamp": 1767261600001})
    status, body = post({**sample("rejected-by-status"), "timestamp": 1767261600000})
    assert (status, body["ignored"][:10]) == (200, "older than")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_served(cloud: Any, method: Any) -> None:
    assert cloud.http.request(method, "/jira/callback").status_code == 405


def test_a_table_that_is_gone_is_503(cloud: Any, post: Any) -> None:
    cloud.dynamodb.delete_table(TableName=cloud.app.TABLE)
    assert post(sample("cloud-done"))[0] == 503


def test_a_secret_that_is_gone_is_503(cloud: Any, post: Any) -> None:
    cloud.secretsmanager.delete_secret(SecretId=cloud.app.SECRET, ForceDeleteWithoutRecovery=True)
    assert post(sample("cloud-done"))[0] == 503


def test_a_rotated_secret_is_accepted_at_once_and_the_old_one_still(cloud: Any, post: Any) -> None:
    assert post(sample("cloud-done"))[0] == 202
    rotated = SECRET_VALUES | {"automation": "fresh", "previous": SECRET_VALUES}
    rotated |= {"rotatedAt": datetime.now(UTC).isoformat()}
    cloud.secretsmanager.put_secret_value(SecretId=cloud.app.SECRET, SecretString=json.dumps(rotated))
    for token in ("fresh", SECRET_VALUES["automation"]):
        assert post(sample("cloud-done"), headers={"Authorization": f"Bearer {token}"})[0] == 202


def test_a_value_that_only_secrets_manager_calls_previous_is_refused(cloud: Any, post: Any) -> None:
    fresh = json.dumps(SECRET_VALUES | {"callback": "fresh"})
    cloud.secretsmanager.put_secret_value(SecretId=cloud.app.SECRET, SecretString=fresh)
    assert post(sample("cloud-done"))[0] == 401


def test_each_delivery_leaves_one_log_line_without_credential_or_body(
    post: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    post(sample("flat-rejected"), headers={"Authorization": f"Bearer {TOKEN}", "X-Atlassian-Webhook-Identifier": "w-1"})
    (line,) = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert 0 < logged.pop("ms") < 60_000
    assert [call.split(" ")[0] for call in logged.pop("aws")] == ["GetSecretValue", "PutItem", "Query"]
    assert logged == {
        "log": "callback", "status": 202, "story": "PROJ-12346", "decision": "rejected", "resumed": [],
        "webhook": "w-1", "retry": "0",
    }  # fmt: skip
    assert TOKEN not in line
    assert "Rollback" not in line


@pytest.mark.parametrize("body", [sample("edited-while-done"), b"{", sample("cloud-done")])
def test_the_log_line_says_what_the_answer_says(
    cloud: Any, post: Any, capsys: pytest.CaptureFixture[str], body: Any
) -> None:
    wait = {"story": "PROJ-12345", "entry": "WAIT#a", "taskToken": "t", "countsFrom": "2025-01-01T00:00:00.000Z"}
    cloud.dynamodb.put_item(TableName=cloud.app.TABLE, Item={name: {"S": value} for name, value in wait.items()})
    status, answer = post(body)
    (line,) = capsys.readouterr().out.splitlines()
    assert answer | {"status": status} == {name: json.loads(line)[name] for name in [*answer, "status"]}


@pytest.mark.parametrize(
    ("headers", "logged"),
    [
        ({}, ("", "0")),
        ({"x-atlassian-webhook-identifier": "w-1", "x-atlassian-webhook-retry": "2"}, ("w-1", "2")),
        ({"X-Atlassian-Webhook-Retry": "9" * 5000}, ("", "9" * LONGEST_HEADER)),
    ],
)
def test_the_log_line_tells_deliveries_and_their_retries_apart(
    post: Any, capsys: pytest.CaptureFixture[str], headers: Any, logged: Any
) -> None:
    post(sample("cloud-done"), headers={"Authorization": f"Bearer {TOKEN}", **headers})
    line = json.loads(capsys.readouterr().out)
    assert (line["webhook"], line["retry"]) == logged


@pytest.mark.parametrize(
    ("body", "headers", "refused"),
    [
        (sample("cloud-done"), {}, False),
        (sample("edited-while-done"), {}, False),
        (without(sample("cloud-done"), "timestamp"), {}, True),
        (b"{", {}, True),
        (sample("cloud-done"), {"Authorization": "Bearer wrong"}, True),
    ],
)
def test_the_log_line_marks_what_was_refused(
    post: Any, capsys: pytest.CaptureFixture[str], body: Any, headers: Any, refused: bool
) -> None:
    post(body, headers={"Authorization": f"Bearer {TOKEN}", **headers})
    assert json.loads(capsys.readouterr().out).get("refused", False) is refused


@pytest.mark.parametrize(("seconds_ago", "status"), [(0, 202), (11, 202), (14, 503), (40, 202), (-40, 202)])
def test_the_time_for_an_answer_counts_from_the_requests_arrival_at_api_gateway(
    cloud: Any, seconds_ago: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = json.dumps(sample("cloud-done"))
    context = {"resourcePath": "/jira/callback", "httpMethod": "POST", "identity": {}}
    event = {
        "requestContext": context | {"requestTimeEpoch": int((time.time() - seconds_ago) * 1000)},
        "headers": {"authorization": f"Bearer {TOKEN}"},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": raw,
        "isBase64Encoded": False,
    }
    assert cloud.app.app(event, None)["statusCode"] == status
    assert json.loads(capsys.readouterr().out)["status"] == status
