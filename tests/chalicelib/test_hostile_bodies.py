"""Hostile bodies, authentic or not: never a 5xx, and no approval that an independent reading does not find."""

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.app import Request
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import callback, mock_apis
from chalicelib.secret import Secret
from tests.chalicelib.fakes import DEFAULT_RULES, SECRET_VALUES, SecretsManager, Table, proof, sample

KEY = SECRET_VALUES["callback"]
SECRET = Secret(SecretsManager(), "the-secret")
FORMS = ("cloud-done", "automation-jira-format", "automation-automation-format", "flat-approved")
MOCK_BODY = {"jiraStoryId": "PROJ-1", "packageIds": ["p"], "action": "validate", "metadata": {"simulate": {}}}
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    "",
    "done",
    "jira:issue_deleted",
    [],
    ["status"],
    {},
    {"key": "done"},
    [{"field": "status"}],
)
APPROVED = ("approved", "closed", "complete", "completed", "done", "released", "resolved")
RESOLVED = ("approved", "complete", "completed", "done", "fixed", "implemented", "released", "resolved")


def event(body: Any, headers: Any, **more: Any) -> Any:
    """Return what API Gateway hands to Lambda for a POST."""
    context = {"resourcePath": "/jira/callback", "httpMethod": "POST", "identity": {}}
    nothing = dict.fromkeys(("multiValueQueryStringParameters", "pathParameters", "stageVariables"))
    return {"requestContext": context, **nothing, "headers": headers, "body": body, "isBase64Encoded": False, **more}


def deliver(raw: bytes, headers: Any = None, **more: Any) -> Any:
    """Deliver a body, as its usual sender unless headers are given; return the status and what was recorded."""
    table: Any = Table()
    printed = io.StringIO()
    headers = proof(raw) if headers is None else headers
    with redirect_stdout(printed):
        status, body = callback.handle(Request(event(raw, headers, **more)), SECRET, table, DEFAULT_RULES, list)
    assert json.loads(printed.getvalue())["status"] == status
    assert KEY not in printed.getvalue() + json.dumps(body)
    return status, table.delivered


def dig(part: Any, *way: Any) -> Any:
    for step in way:
        part = part.get(step) if isinstance(part, dict) else None
    return part


def word(value: Any) -> Any:
    return value.strip().lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") if isinstance(value, str) else ""


def approved_story(body: Any) -> Any:
    """Return the story that a body approves by the documented rules, without chalicelib; None if it approves none."""
    if "webhookEvent" not in body and ("jiraStoryId" in body or ("status" in body and "issue" not in body)):
        return body.get("jiraStoryId") if word(body.get("status")) in ("success", "approved", "done") else None
    issue, happened = body.get("issue", None if "webhookEvent" in body else body), word(body.get("webhookEvent"))
    items = dig(body, "changelog", "items")
    became = [item for item in (items if isinstance(items, list) else []) if isinstance(item, dict)]
    fields = {word(item.get("fieldId") or item.get("field")): item for item in became}
    status, resolution = dig(issue, "fields", "status"), dig(issue, "fields", "resolution")
    if status is None:
        status = {"name": dig(fields, "status", "toString")}
    if "resolution" not in (dig(issue, "fields") or {}):
        resolution = dig(fields, "resolution", "toString")
    named = resolution in (None, "") or word(resolution) in RESOLVED or word(dig(resolution, "name")) in RESOLVED
    was_in_progress = word(dig(fields, "status", "fromString")) not in APPROVED
    event = "webhookEvent" not in body or happened.endswith("issue_created") or ("status" in fields and was_in_progress)
    return dig(issue, "key") if event and named and word(dig(status, "name")) in APPROVED else None


def judged(raw: bytes, status: Any, delivered: Any) -> None:
    """Check that there is no 5xx, and that the story approved, if any, is the one that the oracle finds."""
    assert status in (200, 202, 400)
    for story, verdict in delivered:
        if verdict.decision == "approved":
            assert story == approved_story(json.loads(raw)).strip().upper()


def places(part: Any, way: Any = ()) -> Iterator[Any]:
    for step, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield (*way, step)
        yield from places(inner, (*way, step))


@contextmanager
def replaced(body: Any, way: Any, value: Any) -> Iterator[Any]:
    """Put the value at a place of the body for a while: to copy a body costs more than to read it."""
    part = body
    for step in way[:-1]:
        part = part[step]
    before, part[way[-1]] = part[way[-1]], value
    yield json.dumps(body)
    part[way[-1]] = before


@pytest.mark.parametrize("name", FORMS)
def test_no_type_in_any_place_of_any_form_breaks_or_approves(name: str) -> None:
    body = sample(name)
    assert approved_story(body)
    for way in list(places(body)):
        for value in ODD:
            with replaced(body, way, value) as text:
                judged(text, *deliver(text.encode()))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 4300, "9" * 4301, "NaN", "-Infinity", "-0", "0.1e-9999"])
