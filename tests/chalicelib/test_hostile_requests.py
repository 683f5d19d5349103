"""Hostile requests: headers, flags and methods, as API Gateway would pass them on."""

import base64
import json
from typing import Any

import pytest
from chalice.app import Request
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import apis, body, tokens
from chalicelib.credentials import sign
from tests.chalicelib.fakes import SECRET_VALUES, sample
from tests.chalicelib.test_hostile_bodies import KEY, SECRET, deliver, event

RAW = json.dumps(sample("cloud-done")).encode()
RIGHT = sign(RAW, KEY)
WRONG = "sha256=" + "0" * 64
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-HUB-SIGNATURE": RIGHT}, 202),
        ({"x-hub-signature": RIGHT.upper()}, 202),
        ({"x-hub-signature": RIGHT, "Authorization": "Basic dTpw"}, 202),
        ({"x-hub-signature": RIGHT, "Content-Encoding": "gzip"}, 202),
        ({"x-hub-signature": RIGHT, "X-Atlassian-Webhook-Identifier": "\r\n\x1b" * 5_000}, 202),
        ({"x-hub-signature": RIGHT, "X-Atlassian-Webhook-Retry": "9" * 10_000}, 202),
        ({"X-Hub-Signature-256": RIGHT}, 401),
        ({"X-Hub-Signature": f"{RIGHT},{RIGHT}"}, 401),
        ({"X-Hub-Signature": f"{WRONG}, {RIGHT}"}, 401),
        ({"X-Hub-Signature": "sha256=" * 1_000_000 + RIGHT}, 401),
        ({"X-Hub-Signature": RIGHT.replace("sha256", "sha1")}, 401),
        ({"X-Hub-Signature": RIGHT.replace("sha256", "none")}, 401),
        ({"X-Hub-Signature": "sha256=" + base64.b64encode(bytes.fromhex(RIGHT[7:])).decode()}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(f":{KEY}".encode()).decode()}, 401),
        ({"Authorization": f"Digest {KEY}"}, 401),
        ({"Authorization": f"bearer\t{KEY}"}, 401),
        ({"Authorization": f"Bearer {KEY}, Bearer {KEY}"}, 401),
        ({"Authorization": f"Bearer {KEY}\x00"}, 401),
        ({"Authorization": "Bearer " + "x" * 10_000}, 401),
        ({"Proxy-Authorization": f"Bearer {KEY}", "Cookie": f"Authorization=Bearer {KEY}"}, 401),
        ({}, 401),
    ],
)
def test_only_the_two_headers_of_the_contract_prove_a_body(headers: Any, status: Any) -> None:
    answered, recorded = deliver(RAW, headers)
    assert (answered, len(recorded)) == (status, int(status == 202))


def test_of_a_signature_given_twice_api_gateway_passes_the_last_on_and_it_must_be_right() -> None:
    # `headers` holds the last of several values (API Gateway developer guide, proxy integration input format).
    both = {"multiValueHeaders": {"X-Hub-Signature": [WRONG, RIGHT]}}
    assert deliver(RAW, {"X-Hub-Signature": RIGHT}, **both)[0] == 202
    both = {"multiValueHeaders": {"X-Hub-Signature": [RIGHT, WRONG]}}
    assert deliver(RAW, {"X-Hub-Signature": WRONG}, **both)[0] == 401


@pytest.mark.parametrize(
    ("sent", "encoded", "status"),
    [
        (base64.b64encode(RAW).decode(), True, 202),
        (RAW.decode(), False, 202),
        (base64.b64encode(RAW).decode(), False, 401),
        (RAW.decode(), True, 401),
        ("%%%", True, 401),
        ("a", True, 401),
        ("é", True, 401),
        ("\ud800", False, 401),
        (None, False, 401),
        (None, True, 401),
    ],
)
def test_a_body_is_proven_by_its_bytes_and_a_wrong_flag_is_no_server_error(
    sent: Any, encoded: Any, status: Any
) -> None:
    assert deliver(sent, {"X-Hub-Signature": RIGHT}, isBase64Encoded=encoded)[0] == status
    assert deliver(sent, {}, isBase64Encoded=encoded)[0] == 401


TEXT = st.text(max_size=20) | st.sampled_from((RIGHT, WRONG, f"Bearer {KEY[:-1]}", "Bearer", "sha256=", "", "gzip"))
NAMES = st.sampled_from(("Authorization", "X-Hub-Signature-", "X-Hub", "Content-Type", "Content-Encoding", "Accept"))
BODIES = st.none() | st.text(max_size=40) | st.binary(max_size=40).map(base64.b64encode).map(bytes.decode)


@settings(max_examples=60)
@given(headers=st.dictionaries(NAMES, TEXT, max_size=4), sent=BODIES, encoded=st.booleans())
def test_a_request_without_a_right_credential_is_401_whatever_is_in_it(headers: Any, sent: Any, encoded: Any) -> None:
    assert deliver(sent, headers, isBase64Encoded=encoded) == (401, [])
    assert tokens.api_of(headers.get("Authorization", ""), SECRET) is None


@settings(max_examples=30)
@given(raw=st.binary(max_size=40))
def test_the_bytes_of_a_body_come_through_base64_unchanged(raw: bytes) -> None:
    request = Request(event(base64.b64encode(raw).decode(), {}, isBase64Encoded=True))
    assert body.sent(request) == raw


def test_a_method_override_overrides_nothing(cloud: Any) -> None:
    for override in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("GET", "DELETE", "PATCH", "TRACE", "post"):
            context: dict[str, Any] = {"resourcePath": "/jira/callback", "httpMethod": method, "identity": {}}
            headers = {override: "POST", "X-Hub-Signature": RIGHT}
            assert cloud.app.app(event(RAW.decode(), headers, requestContext=context), None)["statusCode"] == 405


@pytest.mark.parametrize("api", apis.APIS)
def test_a_mock_api_answers_a_broken_body_with_json_and_no_5xx(cloud: Any, api: str) -> None:
    context = {"resourcePath": f"/mock/{api}", "httpMethod": "POST", "identity": {}}
    for sent in (None, "", "[" * 100_000, '{"jiraStoryId": NaN}', '{"packageIds": 1e999}', "\ud800"):
        answer = cloud.app.app(event(sent, JSON_TYPE, requestContext=context), None)
        assert answer["statusCode"] == (200 if sent and "1e999" in sent else 400)
        json.loads(answer["body"], parse_constant=pytest.fail)


def test_a_body_of_ten_megabytes_is_answered_by_the_clock_of_jira() -> None:
    raw = json.dumps(sample("flat-approved") | {"message": "x" * (10 * 1024 * 1024 - 1000)}).encode()
    assert deliver(raw)[0] == 202
    assert deliver(raw, {"Authorization": f"Bearer {SECRET_VALUES['validation']}"})[0] == 401


@pytest.mark.parametrize("text", ["x" * 2_000_000, "\U0001f600" * 99_999, "\x00\x1b[2J\r\n" * 9_999, "\ud800" * 9_999])
def test_what_is_handed_on_fits_aws_however_long_the_message_is(text: str) -> None:
    """An output of SendTaskSuccess has 262,144 bytes at most, a DynamoDB item 400 KB, a key of it 2,048 bytes (API
    references)."""
    for raw in (sample("cloud-done") | {"user": {"name": text}}, sample("flat-approved") | {"message": text}):
        ((story, verdict),) = deliver(json.dumps(raw).encode())[1]
        assert len(story.encode()) <= 255
        assert len(json.dumps(verdict.as_decision(), ensure_ascii=False).encode()) < 262_144
