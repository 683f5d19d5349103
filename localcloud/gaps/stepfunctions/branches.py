"""A branch of a Parallel ends when another one fails.

AWS: the state in which each branch stands then, the failed one included, is aborted: `TaskStateAborted`,
`WaitStateAborted` and so on, before `ParallelStateFailed`. (Recorded on AWS in localstack/localstack's aws.validated
snapshots.)
moto 5.2.5 leaves these events out.
"""

from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import BranchWorker
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

from localcloud.gaps.patching import Gap

ABORTED = {
    f"{state}StateEntered": HistoryEventType(f"{state}StateAborted") for state in ("Task", "Wait", "Parallel", "Map")
}

gap = Gap()


@gap.wraps(BranchWorker, "stop")
def _stop(original: Callable[..., None], self: Any, *args: Any, **named: Any) -> None:
    """Stop a branch because another one has failed; moto has no other use for it."""
    latest = _latest(self.env)
    original(self, *args, **named)
    aborted = ABORTED.get(_standing_in(self.env.event_manager._history_event_list, latest))
    if aborted:
        # A context of its own: what comes next does not follow this event.
        self.env.event_manager.add_event(EventHistoryContext(latest), aborted)


def _latest(env: Any) -> int:
    """Return the id of the last event of a branch, also within an attempt that goes on."""
    own: int = env.event_history_context.source_event_id
    return max([own, *map(_latest, list(env._frames))])


def _standing_in(events: list[Any], number: int) -> Any:
    """Return the type of the event by which the state that this event belongs to was entered; empty if it is left."""
    while number:
        event = events[number - 1]
        if failed := event.get("evaluationFailedEventDetails"):
            names = (entered.get("stateEnteredEventDetails", {}).get("name") for entered in events[:number])
            number = max(place for place, name in enumerate(names, 1) if name == failed["state"])
        elif "stateEnteredEventDetails" in event:
            return HistoryEventType(event["type"]).value
        elif "stateExitedEventDetails" in event:
            return ""
        else:
            number = event["previousEventId"]
    return ""
