"""The view of a run, made from its history: phases, times, answers and decision; never the task token."""

import json
from datetime import timedelta
from typing import Any

import pytest

from storygate.report.view import as_json, marks
from storygate.runs.input_rules import FIELDS
from storygate.stage.definition import read_definition
from storygate.support.redact import redacted
from tests import ROOT
from tests.storygate.report.histories import BEARER, BEGAN, NAME, RUNS, TOKEN, VERDICT, Run, seen

END = {"approved": "SUCCEEDED", "cancelled": "ABORTED", "running": "RUNNING", "waiting": "RUNNING"}


@pytest.mark.parametrize("outcome", RUNS)
def test_each_outcome_has_aws_status_and_only_an_ended_run_has_an_end(outcome: str) -> None:
    view = seen(RUNS[outcome])
    assert (view.outcome, view.status) == (outcome, END.get(outcome, "FAILED"))
    assert (view.ended is not None) is (view.status != "RUNNING")
    assert (view.result is not None) is (view.status in ("SUCCEEDED", "FAILED"))
    assert view.execution == NAME


@pytest.mark.parametrize(
    ("outcome", "phases"),
    [
        ("approved", {"CallDeployment": "retried", "CallApis": "done", "WriteApprovedResult": "done"}),
        ("rejected", {"WaitForStory": "done", "NotApproved": "failed"}),
        ("timed_out", {"WaitForStory": "failed", "WriteResult": "done"}),
        ("api_failed", {"CallValidation": "failed", "CallDeployment": "done", "ApisSucceeded": "done"}),
        ("invalid_input", {"FindInput": "done", "InputIsValid": "done", "NotApproved": "failed"}),
        ("cancelled", {"ApisSucceeded": "done", "WaitForStory": "failed"}),
        ("waiting", {"CallApis": "done", "WaitForStory": "waiting"}),
    ],
)
def test_each_state_has_the_phase_of_what_happened_to_it(outcome: str, phases: dict[str, str]) -> None:
    view = seen(RUNS[outcome])
    assert phases.items() <= view.phases.items()
    assert "ReadVerdict" not in view.phases, "a state that was not reached has no phase"
    assert ("NotApproved" in view.phases) is (view.status == "FAILED")
    assert {state: mark.phase for state, mark in marks(view).items()} == view.phases


def test_the_states_of_parallel_branches_have_their_own_times_attempts_and_errors() -> None:
    visits = {visit.state: visit for visit in seen(RUNS["approved"]).visits}
    deployment, around = visits["CallDeployment"], visits["CallApis"]
    assert (deployment.attempts, deployment.errors) == (3, ("States.Http.StatusCode.503",) * 2)
    assert not deployment.failed
    assert visits["CallValidation"].errors == ()
    assert around.left
    assert deployment.left
    assert around.entered < visits["CallValidation"].entered < deployment.entered < deployment.left < around.left
    assert visits["WaitForStory"].within is None
    assert deployment.within is not None
    assert deployment.within == visits["CallNotification"].within


def test_a_running_call_has_the_attempts_so_far() -> None:
    events = RUNS["approved"]
    half = next(n for n, event in enumerate(events) if event["type"] == "TaskFailed") + 1
    apis = {api.name: api for api in seen(events[:half]).apis}
    assert (apis["validation"].status, apis["validation"].status_code) == ("success", 200)
    assert (apis["deployment"].status, apis["deployment"].attempts) == ("calling", 1)
    assert seen(events[:5]).apis[0].status == "not called"


def test_branches_that_were_broken_off_end_with_their_parallel() -> None:
    run = Run()
    run.enter("CallApis", "Parallel")
    started = run.add("ParallelStateStarted")
    broken = run.enter("CallValidation", previous=started)
    run.enter("CallDeployment", previous=started)
    run.add("EvaluationFailed", previous=broken, evaluationFailed={"error": "States.QueryEvaluationError"})
    left = run.leave("CallApis", "Parallel", outcome="error", reason="The APIs could not be called.")
    run.enter("WriteLog")
    visits = {visit.state: visit for visit in seen(run.events).visits}
    at_exit = run.events[left - 1]["timestamp"]
    assert [visits[state].left for state in ("CallApis", "CallValidation", "CallDeployment")] == [at_exit] * 3
    assert visits["CallDeployment"].stopped
    assert visits["WriteLog"].left is None
    assert seen(run.events).phases["CallDeployment"] == "failed"


def test_a_state_that_a_loop_comes_back_to_has_a_visit_each_time() -> None:
    run = Run().apis()
    for _ in range(3):
        run.conflict()
    view = seen(run.wait().events)
    assert [visit.state for visit in view.visits].count("WaitForStory") == 4
    assert (view.phases["WaitForStory"], view.phases["ReadVerdict"]) == ("waiting", "done")
    assert seen(run.resume().events).phases["WaitForStory"] == "retried"
    assert marks(view)["LetConflictPass"].note.startswith("3 times, ")
    assert marks(view)["WaitForStory"].note == "4 times", "no time of a running state"


