"""The wait: what it writes, how long it lasts, and where each end of it leads."""

import json
import re
from typing import Any

import pytest
from sfnx.testing import Failure

from tests.statemachine.machine import (
    COUNTS_FROM,
    MACHINE,
    NOT_APPROVED,
    PATIENT,
    REJECTED,
    REQUEST,
    STARTED,
    VERDICT,
    WAITED,
    InTurn,
    evaluate,
    play,
)

SHAKY = [
    "DynamoDb.ProvisionedThroughputExceededException",
    "DynamoDb.RequestLimitExceededException",
    "DynamoDb.ThrottlingException",
    "DynamoDb.InternalServerErrorException",
    "DynamoDb.TransactionInProgressException",
    "DynamoDb.SdkClientException",
]


def test_the_wait_is_one_transaction_of_a_check_and_an_entry() -> None:
    (entered,) = play().made_by("WaitForStory")
    expires = entered["TransactItems"][1]["Put"]["Item"]["expiresAt"]["N"]
    assert re.fullmatch(r"[0-9a-f-]{36}", entered.pop("ClientRequestToken"))
    assert entered == {
        "TransactItems": [
            {
                "ConditionCheck": {
                    "TableName": "the-table",
                    "Key": {"story": {"S": "PROJ-1"}, "entry": {"S": "STORY"}},
                    "ConditionExpression": (
                        "attribute_not_exists(story) OR decision = :pending OR decidedAt <= :countsFrom"
                    ),
                    "ExpressionAttributeValues": {":pending": {"S": "pending"}, ":countsFrom": {"S": COUNTS_FROM}},
                }
            },
            {
                "Put": {
                    "TableName": "the-table",
                    "Item": {
                        "story": {"S": "PROJ-1"},
                        "entry": {"S": "WAIT#execution"},
                        "taskToken": {"S": "token"},
                        "startedAt": {"S": STARTED},
                        "countsFrom": {"S": COUNTS_FROM},
                        "expiresAt": {"N": expires},
                    },
                }
            },
        ],
    }


def test_an_entry_is_kept_a_week_longer_than_it_waits() -> None:
    (entered,) = play(REQUEST | {"timeoutSeconds": 60}).made_by("WaitForStory")
    started = 1772366400  # STARTED; the clock of a test moves some milliseconds in a run
    assert entered["TransactItems"][1]["Put"]["Item"]["expiresAt"] == {"N": str(started + 60 + 7 * 24 * 3600)}


@pytest.mark.parametrize(
    ("left", "seconds"), [(60_000, 60), (59_999, 60), (1, 1), (0, 1), (-5_000, 1), (31_532_400_000, 31_532_400)]
)
def test_a_wait_lasts_until_the_deadline_and_one_second_at_least(left: Any, seconds: Any) -> None:
    timeout = MACHINE["States"]["WaitForStory"]["TimeoutSeconds"]
    assert evaluate(timeout, {"millis": lambda: 1_000_000}, deadline=1_000_000 + left) == seconds


@pytest.mark.parametrize(("asked", "waited"), [(1, 1), (604_800, 604_800), (31_536_000, 31_532_400)])
def test_the_deadline_leaves_an_hour_of_the_year_a_run_may_take(asked: Any, waited: Any) -> None:
    (rule,) = MACHINE["States"]["ApisSucceeded"]["Choices"]
    assert evaluate(rule["Assign"]["deadline"], {"millis": lambda: 7}, timeoutSeconds=asked) == 7 + waited * 1000


def test_the_log_says_how_long_the_run_will_wait() -> None:
    (event,) = [event for event in play(REQUEST | {"timeoutSeconds": 90}).log["events"] if event["step"] == "waiting"]
    assert event["message"] == "Waiting for PROJ-1, at most 90 seconds."


@pytest.mark.parametrize(
    ("verdict", "ending"),
    [
        (VERDICT, ("approved", "PROJ-1 was approved by Ada: ship it.")),
        (VERDICT | {"actor": None}, ("approved", "PROJ-1 was approved: ship it.")),
        (VERDICT | {"actor": None, "message": None}, ("approved", "PROJ-1 was approved.")),
        ({"decision": "approved"}, ("approved", "PROJ-1 was approved.")),
        (
            {"decision": "rejected", "actor": "Ada \"the\" 'Great'", "message": "{% no %} ☃\n\\"},
            ("rejected", "PROJ-1 was rejected by Ada \"the\" 'Great': {% no %} ☃\n\\."),
        ),
        ({"decision": "rejected"}, ("rejected", "PROJ-1 was rejected.")),
    ],
)
def test_a_verdict_is_told_with_who_and_why_as_far_as_known(verdict: Any, ending: Any) -> None:
    done = play(wait=verdict)
    assert done.ending == ending
    assert done.result["decision"] == dict.fromkeys(VERDICT) | verdict


