"""Bodies that are not JSON, JSON of an unknown shape, or JSON in an unusual encoding."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.refusals import BadBody
from tests.chalicelib.fakes import DEFAULT_RULES, sample

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE = json.dumps(sample("cloud-done"))


def read(raw: bytes) -> Any:
    return jira.read(raw, NOW, DEFAULT_RULES, signed=b'"webhookEvent"' in raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"jiraStoryId=PROJ-1&status=approved",
        b'{"jiraStoryId": "PROJ-1", "status": "approved", "message": "Fix "quotes" in titles"}',
        b'{"jiraStoryId": "PROJ-1", "status": "approved", "message": "two\nlines"}',
        b'{"jiraStoryId": "PROJ-1", "status": "approved",}',
        b'{"jiraStoryId": "PROJ-1", "status": "approved", "timestamp": NaN}',
        b'{"jiraStoryId": "PROJ-1", "status": "approved", "timestamp": -Infinity}',
        b'{"jiraStoryId": "PROJ-1", "status": "approved", "timestamp": 1' + b"0" * 5000 + b"}",
        b'{"jiraStoryId": "PROJ-1", "status": "approved"} trailing',
        b'{"jiraStoryId": "PROJ-1", "status": "approved", "message": "\xff"}',
        b"\xef\xbb\xbf",
        b"\x00\x00\x00",
    ],
)
def test_a_body_that_is_not_json_is_refused_with_the_way_out(raw: bytes) -> None:
    with pytest.raises(BadBody, match="jsonEncode"):
        read(raw)


@pytest.mark.parametrize("raw", [b"[]", b"null", b"true", b'"approved"', b"7", b"1e999", b'[{"status": "approved"}]'])
def test_a_body_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBody, match="must be a JSON object"):
        read(raw)


@pytest.mark.parametrize("opening", [b"[", b'{"issue":', b'{"a":['])
def test_five_megabytes_of_nesting_are_refused(opening: Any) -> None:
    with pytest.raises(BadBody):
        read(opening * (5_000_000 // len(opening)))


def test_five_megabytes_of_text_are_read() -> None:
    body = sample("cloud-done")
    body["issue"]["fields"]["description"] = "x" * 5_000_000
    assert read(json.dumps(body).encode()).verdict.decision == "approved"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_body_is_read_in_any_unicode_encoding(encoding: Any) -> None:
    assert read(DONE.encode(encoding)).verdict.decision == "approved"


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b'{"jiraStoryId": "PROJ-1", "status": "rejected", "status": "approved"}', "status"),
        (b'{"jiraStoryId": "PROJ-1", "status": "approved", "sta\\u0074us": "approved"}', "status"),
        (DONE[:-1].encode() + b', "webhookEvent": "comment_created"}', "webhookEvent"),
        (DONE.replace('"name": "Done"', '"name": "Done", "name": "Done"').encode(), "name"),
        (b'{"jiraStoryId": "PROJ-1", "status": "approved", "deep": [[{"a": [{"b": 1, "b": 1}]}]]}', "b"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "\ud800"),
        (b"{" + b'"%s": 1,' % (b"k" * 9999) * 2 + b'"status": 1}', "k" * 100),
    ],
)
def test_a_key_that_is_there_twice_in_an_object_is_refused_at_any_depth(raw: bytes, key: str) -> None:
    with pytest.raises(BadBody, match=f'^the key "{key}" is there more than once in one object; .*jsonEncode'):
        read(raw)


def test_a_million_keys_are_compared_in_a_second() -> None:
    raw = json.dumps(dict.fromkeys(map(str, range(1_000_000)), 1))[:-1] + ', "7": 2}'
    began = time.process_time()
    with pytest.raises(BadBody, match='"7"'):
        read(raw.encode())
    assert time.process_time() - began < 10


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400, "-0", "0.1", "1e-400"])
def test_a_huge_or_tiny_number_in_a_field_is_no_trouble(number: Any) -> None:
    body = DONE.replace('"20417"', number).replace('"labels": ["release"]', f'"labels": {number}')
    assert read(body.encode()).verdict.decision == "approved"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"issue": None},
        {"issue": []},
        {"issue": "PROJ-1"},
        {"issue": {}},
        {"issue": {"key": None}},
        {"issue": {"key": 17}},
        {"key": ""},
        {"id": 1, "fields": {}},
        {"issue": {"fields": {"status": {"name": "Done"}}}, "status": "approved"},
    ],
)
def test_an_object_of_no_known_form_is_refused_with_the_forms(body: Any) -> None:
    with pytest.raises(BadBody, match="not understood"):
        read(json.dumps(body).encode())


@pytest.mark.parametrize("key", [None, "", "  ", 17, True, ["PROJ-1"], {"key": "PROJ-1"}, "K" * 256])
def test_the_flat_form_needs_a_story(key: str) -> None:
    with pytest.raises(BadBody, match="jiraStoryId"):
        read(json.dumps({"jiraStoryId": key, "status": "approved"}).encode())


@pytest.mark.parametrize(
    "status",
    [None, "", "ok", "Closed", "approve", "not approved", "approved!", 1, True, ["approved"], {"name": "done"}],
)
def test_the_flat_form_needs_a_status_that_is_known(status: Any) -> None:
    with pytest.raises(BadBody, match="status"):
        read(json.dumps({"jiraStoryId": "PROJ-1", "status": status}).encode())


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        *((word, "approved") for word in ("success", "approved", "done", "Done", " APPROVED ")),
        *((word, "rejected") for word in ("failure", "failed", "rejected", "error", "Rejected")),
    ],
)
def test_the_flat_form_says_its_verdict_in_one_of_seven_words(status: Any, decision: str) -> None:
    answer = read(json.dumps({"jiraStoryId": " proj-1 ", "status": status}).encode())
    assert (answer.story, answer.verdict.decision) == ("PROJ-1", decision)


def test_the_flat_form_wins_over_an_issue_beside_it() -> None:
    body = {"jiraStoryId": "PROJ-1", "status": "rejected", **sample("automation-jira-format")}
    assert read(json.dumps(body).encode()).verdict.decision == "rejected"