def test_the_decision_has_its_two_times_and_the_run_its_wait() -> None:
    view = seen(RUNS["approved"])
    assert view.decision is not None
    assert (view.decision.actor, view.decision.status, view.decision.message) == ("Ada Marlow", "Done", "status Done")
    assert view.decision.decided_at == BEGAN + timedelta(minutes=30)
    assert view.decision.received_at == BEGAN + timedelta(minutes=30, seconds=1.5)
    assert view.waited == 1800.01
    assert seen(RUNS["waiting"]).waited == 60, "and so far, while it lasts"
    assert seen(RUNS["waiting"]).decision is None


def test_a_rejection_is_the_answer_that_was_waited_for_and_no_failure() -> None:
    view = seen(RUNS["rejected"])
    assert view.decision is not None
    assert (view.decision.decision, view.decision.actor) == ("rejected", "Ada Marlow")
    (waited,) = [visit for visit in view.visits if visit.state == "WaitForStory"]
    assert (waited.failed, waited.errors, waited.attempts) == (False, (), 1)
    assert seen(RUNS["timed_out"]).phases["WaitForStory"] == "failed", "no verdict came for that one"


def test_the_request_holds_the_contracts_fields_and_names_the_others() -> None:
    view = seen(RUNS["invalid_input"])
    assert view.request == {"jiraStoryId": "", "packageIds": "none"}
    assert view.ignored == ("owner",)
    assert view.story is None
    assert seen(RUNS["approved"]).story == "PROJ-1"
    assert seen(RUNS["approved"][:1]).request is None, "it has not been read yet"


def test_the_log_is_the_written_one_or_what_has_come_of_it() -> None:
    assert [event.step for event in seen(RUNS["approved"]).log] == ["started", "approved"]
    assert [event.step for event in seen(RUNS["waiting"]).log] == ["validation"]


def test_a_run_that_step_functions_itself_ended_has_its_error_as_outcome() -> None:
    run = Run()
    run.enter("CallApis", "Parallel")
    run.add("ExecutionFailed", executionFailed={"error": "States.Runtime", "cause": "binary"})
    view = seen(run.events)
    assert (view.outcome, view.reason) == ("States.Runtime", "binary")
    assert view.phases["CallApis"] == "failed"


@pytest.mark.parametrize("outcome", RUNS)
def test_neither_the_token_nor_a_header_is_in_the_view(outcome: str) -> None:
    text = json.dumps(RUNS[outcome], default=str)
    assert TOKEN in text or outcome in ("api_failed", "invalid_input", "running")
    assert BEARER in text
    view = seen(RUNS[outcome])
    assert TOKEN not in repr(view) + json.dumps(as_json(view))
    assert BEARER not in repr(view) + json.dumps(as_json(view))


def test_what_an_api_echoes_is_shown_without_the_credentials_in_it() -> None:
    echo = {
        "status": "success",
        "headers": {"Authorization": f"Bearer {BEARER}", "Accept": "*/*"},
        "said": "Basic Y2FmZTpiYXI=",
    }
    view = seen(Run().apis(response=echo).events)
    assert view.apis[0].response == {
        "status": "success",
        "headers": {"Authorization": "[hidden]", "Accept": "*/*"},
        "said": "Basic [hidden]",
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"x-api-key": "k", "taskToken": ["a"], "Set-Cookie": "c"}, ["[hidden]"] * 3),
        ({"token": None, "tokens": 3, "keyword": "k", "secretary": "ann"}, [None, 3, "k", "ann"]),
        ({"private_key": "k", "aws_secret_access_key": "k", "db.pwd": "p", "PWD2": 7}, ["[hidden]"] * 4),
        ({"tokens": ["a"], "refreshTokens": {"a": "b"}, "api_keys": "k", "credentials": "c"}, ["[hidden]"] * 4),
        ({"tokens": 3.5, "passwords": True, "aws_access_key_id": "AKIA"}, [3.5, True, "AKIA"]),
        ({"u": "GET https://ann:p@ss@api.example/x failed"}, ["GET https://[hidden]@api.example/x failed"]),
        ({"u": "(https://ghp_token@git.example)"}, ["(https://[hidden]@git.example)"]),
        (
            {"u": "https://a.example/?access_token=t&page=2#top"},
            ["https://a.example/?access_token=[hidden]&page=2#top"],
        ),
        (
            {"u": "mail ann@example.com, see https://a.example/@ann"},
            ["mail ann@example.com, see https://a.example/@ann"],
        ),
        ({"deep": [{"db_password": "p"}]}, [[{"db_password": "[hidden]"}]]),
        ({"text": "a basic idea, bearer of news"}, ["a basic idea, bearer of news"]),
    ],
)
def test_credentials_are_known_by_their_fields_name_or_scheme(given: dict[str, Any], shown: list[Any]) -> None:
    assert list(redacted(given).values()) == shown


def test_scripts_get_the_view_as_plain_json() -> None:
    document = json.loads(json.dumps(as_json(seen(RUNS["approved"]))))
    assert document["outcome"] == "approved"
    assert document["apis"]["deployment"]["attempts"] == 3
    assert document["decision"] == VERDICT
    assert document["phases"]["CallDeployment"] == "retried"


def test_the_request_shows_each_field_that_the_apis_get_and_the_timeout() -> None:
    (call, *_) = (branch["States"] for branch in read_definition(ROOT)["States"]["CallApis"]["Branches"])
    sent = call["CallValidation"]["Arguments"]["RequestBody"].keys() - {"action"}
    assert set(FIELDS) == {*sent, "timeoutSeconds"}
