"""The two files at the end of every run, and what becomes of a run that cannot write them."""

import pytest
from sfnx.testing import Failure

from .machine import END, VERDICT, WAITED, InTurn, play

SHAKY = ["S3.S3Exception", "S3.SdkClientException"]
REFUSED = Failure("S3.NoSuchBucketException", "the bucket is gone")
WRITERS = pytest.mark.parametrize(("name", "state"), [("log", "WriteLog"), ("result", "WriteResult")])


@pytest.mark.parametrize("error", SHAKY)
@WRITERS
def test_a_file_is_written_again_when_s3_is_shaky(name, state, error):
    done = play(**{name: InTurn(*[Failure(error, "slow down")] * 5, {})})
    assert len(done.made_by(state)) == 6
    assert done.ending[0] == "approved"


@pytest.mark.parametrize("error", SHAKY)
@WRITERS
def test_a_file_that_stays_unwritten_makes_the_run_an_error(name, state, error):
    done = play(**{name: Failure(error, "slow down")})
    assert len(done.made_by(state)) == 6
    assert (done.error, done.cause) == ("error", f"The {name} could not be written: {error}: slow down")


@WRITERS
def test_a_refused_write_is_not_repeated(name, state):
    assert len(play(**{name: REFUSED}).made_by(state)) == 1


def test_a_run_that_cannot_log_is_an_error_but_still_writes_its_result():
    done = play(log=REFUSED)
    assert done.states == (*WAITED, *END, "NotApproved")
    reason = "The log could not be written: S3.NoSuchBucketException: the bucket is gone"
    assert (done.result["outcome"], done.result["reason"]) == (done.error, done.cause) == ("error", reason)
    assert done.result["decision"] == VERDICT


def test_a_run_that_cannot_write_its_result_ends_red_and_says_why():
    done = play(result=REFUSED)
    assert done.states == (*WAITED, "WriteLog", "WriteResult", "NotApproved")
    assert done.error == "error"
    assert done.cause == "The result could not be written: S3.NoSuchBucketException: the bucket is gone"


@pytest.mark.parametrize("wait", [VERDICT | {"decision": "rejected"}, Failure("States.Timeout")])
def test_a_run_that_can_write_neither_file_names_the_last(wait):
    done = play(wait=wait, log=REFUSED, result=Failure("S3.S3Exception", "x" * 5000))
    assert done.error == "error"
    assert done.cause.startswith("The result could not be written: S3.S3Exception: xxx")
    assert len(done.cause) < 600


def test_the_result_is_written_last():
    assert [call.state for call in play().calls][-2:] == ["WriteLog", "WriteResult"]
