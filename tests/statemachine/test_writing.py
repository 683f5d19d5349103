"""The two files at the end of every run, and how a run ends that cannot write them."""

from typing import Any

import pytest
from sfnx.testing import Failure

from tests.statemachine.machine import APPROVED, DECIDED, NOT_APPROVED, PATIENT, REJECTED, VERDICT, InTurn, play

SHAKY = ["S3.S3Exception", "S3.SdkClientException"]
REFUSED = Failure("S3.NoSuchBucketException", "the bucket is gone")
# Which file is written by which state, if the wait ends like this.
WRITERS = pytest.mark.parametrize(
    ("name", "state", "wait"),
    [
        ("log", "WriteApprovedLog", VERDICT),
        ("result", "WriteApprovedResult", VERDICT),
        ("log", "WriteLog", REJECTED),
        ("result", "WriteResult", REJECTED),
    ],
)


@pytest.mark.parametrize("error", SHAKY)
@WRITERS
def test_a_file_is_written_again_when_s3_is_shaky(name: str, state: str, wait: Any, error: str) -> None:
    done = play(wait=wait, **{name: InTurn(*[Failure(error, "slow down")] * 5, {})})
    assert len(done.made_by(state)) == 6
    assert done.ending[0] == ("approved" if wait is VERDICT else "rejected")


@pytest.mark.parametrize("error", SHAKY)
@WRITERS
def test_a_file_that_stays_unwritten_makes_the_run_an_error(name: str, state: str, wait: Any, error: str) -> None:
    done = play(wait=wait, **{name: Failure(error, "slow down")})
    assert len(done.made_by(state)) == PATIENT
    assert (done.error, done.cause) == ("error", f"{state} failed: {error}: slow down")


@WRITERS
def test_a_refused_write_is_not_repeated(name: str, state: str, wait: Any) -> None:
    assert len(play(wait=wait, **{name: REFUSED}).made_by(state)) == 1


@pytest.mark.parametrize(("wait", "log"), [(VERDICT, "WriteApprovedLog"), (REJECTED, "WriteLog")])
def test_a_run_that_cannot_log_is_an_error_but_still_writes_its_result(wait: Any, log: str) -> None:
    done = play(wait=wait, log=REFUSED)
    assert done.states == (*DECIDED, log, "WriteResult", "NotApproved")
    reason = f"{log} failed: S3.NoSuchBucketException: the bucket is gone"
    assert (done.result["outcome"], done.result["reason"]) == (done.error, done.cause) == ("error", reason)
    assert done.result["decision"] == (VERDICT if wait is VERDICT else REJECTED)


@pytest.mark.parametrize(("wait", "path"), [(VERDICT, (*APPROVED, "NotApproved")), (REJECTED, NOT_APPROVED)])
def test_a_run_that_cannot_write_its_result_ends_red_and_says_why(wait: Any, path: Any) -> None:
    done = play(wait=wait, result=REFUSED)
    assert done.states == (*DECIDED, *path)
    assert done.error == "error"
    assert done.cause == f"{path[1]} failed: S3.NoSuchBucketException: the bucket is gone"


@pytest.mark.parametrize("wait", [VERDICT, REJECTED, Failure("States.Timeout")])
def test_a_run_that_can_write_neither_file_names_the_last(wait: Any) -> None:
    done = play(wait=wait, log=REFUSED, result=Failure("S3.S3Exception", "x" * 5000))
    assert done.error == "error"
    assert done.cause is not None
    assert done.cause.startswith("WriteResult failed: S3.S3Exception: xxx")
    assert len(done.cause) < 600


@pytest.mark.parametrize(("wait", "writers"), [(VERDICT, APPROVED), (REJECTED, NOT_APPROVED[:2])])
def test_the_result_is_written_last(wait: Any, writers: Any) -> None:
    assert [call.state for call in play(wait=wait).calls][-2:] == list(writers)