def test_no_number_breaks_whatever_its_size(number: Any) -> None:
    for name in FORMS:
        body = sample(name)
        for way in list(places(body))[::7]:
            with replaced(body, way, "@") as text:
                assert deliver(text.replace('"@"', number).encode())[0] in (200, 202, 400)
    for field in (*MOCK_BODY, "simulate"):
        body = (
            MOCK_BODY | {field: "@"} | ({"metadata": {"simulate": {"validation": "@"}}} if field == "simulate" else {})
        )
        status, answer = mock(json.dumps(body).replace('"@"', number).encode())
        assert status in (200, 400)
        json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize("depth", [10, *range(930, 1000, 5), 100_000])
def test_no_nesting_breaks_however_deep(depth: Any) -> None:
    for deep in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        webhook = '{"webhookEvent": "issue_updated", "issue": {"key": "A-1"}, "changelog": {"items": [{"field": %s}]}}'
        simulated = '{"metadata": {"simulate": {"validation": {"result": %s}}}}'
        for raw in (deep, webhook % deep, '{"webhookEvent": %s, "issue": {"key": "A-1"}}' % deep):  # noqa: UP031
            assert deliver(raw.encode())[0] in (200, 400)
        for raw in (deep, '{"jiraStoryId": %s}' % deep, '{"packageIds": %s}' % deep, simulated % deep):  # noqa: UP031
            status, answer = mock(raw.encode())
            assert status in (200, 400)
            json.dumps(answer)


def mock(raw: bytes) -> Any:
    return mock_apis.handle("validation", Request(event(raw, {})))


DONE = json.dumps(sample("cloud-done")).encode()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\xef\xbb\xbf" + DONE, 202),  # RFC 8259, 8.1: a reader may ignore a byte order mark
        (DONE.decode().encode("utf-16"), 202),
        (DONE.decode().encode("utf-32-be"), 202),
        (b"\xff\xfe" + DONE, 400),
        (DONE.replace(b"Ines", b"In\xe8s"), 400),
        (gzip.compress(DONE), 400),
        (urlencode({"jiraStoryId": "PROJ-1", "status": "approved"}).encode(), 400),
        (b'--x\r\nContent-Disposition: form-data; name="status"\r\n\r\napproved\r\n--x--\r\n', 400),
        (DONE + b"\x00", 400),
        (DONE + DONE, 400),
        (DONE[:-1], 400),
        (b"\x00" * 100_000, 400),
        (b'{"__proto__": {"status": "approved"}, "constructor": {"prototype": {"jiraStoryId": "A-1"}}}', 400),
        (b'{"jiraStoryId": "A-1", "__proto__": {"status": "approved"}}', 400),
        (b'{"jiraStoryId": 17, "status": "approved"}', 400),
        (b'{"jiraStoryId": "A\\u0000\\u001b-\\n1", "status": "approved"}', 202),  # for a run that cannot exist
        (json.dumps({"jiraStoryId": "K" * 2049, "status": "approved"}).encode(), 400),  # DynamoDB: 2,048 bytes of key
    ],
)
def test_a_signed_body_in_any_encoding_is_read_or_refused(raw: bytes, status: Any) -> None:
    assert deliver(raw)[0] == status


@pytest.mark.parametrize("letters", ["WI\u017fH-1", "W\u0131SH-1", "wi\ufb01sh-1", "WISH-\u0661"])
def test_a_letter_beyond_ascii_is_not_taken_for_another_storys(letters: Any) -> None:
    ((story, _),) = deliver(json.dumps({"jiraStoryId": letters, "status": "approved"}).encode())[1]
    assert not story.isascii()


@st.composite
def with_repeated_keys(draw: Any) -> Any:
    """Generate JSON text of the flat form or of a bare issue, with keys in any order and more than once."""
    names = st.sampled_from(("jiraStoryId", "status", "issue", "webhookEvent", "key", "fields", "__proto__"))
    issue = json.dumps({"key": "A-1", "fields": {"status": {"name": "Done", "statusCategory": {"key": "done"}}}})
    values = st.sampled_from(
        ('"approved"', '"rejected"', '"A-1"', '"B-2"', "null", issue, issue.replace("done", "new"))
    )
    pairs = draw(st.lists(st.tuples(names, values), min_size=1, max_size=7))
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in pairs) + "}").encode()


@settings(max_examples=60)
@given(raw=with_repeated_keys())
def test_keys_in_any_order_and_number_approve_only_as_json_reads_them(raw: bytes) -> None:
    judged(raw, *deliver(raw))
