"""Cancel a run: stop it, and remove its entry from the decision table."""

from dataclasses import dataclass

from storygate.runs.executions import RUNNING, Runs
from storygate.runs.history import History, outcome_of
from storygate.runs.inputs import story_of
from storygate.runs.waits import remove_entry
from storygate.stage.context import Context
from storygate.stage.definition import RELEASE_ACTIONS
from storygate.support.errors import OperatorError, OutOfPatience
from storygate.support.patience import Patience

CANCEL_SECONDS = 30.0


@dataclass(frozen=True)
class CancelledRun:
    """A run that was stopped, and whether its entry for the story still existed and was removed.

    `unanswered` is the action, `release` or `rollback`, that it was calling when it was stopped.
    """

    name: str
    story: str | None
    entry_removed: bool
    unanswered: str | None

    @property
    def warning(self) -> str | None:
        """What to do about an action that may have been carried out; None if the run was calling none."""
        if not self.unanswered:
            return None
        return f"It was stopped during its {self.unanswered}: look at the release API whether it was carried out."


def cancel_run(context: Context, execution: str, reason: str | None, timeout: float = CANCEL_SECONDS) -> CancelledRun:
    """Stop a run and remove its entry; for a run that is stopped already, remove the entry that it left.

    Raises OperatorError if the run ended by itself, and OutOfPatience if it still runs after `timeout` seconds.
    """
    runs, stage = Runs(context), context.stage
    described = runs.describe(execution)
    name, status = described["name"], described["status"]
    if status == RUNNING:
        runs.stop(name, f"cancelled by {context.who}" + (f": {reason}" if reason else ""))
        # StopExecution does not say whether the run had just ended by itself, and DescribeExecution may answer an older
        # status (API reference: eventually consistent).
        patience = Patience(timeout)
        while (status := runs.describe(name)["status"]) == RUNNING:
            if not patience.pause():
                raise OutOfPatience(
                    f"{name} was asked to stop, and still runs after {timeout:g} s.",
                    f"Run this again: {stage.command(f'cancel {name}')}",
                )
    if status != "ABORTED":
        raise OperatorError(
            f"{name} has already ended: {outcome_of(status, described.get('error'))}. Nothing was cancelled.",
            stage.command(f"results {name}"),
        )
    # Only once it is stopped: before that, the run could still add its entry.
    story = story_of(context.client("s3"), stage.bucket, described.get("input"))
    removed = bool(story) and remove_entry(context.client("dynamodb"), stage.table, str(story), name)
    history = History(context.client("stepfunctions"), described["executionArn"])
    history.read()
    # The history may still lack the run's end.
    stopped = (RELEASE_ACTIONS.get(visit.state) for visit in history.visits if visit.stopped or not visit.left)
    return CancelledRun(name, story, removed, next(filter(None, stopped), None))
