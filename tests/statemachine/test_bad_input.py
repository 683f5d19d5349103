"""The check of a request: every wrong field is named, all at once, and nothing right is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.rules import Rules
from storygate.runs.input_rules import problems, story_key_of
from tests.statemachine.machine import NOT_APPROVED, REQUEST, machine, play, refused_for, stored

OBJECT = "the input must be one JSON object"
FIELDS = "the fields must be among jiraStoryId, packageIds, metadata, timeoutSeconds"
PROJECTS = "jiraStoryId must be a story of a project in STORYGATE_PROJECTS: PROJ, PAY_2"
STORY = 'jiraStoryId must be the key of a Jira story, such as "PROJ-123"'
PACKAGES = "packageIds must be a list of 1 to 100 non-empty strings of at most 255 characters"
METADATA = "metadata must be an object of at most 32768 characters, or left out"
TIMEOUT = "timeoutSeconds must be a whole number from 1 to 31536000, or left out"

WRONG: dict[str, tuple[str, list[Any]]] = {
    STORY: (
        "jiraStoryId",
        [None, True, 7, 1.5, "", "  \t", [], ["PROJ-1"], {}, {"S": "PROJ-1"}, "P" * 254 + "-1", "12345", '"PROJ-1"',
         "PROJ", "PROJ-", "PROJ-0", "PROJ-01", "PROJ-1a", "-1", "1PROJ-1", "_P-1", "P-1-2", "P 1", "P- 1",
         "PROJ\u20131", "PROJ-1\u0660", "wi\u017fh-1", "\u0130D-1", "pr\u00f6j-1", "\u212aEY-1", "P\x0b-1",
         "\u2028P-1", "\u00a0P-1",
         "https://example.atlassian.net/browse/PROJ-1", "PROJ-1,PROJ-2", "PROJ-1\nPROJ-2"],
    ),
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
    if isinstance(request, dict):  # `storygate start` says the same before it uploads anything
        assert reason == f"Correct the input: {'; '.join(problems(request, ()))}."
    assert done.states == ("FindInput", *refused_for(reason.count(" must be ")), *NOT_APPROVED)
    return reason


@pytest.mark.parametrize(
    ("problem", "name", "value"),
    [(problem, name, value) for problem, (name, values) in WRONG.items() for value in values],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_field_is_named(problem: str, name: str, value: Any) -> None:
    assert refusal(REQUEST | {name: value}) == f"Correct the input: {problem}."


def test_a_refused_key_is_shown_as_it_was_given_where_capitals_would_be_another_key() -> None:
    assert play(REQUEST | {"jiraStoryId": " wi\u017fh-1 "}).result["jiraStoryId"] == "wi\u017fh-1"


@pytest.mark.parametrize(("problem", "missing"), [(STORY, "jiraStoryId"), (PACKAGES, "packageIds")])
def test_a_missing_field_is_named(problem: str, missing: str) -> None:
    assert refusal({name: value for name, value in REQUEST.items() if name != missing}) == (
        f"Correct the input: {problem}."
    )


def test_unknown_fields_are_named_with_the_known_ones_beside() -> None:
    assert refusal(REQUEST | {"timeoutSecond": 60}) == f"Correct the input: {FIELDS} (unknown: timeoutSecond)."
    assert refusal(REQUEST | {"x": None, "key": "inputs/x.json", "": 1}) == (
        f"Correct the input: {FIELDS} (unknown: x, key, )."
    )


def test_names_of_unknown_fields_are_cut_before_they_fill_the_result() -> None:
    many = {f"{number:04}{'x' * 200}": 1 for number in range(1000)}
    reason = refusal(REQUEST | many)
    assert reason.startswith(f"Correct the input: {FIELDS} (unknown: 0000xxx")
    assert len(reason) < 5_000


@pytest.mark.parametrize("written", ["PROJ-1", " proj-1\n", "PAY_2-77"])
def test_a_story_of_a_gated_project_is_taken(written: str) -> None:
    assert play(REQUEST | {"jiraStoryId": written}, machine=machine(Projects="PROJ,PAY_2")).ending[0] == "approved"


@pytest.mark.parametrize("written", ["PRO-1", "PROJ2-1", "PAY-1", "other-1"])
def test_a_story_of_another_project_is_refused_and_the_variable_named(written: str) -> None:
    done = play(REQUEST | {"jiraStoryId": written}, machine=machine(Projects="PROJ,PAY_2"))
    assert done.ending == ("invalid_input", f"Correct the input: {PROJECTS}.")
    assert problems(REQUEST | {"jiraStoryId": written}, ("PROJ", "PAY_2")) == [PROJECTS]
    assert done.states == ("FindInput", *refused_for(1), *NOT_APPROVED)
    assert done.result["jiraStoryId"] == written.upper()


@pytest.mark.parametrize("wrong", [None, 7, "", ["OTHER-1"], {}])
def test_what_is_no_key_is_of_no_project(wrong: Any) -> None:
    done = play(REQUEST | {"jiraStoryId": wrong}, machine=machine(Projects="PROJ"))
    assert done.ending == ("invalid_input", f"Correct the input: {STORY}.")


def test_all_wrong_fields_are_named_at_once() -> None:
    request = {"jiraStoryId": "", "packageIds": [], "metadata": "x", "timeoutSeconds": "a week", "stage": "prod"}
    reason = f"Correct the input: {STORY}; {PACKAGES}; {METADATA}; {TIMEOUT}; {FIELDS} (unknown: stage)."
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
        {"jiraStoryId": "P" * 253 + "-1", "packageIds": ["p" * 255] * 100},
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


@pytest.mark.parametrize("written", ["PROJ-1", "proj-1", "  PROJ-1\n", "\tproj_X-1 ", "P" * 253 + "-1"])
def test_a_run_waits_under_the_key_by_which_the_callback_knows_its_story(written: str) -> None:
    body = json.dumps({"jiraStoryId": written, "status": "approved"}).encode()
    known = jira.read(body, datetime.now(UTC), Rules.from_environment(), signed=False).story
    done = play({"jiraStoryId": written, "packageIds": ["pkg-1"]})
    condition, put = done.made_by("WaitForStory")[0]["TransactItems"]
    assert condition["ConditionCheck"]["Key"]["story"] == put["Put"]["Item"]["story"] == {"S": known}
    assert done.result["jiraStoryId"] == known == story_key_of({"jiraStoryId": written})


def test_a_story_is_known_by_its_key_in_capitals_without_blanks_around_it() -> None:
    assert play({"jiraStoryId": " proj-1\n", "packageIds": ["pkg-1"]}).result["jiraStoryId"] == "PROJ-1"
