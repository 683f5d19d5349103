"""The moment from which verdicts count for a run: the upload of its input, within bounds."""

import json
from typing import Any

import pytest

from tests.statemachine.machine import (
    CANCELLED,
    REQUEST,
    STARTED,
    TEXT,
    InTurn,
    Run,
    evaluate,
    play,
    stored,
    story,
)

BOUND = "2026-03-01T11:55:00.000Z"  # five minutes before STARTED


def dropped(at: object, **answers: object) -> Run:
    return play({"key": "inputs/x.json", "droppedAt": at}, s3=stored(REQUEST), **answers)


@pytest.mark.parametrize(
    ("uploaded", "counts_from"),
    [
        ("2026-03-01T11:59:58.250Z", "2026-03-01T11:59:58.250Z"),
        ("2026-03-01T11:59:58Z", "2026-03-01T11:59:58.000Z"),
        ("2026-03-01T11:59:58.2Z", "2026-03-01T11:59:58.200Z"),
        ("2026-03-01T11:59:58.123456Z", "2026-03-01T11:59:58.123Z"),
        ("2026-03-01T11:55:00.001Z", "2026-03-01T11:55:00.001Z"),
        (BOUND, BOUND),
        ("2026-03-01T11:54:59.999Z", BOUND),
        ("2026-02-28T12:00:00.000Z", BOUND),
        ("1970-01-01T00:00:00.000Z", BOUND),
        (STARTED, STARTED),
        ("2026-03-01T12:00:00.001Z", STARTED),
        ("2027-01-01T00:00:00.000Z", STARTED),
    ],
)
def test_verdicts_count_from_the_upload_at_most_five_minutes_before_the_start(uploaded: str, counts_from: str) -> None:
    done = dropped(uploaded)
    check, put = done.made_by("WaitForStory")[0]["TransactItems"]
    assert check["ConditionCheck"]["ExpressionAttributeValues"][":countsFrom"] == {"S": counts_from}
    assert put["Put"]["Item"]["countsFrom"] == {"S": counts_from}
    assert put["Put"]["Item"]["startedAt"] == {"S": STARTED}


MALFORMED = [
    None, True, 7, 1772366398000, "", "yesterday", [], ["2026-03-01T11:59:58.250Z"], {"at": "x"},
    "2026-03-01 11:59:58Z", "2026-03-01T11:59:58", "2026-03-01T11:59:58.Z", "2026-03-01T11:59:58.250+00:00",
    " 2026-03-01T11:59:58.250Z", "2026-03-01T11:59:58.250Z2026-03-01T11:59:58.250Z",
    "2026-03-01T11:59:58." + "0" * 60 + "Z", "2026-03-01T11:60:00.000Z", "2026-03-01T11:59:60.000Z",
    "2026-03-01T25:00:00.000Z", "\N{FULLWIDTH DIGIT TWO}026-03-01T11:59:58.250Z",
]  # fmt: skip


@pytest.mark.parametrize("uploaded", MALFORMED, ids=lambda value: repr(value)[:40])
def test_a_malformed_date_counts_as_none_and_never_breaks_a_run(uploaded: Any) -> None:
    done = dropped(uploaded)
    assert done.ending[0] == "approved"
    assert done.made_by("WaitForStory")[0]["TransactItems"][1]["Put"]["Item"]["countsFrom"] == {"S": STARTED}


@pytest.mark.parametrize(
    ("uploaded", "started", "skew", "counts_from"),
    [
        ("2026-03-01T11:59:58.250Z", STARTED, 5, "2026-03-01T11:59:53.250Z"),
        ("2025-03-01T11:59:58.250Z", STARTED, 300, "2026-03-01T11:50:00.000Z"),
        (None, STARTED, 5, "2026-03-01T11:59:55.000Z"),
        ("2026-02-28T23:59:59.000Z", "2026-03-01T00:01:00.000Z", 0, "2026-02-28T23:59:59.000Z"),
        # No such days, though as text they lie within the five minutes.
        ("2026-02-29T00:00:00.000Z", "2026-03-01T00:01:00.000Z", 0, "2026-03-01T00:01:00.000Z"),
        ("2026-02-31T23:59:59.000Z", "2026-03-01T00:01:00.000Z", 5, "2026-03-01T00:00:55.000Z"),
        ("2025-12-99T00:00:00.000Z", "2026-01-01T00:01:00.000Z", 0, "2026-01-01T00:01:00.000Z"),
        ("2026-02-28T29:00:00.000Z", "2026-03-01T00:01:00.000Z", 0, "2026-03-01T00:01:00.000Z"),
    ],
)
def test_the_clock_skew_is_taken_off_and_a_day_that_does_not_exist_is_malformed(
    uploaded: Any, started: str, skew: int, counts_from: str
) -> None:
    written = json.loads(TEXT)["States"]["ApisSucceeded"]["Choices"][0]["Assign"]["countsFrom"]
    began = written.replace("${ClockSkewSeconds}", str(skew)).replace("$states.context.Execution.StartTime", "$started")
    assert evaluate(began, {}, droppedAt=uploaded, started=started) == counts_from


def test_a_verdict_given_between_upload_and_start_counts() -> None:
    verdict = {"decision": "approved", "decidedAt": "2026-03-01T11:59:59.000Z"}
    assert dropped("2026-03-01T11:59:58.000Z", wait=CANCELLED, story=story(**verdict)).ending[0] == "approved"
    refused = dropped("2026-03-01T11:59:59.000Z", wait=InTurn(CANCELLED, None), story=story(**verdict))
    assert refused.ending[0] == "error"  # not taken: the run waited again


@pytest.mark.parametrize(
    ("who", "kept"),
    [
        ("AWS:AROAEXAMPLE:ada", "AWS:AROAEXAMPLE:ada"),
        ("A" * 300, "A" * 255),
        (None, None),
        (7, None),
        (["Ada"], None),
        ({}, None),
    ],
)
def test_result_and_log_say_who_uploaded_the_input(who: Any, kept: Any) -> None:
    done = play({"key": "inputs/x.json", "startedBy": who}, s3=stored(REQUEST))
    assert done.result["startedBy"] == kept
    by = f", uploaded by {kept}" if kept else ""
    assert done.log["events"][0]["message"] == f"The run started with an input in S3{by}."


def test_a_run_without_an_upload_names_nobody() -> None:
    assert play(REQUEST).result["startedBy"] is None
