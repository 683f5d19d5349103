"""The check of a request: every wrong field is named, all at once, and nothing right is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.refusals import BadBody
from tests.statemachine.machine import NOT_APPROVED, REQUEST, play, refused_for, stored

OBJECT = "the input must be one JSON object"
STORY = 'jiraStoryId must be the key of a Jira story, such as "PROJ-123"'
PACKAGES = "packageIds must be a list of 1 to 100 non-empty strings of at most 255 characters"
METADATA = "metadata must be an object of at most 32768 characters, or left out"
TIMEOUT = "timeoutSeconds must be a whole number from 1 to 31536000, or left out"

WRONG: dict[str, tuple[str, list[Any]]] = {
    STORY: ("jiraStoryId", [None, True, 7, 1.5, "", "  \t", [], ["PROJ-1"], {}, {"S": "PROJ-1"}, "P" * 256]),
    PACKAGES: (
        "packageIds",
        [None, True, 7, "pkg-1", "", [], {}, [""], [" "], [None], [7], [["pkg-1"]], [[]], [{}], ["pkg-1", ""],
         ["pkg-1", None], [["pkg-1", "pkg-2"]], {"0": "pkg-1"}, ["p" * 256], ["p"] * 101, ["p" * 255, 1] * 51],
    ),
    METADATA: (
        "metadata",
        [None, True, 7, "", "production", [], [{}], [{"environment": "x"}], {"m": "x" * 32768}],
    ),
    TIMEOUT: (
        "timeoutSeconds",
        [None, True, "", "60", 0, -1, 0.5, 1.5, 31536001, 1e300, [], [60], {}, {"seconds": 60}],
    ),
}  # fmt: skip


def refusal(request: object) -> str:
    """Return the reason of a run that refused this request."""
    done = play(request)
    outcome, reason = done.ending
    assert outcome == "invalid_input"
    assert done.states == ("FindInput", *refused_for(reason.count(" must be ")), *NOT_APPROVED)
    return reason


@pytest.mark.parametrize(
    ("problem", "name", "value"),
    [(problem, name, value) for problem, (name, values) in WRONG.items() for value in values],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_field_is_named(problem: str, name: str, value: Any) -> None:
    assert refusal(REQUEST | {name: value}) == f"Correct the input: {problem}."


@pytest.mark.parametrize(("problem", "missing"), [(STORY, "jiraStoryId"), (PACKAGES, "packageIds")])
def test_a_missing_field_is_named(problem: str, missing: str) -> None:
    assert refusal({name: value for name, value in REQUEST.items() if name != missing}) == (
        f"Correct the input: {problem}."
    )


def test_all_wrong_fields_are_named_at_once() -> None:
    request = {"jiraStoryId": "", "packageIds": [], "metadata": "x", "timeoutSeconds": "a week"}
    reason = f"Correct the input: {STORY}; {PACKAGES}; {METADATA}; {TIMEOUT}."
    assert refusal(request) == reason
    assert play({"key": "inputs/x.json"}, s3=stored(request)).ending == ("invalid_input", reason)


@pytest.mark.parametrize("request_", [None, True, 7, 1.5, "text", [], [[]]])
def test_a_request_that_is_no_object_is_told_so(request_: Any) -> None:
    assert play(request_).ending == ("invalid_input", f"Correct the input: {OBJECT}; {STORY}; {PACKAGES}.")


def test_a_request_in_a_list_is_no_request() -> None:
    assert refusal([REQUEST]) == f"Correct the input: {OBJECT}."


@pytest.mark.parametrize("name", ["jiraStoryId", "packageIds", "metadata"])
@pytest.mark.parametrize("value", [None, True, 7, "x" * 40_000, ["x" * 40_000], {"x": "x" * 40_000}])
def test_a_field_of_the_wrong_type_or_size_is_not_carried_on(name: str, value: Any) -> None:
    carried = play(REQUEST | {name: value}).result
    assert carried[name] == {"jiraStoryId": None, "packageIds": [], "metadata": {}}[name]


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        REQUEST | {"unknown": ["field"]},
        {"jiraStoryId": "P" * 255, "packageIds": ["p" * 255] * 100},
        REQUEST | {"packageIds": ["☃" * 255] * 100, "metadata": {"m": "☃" * (32768 - 8)}},
        REQUEST | {"packageIds": ["one"]},
        REQUEST | {"packageIds": ["twice", "twice"]},
        REQUEST | {"metadata": {}},
        REQUEST | {"metadata": {"one": ["item"], "none": [], "null": None, "nested": [[["deep"]]], "n": 1.5}},
        REQUEST | {"metadata": {"m": "x" * (32768 - 8)}},
        REQUEST | {"timeoutSeconds": 1},
        REQUEST | {"timeoutSeconds": 60.0},
        REQUEST | {"timeoutSeconds": 31536000},
        {
            "jiraStoryId": "PROJ-1",
            "packageIds": ['qu"ote', "it's", "back\\slash", "{% $now() %}", "☃ 😀", "$x", "${X}"],
        },
        REQUEST | {"metadata": {'"': "'", "{% 1 %}": "{% 1 %}", "ключ": "значение", "\n": "\u2028", "": ""}},
    ],
    ids=lambda request: str(request)[:60],
)
def test_a_good_request_arrives_as_it_is(request_: Any) -> None:
    for done in (play(request_), play({"key": "inputs/x.json"}, s3=stored(request_))):
        assert done.ending[0] == "approved"
        for api in ("CallValidation", "CallDeployment", "CallNotification"):
            (call,) = done.made_by(api)
            body = call["RequestBody"]
            assert body["packageIds"] == done.result["packageIds"] == request_["packageIds"]
            assert body["metadata"] == done.result["metadata"] == request_.get("metadata", {})


@pytest.mark.parametrize("character", ['"', "\\", "\n"])
def test_good_packages_are_never_left_out(character: str) -> None:
    packages = [character.join("pp" * 64)] * 100
    done = play(REQUEST | {"packageIds": packages})
    assert done.ending[0] == "invalid_input" or done.result["packageIds"] == packages


BLANKS_INSIDE = ["P  1", "P\x0b", "\u2028P-1", "\u00a0P-1"]


@pytest.mark.parametrize(
    "written",
    ["PROJ-1", "proj-1", "  PROJ-1\n", "\tproj-1 ", "prÖj-ß", "ς-1", "é" * 128, "P" * 255, *BLANKS_INSIDE],
)
def test_a_run_waits_under_the_key_by_which_the_callback_knows_its_story(written: str) -> None:
    body = json.dumps({"jiraStoryId": written, "status": "approved"}).encode()
    try:
        known = jira.read(body, datetime.now(UTC), jira.Rules.from_environment(), signed=True).story
    except BadBody:
        known = None
    done = play({"jiraStoryId": written, "packageIds": ["pkg-1"]})
    if done.ending[0] == "invalid_input":
        return  # never waits
    condition, put = done.made_by("WaitForStory")[0]["TransactItems"]
    assert condition["ConditionCheck"]["Key"]["story"] == put["Put"]["Item"]["story"] == {"S": known}
    assert done.result["jiraStoryId"] == known


def test_a_story_is_known_by_its_key_in_capitals_without_blanks_around_it() -> None:
    assert play({"jiraStoryId": " proj-1\n", "packageIds": ["pkg-1"]}).result["jiraStoryId"] == "PROJ-1"
