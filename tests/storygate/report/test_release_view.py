"""A run's fourth API, after the verdict: in the model, on the page, and in a run that was stopped during the call."""

import copy

import pytest

from storygate.report.page import body
from storygate.report.view import as_json, of_events
from storygate.stage.definition import NO_RELEASE, apis_of
from tests.storygate.report.histories import ARN, DEFINITION, DRAWING, RUNS, Run, seen

THREE = ["validation", "deployment", "notification"]


def test_a_run_without_the_release_api_shows_three_answers() -> None:
    assert [api.name for api in seen(RUNS["approved"]).apis] == THREE
    assert apis_of(DEFINITION) == tuple(THREE)


def test_a_stage_with_the_release_api_shows_it_before_it_is_called() -> None:
    definition = copy.deepcopy(DEFINITION)
    arguments = definition["States"]["CallRelease"]["Arguments"]
    arguments["ApiEndpoint"] = NO_RELEASE
    assert apis_of(definition) == tuple(THREE)
    arguments["ApiEndpoint"] = "https://packages.example.com/release"
    view = of_events(ARN, RUNS["waiting"], definition)
    assert [(api.name, api.status) for api in view.apis][-1] == ("release", "not called")


def released(status: str = "success") -> Run:
    return Run().apis().wait().resume().call_release("CallRelease", status).end("approved")


def rolled_back() -> Run:
    return Run().apis().wait().time_out().call_release("CallRollback").end("timed_out")


@pytest.mark.parametrize(
    ("run", "state", "status", "phase"),
    [
        (released(), "CallRelease", "success", "done"),
        (rolled_back(), "CallRollback", "success", "done"),
        (released("failed"), "CallRelease", "failed", "failed"),
    ],
)
def test_release_and_rollback_are_the_fourth_answer(run: Run, state: str, status: str, phase: str) -> None:
    view = seen(run.events)
    assert [api.name for api in view.apis] == [*THREE, "release"]
    assert (view.apis[-1].status, view.phases[state]) == (status, phase)
    assert as_json(view)["apis"]["release"]["status"] == status
    assert view.apis[-1].title == state.removeprefix("Call")
    assert f'<h3 id="api-release">{view.apis[-1].title}</h3>' in body(view, DRAWING)


def test_a_run_that_was_stopped_in_its_release_says_so() -> None:
    run = Run().apis().wait().resume()
    run.attempt(run.enter("CallRelease"), "States.Http.StatusCode.503")
    view = seen(run.stop().events)
    assert view.outcome == "cancelled"
    release = view.apis[-1]
    assert (release.name, release.status) == ("release", "failed")
    assert release.error == "States.Http.StatusCode.503, the run was stopped before the API answered"
    assert "the run was stopped before the API answered" in body(view, DRAWING)
