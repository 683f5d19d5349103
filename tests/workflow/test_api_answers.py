"""What counts as an API's success, and what is kept of its answer. The three calls are alike (test_definition)."""

import json
import re

import pytest

from .machine import REQUEST, VERDICT, each_api, http, play

NO_SUCCESS = 'the answer does not say "status": "success"'


def answered(answer: object, api: str = "validation") -> dict[str, object]:
    """The API's part of the result."""
    done = play(**{api: answer})
    assert done.ending[0] in ("api_failed", "approved")
    return done.result["apis"][api]


@each_api
@pytest.mark.parametrize(
    "body",
    [
        {"status": "success"},
        {"status": "success", "one": ["item"], "none": [], "null": None, "deep": [[1]], "é": "\"'"},
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_success_is_said_in_json_parsed_or_as_text(api, body, as_text):
    assert answered(http(json.dumps(body) if as_text else body), api) == {
        "status": "success", "statusCode": 200, "attempts": 1, "response": body, "error": None,
    }  # fmt: skip


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_may_be_a_success(status):
    assert answered(http({"status": "success"}, status))["statusCode"] == status


@pytest.mark.parametrize(
    "body",
    [
        {"status": "failed"},
        {"status": "SUCCESS"},
        {"status": " success"},
        {"status": None},
        {"status": True},
        {"status": ["success"]},
        {"status": {"status": "success"}},
        {"Status": "success"},
        {"result": {"status": "success"}},
        {},
        [],
        [{"status": "success"}],
        [{"status": "success"}, {"status": "success"}],
        None,
        True,
        0,
        1.5,
    ],
    ids=str,
)
def test_anything_else_with_200_is_a_failure_and_is_kept(body):
    assert answered(http(body)) == {
        "status": "failed", "statusCode": 200, "attempts": 1, "response": body, "error": NO_SUCCESS,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    ['"success"', '["success"]', "null", "7", '[{"status": "success"}]', "", "success", "<html>ok</html>", "\ufeff{}"],
)
def test_text_that_is_no_json_object_is_a_failure_and_is_kept(body):
    assert answered(http(body)) == {
        "status": "failed", "statusCode": 200, "attempts": 1, "response": body, "error": NO_SUCCESS,
    }  # fmt: skip


@pytest.mark.parametrize("body", ['{"status": "success"', " {'status': "])
def test_a_broken_json_object_is_a_failure(body):
    failed = answered(http(body))
    assert (failed["status"], failed["attempts"], failed["response"]) == ("failed", 1, None)
    assert failed["error"].startswith("States.QueryEvaluationError: ")
    assert len(failed["error"]) < 600


def test_an_answer_without_a_body_is_a_failure():
    answer = {"Headers": {}, "StatusCode": 204, "StatusText": "No Content"}
    assert answered(answer) == {
        "status": "failed", "statusCode": 204, "attempts": 1, "response": None, "error": NO_SUCCESS,
    }  # fmt: skip


def body_of(size: int, character: str = "x") -> dict[str, str]:
    """A success whose JSON text has that many characters."""
    body = {"status": "success", "text": ""}
    return body | {"text": character * (size - len(json.dumps(body, separators=(",", ":"))))}


@each_api
@pytest.mark.parametrize("as_text", [False, True])
def test_an_answer_of_16_kb_is_kept(api, as_text):
    body = body_of(16384)
    assert answered(http(json.dumps(body) if as_text else body), api)["response"] == body


@each_api
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("size", [16385, 250_000])
def test_a_longer_answer_is_replaced_by_a_note_of_its_size(api, size, as_text):
    body = body_of(size)
    kept = answered(http(json.dumps(body) if as_text else body), api)
    assert re.fullmatch(rf"an answer of about {size} bytes, too long to keep", kept["response"])
    assert (kept["status"], kept["error"]) == ("success", None)


def test_a_long_failure_is_replaced_too():
    kept = answered(http({"status": "failed", "why": "x" * 20_000}))
    assert kept["status"] == "failed"
    assert kept["response"].endswith(", too long to keep")


@pytest.mark.parametrize("character", ["x", '"', "é", "☃", "\x01"])
@pytest.mark.parametrize("notified", [True, False])
def test_whatever_is_taken_can_also_be_written(character, notified):
    counted = (len(json.dumps(character, ensure_ascii=False)) - 2) * (1 if character.isascii() else 3)
    body = {"status": "success", "text": character * ((16384 - 40) // counted)}
    request = REQUEST | {
        "packageIds": [character * min(255, 810 // counted)] * 100,
        "metadata": {"text": character * ((32768 - 20) // counted)},
    }
    verdict = dict.fromkeys(VERDICT, character * 1000) | {"decision": "approved"}
    answer = http(body if notified else body["text"])
    done = play(request, validation=http(body), deployment=http(body), notification=answer, wait=verdict)
    assert done.ending[0] == "approved"
    assert (done.result["packageIds"], done.result["metadata"]) == (request["packageIds"], request["metadata"])
    assert done.result["apis"]["notification"]["response"] == answer["ResponseBody"]
