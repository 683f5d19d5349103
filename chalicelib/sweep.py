"""The sweep: every five minutes it gives waiting runs the verdicts that a crashed callback left undelivered.

It goes through the runs that wait, by the table's index of them. For each story it is one more caller of the protocol's
steps 2 and 3 (verdicts.py). Then it removes the entries of runs that are over, and asks for the stories of those that
still wait. A callback that has no time for all of a story's runs hands that story over to the same function.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.drop import state_machine_arn
from chalicelib.entries import Entries, Waiting
from chalicelib.parallel import each
from chalicelib.refusals import Unavailable
from chalicelib.shortening import cut
from chalicelib.sweep_event import SECONDS, SweepEvent
from chalicelib.verdicts import AWS_ERRORS, Budget, Delivery, Verdict, VerdictTable

LAST_CALL_SECONDS = 30
ROUNDS = 10  # through a story that was handed over, while AWS throttles
LOOKS = 100  # at runs that may be over; DescribeExecution's quota is 300 at once, then 15/s (Step Functions, quotas)
OVERDUE_SECONDS = 60  # a verdict that a run did not get for so long was left by a crash, not by a callback at work
AT_ONCE = 100  # stories


@dataclass(frozen=True)
class WaitingStory:
    """A story, the runs that wait for it, and its verdict, if one stands that counts for none of them."""

    key: str
    executions: tuple[str, ...]
    standing: Verdict | None = None


@dataclass
class Asked:
    """For how many runs Jira was asked, the runs that were decided, how many are left, and what went wrong.

    If runs are left, `last` is the story that was asked for last, and the next sweep goes on behind it.
    """

    asked: int = 0
    decided: list[str] = field(default_factory=list)
    left: int = 0
    errors: list[str] = field(default_factory=list)
    last: str = ""


Ask = Callable[[list[WaitingStory], VerdictTable, float, str], Asked]
"""Asks Jira about stories, delivers what it says to the table, and takes no longer than so many seconds.

