"""For any input: a run ends in one of two states, has written both files, and approves only what a verdict approves."""

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storygate.runs.input_rules import problems
from tests.statemachine.machine import (
    APPROVED,
    CANCELLED,
    COUNTS_FROM,
    NOT_APPROVED,
    REJECTED,
    REQUEST,
    VERDICT,
    InTurn,
    Run,
    http,
    play,
    stored,
    story,
)

OUTCOMES = {"approved", "rejected", "timed_out", "api_failed", "invalid_input", "error"}
RESULT = {
    "execution", "jiraStoryId", "packageIds", "metadata", "outcome", "reason", "startedBy", "apis", "decision",
    "startedAt", "finishedAt",
}  # fmt: skip
often = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

NAMES = [*REQUEST, *VERDICT, "metadata", "timeoutSeconds", "bucket", "key", "inputFile", "versionId", "status"]
WORDS = ["", "approved", "rejected", "pending", "success", "PROJ-1", "inputs/x.json", "{% $states %}", "${Bucket}"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(WORDS),
)
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=5))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)
# Nearly right: the parts of a request, each right or anything.
requests = st.fixed_dictionaries(
    {},
    optional={
        "jiraStoryId": st.just("PROJ-1") | anything,
        "packageIds": st.lists(st.just("pkg-1") | anything, max_size=3) | anything,
        "metadata": st.dictionaries(names, anything, max_size=3) | anything,
        "timeoutSeconds": st.integers(1, 31_536_000) | anything,
    },
)
# The STORY entry of a story: attributes that may make up a verdict.
entries = st.dictionaries(st.sampled_from([*VERDICT, "entry"]), st.sampled_from([*WORDS, *VERDICT.values()]))


def ended(done: Run) -> str:
    """Check what every run must have at its end; return the outcome."""
    path = APPROVED if done.ending[0] == "approved" else NOT_APPROVED
    assert done.states[-len(path) :] == path
    assert done.ending[0] in OUTCOMES
    assert isinstance(done.ending[1], str)
    assert done.ending[1]
    assert set(done.result) == RESULT
    assert isinstance(done.result["packageIds"], list)
    assert isinstance(done.result["metadata"], dict)
    assert set(done.log) == {"execution", "events"}
    assert all(type(event[part]) is str for event in done.log["events"] for part in ("at", "step", "message"))
    return done.ending[0]


@often
@given(anything | requests)
def test_any_execution_input_ends_well(execution_input: Any) -> None:
    done = play(execution_input, s3=stored(""), wait=REJECTED)
    assert ended(done) in ("invalid_input", "rejected")
    if "ReadInput" not in done.states:
        assert (done.result["outcome"] == "rejected") == (problems(execution_input, ()) == [])


@often
@given(anything | requests)
def test_any_json_in_s3_is_judged_as_before_an_upload(content: Any) -> None:
    done = play({"key": "inputs/x.json"}, s3=stored(json.dumps(content)), wait=REJECTED)
    wrong = problems(content, ())
    assert ended(done) == ("invalid_input" if wrong else "rejected")
    assert not wrong or done.ending[1].startswith(f"Correct the input: {'; '.join(wrong)}")


@often
@given(st.text(max_size=50))
def test_any_text_in_s3_ends_well(content: Any) -> None:
    assert ended(play({"key": "inputs/x.json"}, s3={"Body": content})) == "invalid_input"


@often
@given(anything, st.booleans())
def test_any_answer_of_the_apis_ends_well(body: Any, as_text: bool) -> None:
    answer = http(json.dumps(body) if as_text else body)
    done = play(validation=answer, notification=answer, wait=REJECTED)
    # A body that is a string is JSON text, so text in quotes may say success as well.
    said = json.loads(body) if isinstance(body, str) and not as_text and _is_json(body) else body
    succeeded = isinstance(said, dict) and said.get("status") == "success"
    assert ended(done) == ("rejected" if succeeded else "api_failed")
    assert done.result["apis"]["validation"] == done.result["apis"]["notification"]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@often
@given(anything)
@example({"decision": "approved", "actor": ["Ada"], "message": {"not": "text"}})
@example({"decision": "rejected", "message": None})
def test_only_a_verdict_decides(output: Any) -> None:
    done = play(wait=output)
    decision = output.get("decision") if isinstance(output, dict) else None
    assert ended(done) == (decision if decision in ("approved", "rejected") else "error")
    assert done.result["decision"] is None or set(done.result["decision"]) == set(VERDICT)


@often
@given(st.sampled_from(["approved", "rejected"]), st.dictionaries(names, anything, max_size=5))
def test_a_verdict_decides_whatever_else_it_says(decision: str, fields: Any) -> None:
    done = play(wait=fields | {"decision": decision})
    assert ended(done) == decision
    assert set(done.result["decision"]) == set(VERDICT)
    assert done.result["decision"]["decision"] == decision


@often
@given(entries)
def test_only_a_standing_verdict_that_counts_is_taken(attributes: Any) -> None:
    done = play(wait=InTurn(CANCELLED, None), story=story(**attributes))
    counts = attributes.get("decidedAt", "") > COUNTS_FROM and attributes.get("decision") in ("approved", "rejected")
    assert ended(done) == (attributes["decision"] if counts else "error")
