"""A verdict that comes before the wait: the transaction is cancelled, and the run reads the verdict in the table."""

from typing import Any

import pytest
from sfnx.testing import Failure

from tests.statemachine.machine import (
    APPROVED,
    CANCELLED,
    COUNTS_FROM,
    NOT_APPROVED,
    PATIENT,
    REJECTED,
    VERDICT,
    WAITED,
    InTurn,
    play,
    story,
)

LATER = "2026-03-01T12:00:00.001Z"  # the first moment after the start
READ = ("ReadVerdict", "VerdictCounts")
AGAIN = (*READ, "LetConflictPass", "WaitForStory")
SHAKY = [
    "DynamoDb.ProvisionedThroughputExceededException",
    "DynamoDb.RequestLimitExceededException",
    "DynamoDb.ThrottlingException",
    "DynamoDb.InternalServerErrorException",
    "DynamoDb.SdkClientException",
]


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_verdict_since_the_start_is_taken_without_waiting(decision: str) -> None:
    verdict = VERDICT | {"decision": decision}
    done = play(wait=CANCELLED, story=story(story="PROJ-1", entry="STORY", **verdict))
    assert done.states == (*WAITED, *READ, *(APPROVED if decision == "approved" else NOT_APPROVED))
    assert done.ending == (decision, f"PROJ-1 was {decision} by Ada: ship it, before the run began to wait.")
    assert done.result["decision"] == verdict


def test_the_verdict_is_read_consistently() -> None:
    done = play(wait=CANCELLED, story=story(**VERDICT))
    assert done.made_by("ReadVerdict") == [
        {
            "TableName": "the-table",
            "ConsistentRead": True,
            "Key": {"story": {"S": "PROJ-1"}, "entry": {"S": "STORY"}},
        }
    ]


def test_what_a_verdict_does_not_say_is_null() -> None:
    done = play(wait=CANCELLED, story=story(decision="approved", decidedAt=LATER))
    assert done.ending == ("approved", "PROJ-1 was approved, before the run began to wait.")
    assert done.result["decision"] == dict.fromkeys(VERDICT) | {"decision": "approved", "decidedAt": LATER}


@pytest.mark.parametrize("decided_at", [LATER, "2027-01-01T00:00:00.000Z"])
def test_a_verdict_after_the_start_counts(decided_at: str) -> None:
    done = play(wait=CANCELLED, story=story(decision="approved", decidedAt=decided_at))
    assert done.ending[0] == "approved"


@pytest.mark.parametrize(
    "standing",
    [
        {},
        {"Item": {}},
        story(decision="pending", decidedAt="2026-03-01T12:30:00.000Z"),
        story(decision="pending"),
        story(decision="approved", decidedAt=COUNTS_FROM),
        story(decision="approved", decidedAt="2026-03-01T11:59:59.999Z"),
        story(decision="rejected", decidedAt="2025-03-01T12:30:00.000Z"),
        story(decision="approved"),
        story(decision="APPROVED", decidedAt="2026-03-01T12:30:00.000Z"),
        story(decidedAt="2026-03-01T12:30:00.000Z"),
    ],
    ids=[
        "none",
        "empty",
        "pending",
        "undated",
        "at the start",
        "older",
        "rejected",
        "no date",
        "unknown",
        "no verdict",
    ],
)
def test_a_run_goes_back_to_waiting_if_no_verdict_counts(standing: Any) -> None:
    done = play(wait=InTurn(CANCELLED, REJECTED), story=standing)
    assert done.states == (*WAITED, *AGAIN, "VerdictCounts", *NOT_APPROVED)
    assert done.ending == ("rejected", "PROJ-1 was rejected by Ada: ship it.")


def test_a_verdict_taken_back_and_given_again_is_followed() -> None:
    pending = story(decision="pending", decidedAt="2026-03-01T12:30:00.000Z")
    done = play(wait=CANCELLED, story=InTurn({}, pending, {}, story(**VERDICT)))
    assert done.states == (*WAITED, *AGAIN * 3, *READ, *APPROVED)
    assert all(wait.seconds is not None and 0 < wait.seconds <= 3 for wait in done.waits)


def test_each_entry_into_the_wait_has_its_own_request_token_and_the_same_expiry() -> None:
    entered = play(wait=InTurn(CANCELLED, CANCELLED, VERDICT), story={}).made_by("WaitForStory")
    assert len({call["ClientRequestToken"] for call in entered}) == 3
    assert len({call["TransactItems"][1]["Put"]["Item"]["expiresAt"]["N"] for call in entered}) == 1


def test_a_timeout_after_a_conflict_is_a_timeout() -> None:
    done = play(wait=InTurn(CANCELLED, Failure("States.Timeout")), story={})
    assert done.ending[0] == "timed_out"
    assert done.result["decision"] is None


def test_a_hundred_conflicts_are_an_error() -> None:
    done = play(wait=CANCELLED, story={})
    assert done.states == (*WAITED, *AGAIN * 99, *READ, *NOT_APPROVED)
    assert len(done.made_by("WaitForStory")) == 100
    assert done.ending == (
        "error",
        "The run could not begin to wait: its entry in the table was refused 100 times.",
    )


def test_a_verdict_after_ninety_nine_conflicts_still_counts() -> None:
    done = play(wait=CANCELLED, story=InTurn(*[{}] * 99, story(**VERDICT)))
    assert done.ending[0] == "approved"


@pytest.mark.parametrize("error", SHAKY)
def test_the_verdict_is_read_again_when_the_table_is_shaky(error: str) -> None:
    done = play(wait=CANCELLED, story=InTurn(*[Failure(error, "busy")] * 5, story(**VERDICT)))
    assert len(done.made_by("ReadVerdict")) == 6
    assert done.ending[0] == "approved"


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        *((error, PATIENT) for error in SHAKY),
        ("DynamoDb.ResourceNotFoundException", 1),
        ("States.Permissions", 1),
    ],
)
def test_a_verdict_that_cannot_be_read_is_an_error(error: str, attempts: int) -> None:
    done = play(wait=CANCELLED, story=Failure(error, "no"))
    assert done.states == (*WAITED, "ReadVerdict", *NOT_APPROVED)
    assert len(done.made_by("ReadVerdict")) == attempts
    assert done.ending == ("error", f"ReadVerdict failed: {error}: no")
    assert done.result["decision"] is None