NO_VERDICTS = [
    None, True, 7, "", "approved", [], ["approved"], {}, {"decision": None}, {"decision": "pending"},
    {"decision": "APPROVED"}, {"decision": "approved "}, {"decision": True}, {"decision": ["approved"]},
    {"decision": {"decision": "approved"}}, {"status": "approved"}, {"Decision": "approved"},
    {"verdict": {"decision": "approved"}}, {"decision": "REJECTED"}, {"decision": ["rejected"]}, ["rejected"],
    [VERDICT], [REJECTED, VERDICT], {"decision": ["approved", "rejected"]}, json.dumps(VERDICT),
]  # fmt: skip


@pytest.mark.parametrize("output", NO_VERDICTS, ids=str)
def test_a_run_resumed_with_anything_else_is_an_error(output: Any) -> None:
    done = play(wait=output)
    assert done.states == (*WAITED, *NOT_APPROVED)
    assert done.ending == ("error", "PROJ-1 was resumed without a verdict.")


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_verdict_in_a_list_is_none(decision: str) -> None:
    assert play(wait=[{"decision": decision}]).ending[0] == "error"
    assert play(wait=[{"decision": decision}, {"actor": "Ada"}]).ending[0] == "error"


@pytest.mark.parametrize("output", ["token", ["anything"], {"decision": "approved", "token": "s3cret"}])
def test_a_result_takes_the_fields_of_a_verdict_and_nothing_else(output: Any) -> None:
    decision = play(wait=output).result["decision"]
    assert decision is None or set(decision) == set(VERDICT)


@pytest.mark.parametrize("decision", ["approved", "rejected"])
@pytest.mark.parametrize("value", [None, True, 7, [], ["Ada"], {}, {"not": "text"}])
def test_what_is_no_text_in_a_verdict_is_null(decision: str, value: Any) -> None:
    done = play(wait=dict.fromkeys(VERDICT, value) | {"decision": decision})
    assert done.ending == (decision, f"PROJ-1 was {decision}.")
    assert done.result["decision"] == dict.fromkeys(VERDICT) | {"decision": decision}


@pytest.mark.parametrize("field", ["message", "actor", "status"])
def test_the_longest_output_a_run_can_be_resumed_with_still_leaves_a_result(field: str) -> None:
    for verdict in (VERDICT, REJECTED):
        done = play(wait=verdict | {field: "x" * 262_000})
        assert done.ending[0] == verdict["decision"]
        assert len(done.ending[1]) < 32_768  # the most a Fail's cause may have (API reference, HistoryEvent)


@pytest.mark.parametrize(
    ("error", "cause"),
    # The last one is a rejection as an earlier version of the callback sent it.
    [("Refused", "by hand"), ("", ""), ("States.Permissions", "no role"), ("StoryRejected", json.dumps(REJECTED))],
)
def test_a_wait_that_is_failed_is_an_error(error: str, cause: str) -> None:
    done = play(wait=Failure(error, cause))
    assert done.states == (*WAITED, *NOT_APPROVED)
    assert done.ending == ("error", f"WaitForStory failed: {error}: {cause}")
    assert done.result["decision"] is None


def test_a_long_cause_is_cut() -> None:
    assert len(play(wait=Failure("Refused", "x" * 32_768)).ending[1]) < 600


@pytest.mark.parametrize("error", SHAKY)
def test_a_shaky_table_is_asked_again_under_a_new_request_token(error: str) -> None:
    done = play(wait=InTurn(*[Failure(error, "busy")] * 5, VERDICT))
    assert done.ending[0] == "approved"
    entered = done.made_by("WaitForStory")
    assert len({call.pop("ClientRequestToken") for call in entered}) == 6
    assert all(call == entered[0] for call in entered)


@pytest.mark.parametrize("error", SHAKY)
def test_a_table_that_stays_shaky_is_an_error(error: str) -> None:
    done = play(wait=Failure(error, "busy"))
    assert len(done.made_by("WaitForStory")) == PATIENT
    assert done.ending == ("error", f"WaitForStory failed: {error}: busy")


@pytest.mark.parametrize(
    "error", ["DynamoDb.ResourceNotFoundException", "DynamoDb.DynamoDbException", "States.DataLimitExceeded"]
)
def test_a_table_that_refuses_is_an_error_at_once(error: str) -> None:
    done = play(wait=Failure(error, "no"))
    assert len(done.made_by("WaitForStory")) == 1
    assert done.ending[0] == "error"
