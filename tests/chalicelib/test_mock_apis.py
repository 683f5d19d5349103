"""The mock APIs succeed by default, fail on demand, and keep no state."""

from typing import Any

import pytest

from chalicelib import mock_apis
from chalicelib.refusals import BadBody

ACTIONS = {"validation": "validate", "deployment": "deploy", "notification": "notify"}


def request(api: str = "deployment", **simulate: Any) -> Any:
    body = {"jiraStoryId": "PROJ-1", "packageIds": ["pkg-1"], "metadata": {}, "action": ACTIONS[api]}
    return body | ({"metadata": {"simulate": {api: simulate}}} if simulate else {})


def status_of(body: Any, attempt: Any = "0", api: str = "deployment") -> Any:
    return mock_apis.answer(api, body, attempt)[0]


@pytest.mark.parametrize("api", ACTIONS)
def test_it_succeeds_and_echoes_what_it_was_asked(api: str) -> None:
    status, body = mock_apis.answer(api, request(api), "0")
    assert (status, body["status"], body["api"]) == (200, "success", api)
    assert (body["jiraStoryId"], body["packageIds"]) == ("PROJ-1", ["pkg-1"])


@pytest.mark.parametrize(
    ("attempt", "expected"), [("0", 503), ("1", 503), ("2", 200), ("3", 200), ("", 503), ("x", 503), ("-1", 503)]
)
def test_it_fails_while_the_attempt_is_below_the_wanted_times(attempt: Any, expected: Any) -> None:
    assert status_of(request(status=503, times=2), attempt) == expected


@pytest.mark.parametrize("attempt", ["0", "3", "99"])
def test_it_fails_for_ever_without_times(attempt: Any) -> None:
    assert status_of(request(status=500), attempt) == 500


def test_zero_times_is_no_failure() -> None:
    assert status_of(request(status=503, times=0)) == 200


def test_the_same_request_gets_the_same_answer() -> None:
    body = request(status=503, times=1)
    assert {status_of(body, "0") for _ in range(5)} == {503}
    assert {status_of(body, "1") for _ in range(5)} == {200}


def test_a_result_is_said_with_http_200() -> None:
    status, body = mock_apis.answer("deployment", request(result="failed"), "0")
    assert (status, body["status"]) == (200, "failed")


def test_what_is_simulated_for_one_api_leaves_the_others_alone() -> None:
    body = request("deployment", status=503)
    assert status_of(body, api="validation") == 200
    assert status_of(body, api="deployment") == 503


@pytest.mark.parametrize("status", [429, 502, 503, 504, 400, 404, 500, 200, 599])
def test_any_http_status_can_be_simulated(status: Any) -> None:
    code, body = mock_apis.answer("deployment", request(status=status), "0")
    assert (code, body["status"]) == (status, "error")


@pytest.mark.parametrize("status", [0, -1, 99, 199, 600, 99999, True, "503", 503.5, None, [503], float("inf")])
def test_a_status_that_is_none_is_refused_naming_the_field(status: Any) -> None:
    with pytest.raises(BadBody, match="status"):
        status_of(request(status=status))


@pytest.mark.parametrize("times", [-1, True, "2", 1.5, None, [], float("inf"), float("nan"), 10**30])
def test_times_that_are_no_whole_number_are_refused_naming_the_field(times: Any) -> None:
    with pytest.raises(BadBody, match="times"):
        status_of(request(status=503, times=times))


@pytest.mark.parametrize("attempt", ["²", "٣", "9" * 5000, "1e3", " 1", "0x1", "None"])
def test_an_attempt_that_is_no_number_is_no_trouble(attempt: Any) -> None:
    assert status_of(request(status=503, times=2), attempt) in (200, 503)


@pytest.mark.parametrize("body", [None, [], "x", 7, True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(BadBody, match="JSON object"):
        status_of(body)


@pytest.mark.parametrize(
    "metadata", [None, [], "x", 7, {"simulate": None}, {"simulate": []}, {"simulate": {"deployment": "503"}}]
)
def test_metadata_of_any_shape_simulates_nothing(metadata: Any) -> None:
    assert status_of(request() | {"metadata": metadata}) == 200
    assert status_of({}) == 200