It is also handed the state machine's ARN.
"""


@dataclass
class Swept:
    """What came of a sweep.

    `waiting` is the number of runs that waited when it began, `mended` are those that got the verdict that stood,
    `asked` is the number of runs that Jira was asked about, `decided` are those that got a verdict by that, and `left`
    is the number of runs that there was no time for; the next sweep begins with them.
    """

    waiting: int = 0
    mended: list[str] = field(default_factory=list)
    asked: int = 0
    decided: list[str] = field(default_factory=list)
    left: int = 0
    errors: list[str] = field(default_factory=list)


class Sweep:
    """The sweep of one stage, with what it needs: clients, the table's name, the state machine's ARN."""

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        stepfunctions: Any,
        machine_arn: str,
        ask: Ask | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        seconds: float = SECONDS,
    ) -> None:
        self._stepfunctions, self._machine_arn = stepfunctions, machine_arn
        self._ask, self._clock, self._sleep = ask, clock, sleep
        self._stop = clock() + seconds
        self._budget = Budget(self._stop, self._stop + LAST_CALL_SECONDS)
        self._entries = Entries(dynamodb, table, clock, sleep, self._budget.call_by)
        self._table = VerdictTable(dynamodb, table, stepfunctions, clock, sleep, budget=self._budget)
        self._standing: dict[str, Verdict] = {}
        self._overdue = 0
        self._broken: list[Exception] = []
        self.swept = Swept()

    def everything(self) -> Swept:
        """Go through all stories with waiting runs, from where the last sweep ran out of time. Print one line of JSON.

        An AWS call that fails for one story is in `errors`, and the others go on. Raises Unavailable or AWS's error if
        the waiting runs cannot be listed. Any other error, for example by an entry of another form, is raised at the
        end: the line is then a `broken sweep`, which the alarm `sweep-missing` does not count.
        """
        names = self._entries.waiting()
        self.swept.waiting = sum(map(len, names.values()))
        waiting = self._mend(names)
        if waiting:
            self._remove_those_that_are_over(waiting)
        if waiting and self._ask:
            self._ask_for(waiting, self._ask)
        self._print("broken sweep" if self._broken else "sweep", overdue=self._overdue)
        if self._broken:
            raise self._broken[0]
        return self.swept

    def story(self, story: str) -> Swept:
        """Give all runs of one story its verdict, again while AWS refuses some. Print one line of JSON.

        Raises Unavailable if AWS refuses to the end; Lambda then calls the function twice more, a minute and two later.
        """
        for attempt in range(ROUNDS):
            if attempt:
                self._sleep(min(attempt, 5))
            self.swept.left, self.swept.errors = 0, []
            self._count(story, self._sweep(story) or Delivery())
            if not self.swept.errors or self._clock() > self._stop:
                break
        self.swept.waiting = len(self.swept.mended) + self.swept.left
        self._print("resume", story=story)
        if self.swept.errors:
            raise Unavailable(f"{story}: not all runs got their verdict: {self.swept.errors[0]}")
        return self.swept

    def _mend(self, names: Mapping[str, list[str]]) -> dict[str, list[Waiting]]:
        """Sweep story by story; return the runs that go on waiting."""
        waiting: dict[str, list[Waiting]] = {}
        last = self._entries.last_swept()
        stories = list(_from(last, sorted(names)))
        for begin in range(0, len(stories), AT_ONCE):
            batch = stories[begin : begin + AT_ONCE]
            for story, delivery in zip(batch, each(self._sweep, batch), strict=True):
                if delivery is None:
                    self.swept.left += len(names[story])
                    continue
                self._count(story, delivery)
                last = last if delivery.resuming else story
                for run in delivery.waiting:
                    if run not in waiting.setdefault(run.story, []):  # it is found under each key of its story
                        waiting[run.story].append(run)
        if self.swept.left:
            self._entries.keep_last_swept(last)
        return {story: runs for story, runs in waiting.items() if runs}

    def _sweep(self, story: str) -> Delivery | None:
        """Sweep one story; None if it is too late to begin."""
        if self._clock() > self._stop:
            return None
        try:
            return self._table.sweep(story)
        except Unavailable as error:
            return Delivery(failures=[error])
        except Exception as error:  # noqa: BLE001 - the runs of all other stories must get their verdict all the same
            self._broken.append(error)
            return Delivery(failures=[error])

    def _count(self, story: str, delivery: Delivery) -> None:
        if delivery.verdict:
            self._standing[story] = delivery.verdict
            if _is_overdue(delivery.verdict, self._clock()):
                self._overdue += len(delivery.resumed)
        self.swept.mended += delivery.resumed
        self.swept.left += delivery.resuming
        self.swept.errors += [f"{story}: {_said(error)}" for error in delivery.failures]

    def _ask_for(self, waiting: dict[str, list[Waiting]], ask: Ask) -> None:
        stories = [
            WaitingStory(story, tuple(run.execution for run in runs), self._standing.get(story))
            for story, runs in waiting.items()
        ]
        asked = ask(stories, self._table, self._budget.call_by - self._clock(), self._machine_arn)
        self.swept.asked, self.swept.decided = asked.asked, asked.decided
        self.swept.left += asked.left
        self.swept.errors += asked.errors
        if asked.left and asked.last:
            self._entries.keep_last_swept(asked.last)

    def _remove_those_that_are_over(self, waiting: dict[str, list[Waiting]]) -> None:
        """Remove runs that are over, and their entries, from `waiting`; at most LOOKS of them."""
        try:
            running = self._running()
            doubtful = [run for runs in waiting.values() for run in runs if run.execution not in running]
            for run in random.sample(doubtful, min(LOOKS, len(doubtful))):
                if self._clock() > self._stop:
                    return
                if self._is_over(run.execution):
                    self._entries.remove(run)
                    waiting[run.story].remove(run)
                    if not waiting[run.story]:
                        del waiting[run.story]
        except (*AWS_ERRORS, Unavailable) as error:
            self.swept.errors.append(f"runs that are over: {_said(error)}")

    def _running(self) -> set[str]:
        """Return the names of the running executions, one call for a thousand of them. Raises Unavailable if late."""
        names: set[str] = set()
        more: dict[str, Any] = {}
        while True:
            if self._clock() > self._stop:
                raise Unavailable("there was no time to list the running executions")
            listed = {"stateMachineArn": self._machine_arn, "statusFilter": "RUNNING", "maxResults": 1000}
            page = self._stepfunctions.list_executions(**listed, **more)
            names.update(execution["name"] for execution in page["executions"])
            if "nextToken" not in page:
                return names
            more = {"nextToken": page["nextToken"]}

    def _is_over(self, execution: str) -> bool:
        """Return whether the run has ended. ListExecutions may be seconds behind; an end that is known stays true.

        An execution that does not exist is not over: the run may belong to a state machine of another name.
        """
        arn = f"{self._machine_arn.replace(':stateMachine:', ':execution:')}:{execution}"
        try:
            return bool(self._stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING")
        except self._stepfunctions.exceptions.ExecutionDoesNotExist:
            return False

    def _print(self, log: str, **more: Any) -> None:
        """Lambda makes a log event of the line."""
        found = {name: cut(value) for name, value in asdict(self.swept).items()}
        print(json.dumps({"log": log, **found, **more}), flush=True)


def run_sweep(
    event: SweepEvent, dynamodb: Any, table: str, stepfunctions: Any, machine_name: str, ask: Ask | None = None
) -> dict[str, Any]:
    """Sweep everything, or the story in the event; return the Swept."""
    machine = state_machine_arn(event.context.invoked_function_arn, machine_name)
    sweep = Sweep(dynamodb, table, stepfunctions, machine, ask, seconds=event.seconds)
    return asdict(sweep.story(event.story) if event.story else sweep.everything())


def _from(last: str, stories: list[str]) -> Iterator[str]:
    """Yield all stories, those behind the last one first."""
    yield from (story for story in stories if story > last)
    yield from (story for story in stories if story <= last)


def _is_overdue(verdict: Verdict, now: float) -> bool:
    return now - datetime.fromisoformat(verdict.received_at).timestamp() > OVERDUE_SECONDS


def _said(error: BaseException) -> str:
    """Return what went wrong, without what was sent."""
    error = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error'].get('Code')}"
    return str(error) if isinstance(error, Unavailable | BotoCoreError) else type(error).__name__
