"""Each event of a history belongs to the visit of the state that it is about, whatever parent AWS gives it."""

from typing import Any

from storygate.runs.history import History
from tests.storygate.runs.history_events import FakeStepFunctions, entered, event, exited


def test_a_failed_expression_belongs_to_its_state_though_aws_gives_it_the_predecessor_of_the_states_entering() -> None:
    failed = {"error": "States.QueryEvaluationError", "state": "Second", "location": "Output", "cause": "why"}
    events = [
        entered(2, "First", 0),
        exited(3, "First", 2),
        entered(4, "Second", 3),
        event(5, "EvaluationFailed", 3, evaluationFailed=failed),
        exited(6, "Second", 5),
    ]
    history = History(FakeStepFunctions(events), "arn")
    history.read()
    assert [(visit.state, visit.errors, visit.stopped) for visit in history.visits] == [
        ("First", (), False),
        ("Second", ("States.QueryEvaluationError",), False),
    ]


def test_a_failure_of_a_function_is_one_of_its_state_and_its_retry_a_new_attempt() -> None:
    events = [
        entered(2, "Call", 0),
        event(3, "LambdaFunctionScheduled", 2, lambdaFunctionScheduled={"resource": "arn"}),
        event(4, "LambdaFunctionTimedOut", 3, lambdaFunctionTimedOut={"error": "States.Timeout"}),
        event(5, "LambdaFunctionScheduled", 4, lambdaFunctionScheduled={"resource": "arn"}),
        event(6, "LambdaFunctionFailed", 5, lambdaFunctionFailed={"error": "TypeError"}),
    ]
    history = History(FakeStepFunctions(events), "arn")
    history.read()
    (visit,) = history.visits
    assert (visit.errors, visit.attempts) == (("States.Timeout", "TypeError"), 2)


def test_each_iteration_of_a_map_lies_within_the_map() -> None:
    def iteration(number: int, kind: str, previous: int, index: int) -> dict[str, Any]:
        return event(
            number, f"MapIteration{kind}", previous, **{f"mapIteration{kind}": {"name": "All", "index": index}}
        )

    events = [
        event(2, "MapStateEntered", 0, stateEntered={"name": "All", "input": "[]"}),
        event(3, "MapStateStarted", 2, mapStateStarted={"length": 2}),
        iteration(4, "Started", 3, 0),
        entered(5, "One", 4),
        exited(6, "One", 5),
        iteration(7, "Succeeded", 6, 0),
        iteration(8, "Started", 6, 1),
        entered(9, "One", 8),
    ]
    history = History(FakeStepFunctions(events), "arn")
    history.read()
    assert [(visit.state, visit.within) for visit in history.visits] == [("All", None), ("One", 0), ("One", 0)]
