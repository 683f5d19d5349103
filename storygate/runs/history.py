"""The events of a run, read from its history, also while the run goes on.

Everything comes from one call, GetExecutionHistory: which state was entered, what failed and was tried again, what
an API answered, whether the run waits, how it ended. DescribeExecution is eventually consistent (API reference), so its
status could contradict the history. The history holds the task token (in `taskScheduledEventDetails`), so only named
fields are taken out of it, and no event is shown whole.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from storygate.stage.definition import WAIT, api_of_state
from storygate.support.json_text import loaded, loaded_object
from storygate.support.patience import Patience
from storygate.support.redact import redacted
from storygate.support.terminal import Terminal
from storygate.support.times import iso, local_time, span

ENDS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionAborted": "ABORTED",
    "ExecutionTimedOut": "TIMED_OUT",
}
# After these come the first states of branches.
OPENS = {"ParallelStateStarted", "MapStateStarted", "MapIterationStarted"}
# What an attempt of a state fails with; each of them has an `error` (API reference, HistoryEvent).
FAILURES = (
    "taskFailed",
    "taskSubmitFailed",
    "taskStartFailed",
    "taskTimedOut",
    "lambdaFunctionFailed",
    "lambdaFunctionScheduleFailed",
    "lambdaFunctionStartFailed",
    "lambdaFunctionTimedOut",
    "evaluationFailed",
)
# Each attempt of a Task begins with one of these; the second is that of a Task whose resource is a function's ARN.
SCHEDULES = {"TaskScheduled", "LambdaFunctionScheduled"}
ANSWER = ("status", "statusCode", "attempts")  # the fields of an API's answer that a moment has


@dataclass(frozen=True)
class Moment:
    """One event of a run that operators see. `kind` is one of

    - `state`: entered `{"state"}`
    - `failure`: of an attempt, `{"state", "attempt", "error"}`; a retry or the state's Catch follows
    - `api`: an API's answer as the run understands it, `{"api", "status", "statusCode", "attempts"}`
    - `waiting`: the run has its entry in the decision table, `{"state"}`
    - `resumed`: the wait is over, `{"state", "seconds", "reason"}`; the reason says who decided what, or that the time
      was over
    - `ended`: `{"status", "outcome", "reason"}`, `status` as AWS has it
    """

    at: datetime
    kind: str
    details: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the moment for scripts, `{"at", "event", …}`."""
        return {"at": iso(self.at), "event": self.kind, **self.details}

    def show(self, terminal: Terminal) -> None:
        """Show the moment to people: one line with the local time."""
        details, at = self.details, local_time(self.at)
        match self.kind:
            case "state":
                terminal.detail(f"{at} state {details['state']}")
            case "failure":
                terminal.warn(f"{at} {details['state']}: attempt {details['attempt']} failed: {details['error']}")
            case "api":
                show = terminal.done if details["status"] == "success" else terminal.warn
                answer = f"{details['status']} (HTTP {details['statusCode']}, attempts: {details['attempts']})"
                show(f"{at} {details['api']} API: {answer}")
            case "waiting":
                terminal.detail(f"{at} waiting for the story")
            case "resumed":
                terminal.detail(
                    f"{at} waited {span(details['seconds'], precise=True)}"
                    + (f": {details['reason']}" if details["reason"] else "")
                )
            case "ended":
                show = terminal.done if details["outcome"] == "approved" else terminal.warn
                show(f"{at} ended {details['outcome']}" + (f": {details['reason']}" if details["reason"] else ""))


@dataclass(frozen=True)
class Visit:
    """One stay in a state, `left` is None while it lasts. A state that a loop comes back to has several."""

    state: str
    entered: datetime
    kind: str
    """The state's type in the ASL: `Task`, `Choice`, `Parallel`, …"""
    within: int | None = None
    """The visit of the Parallel or Map that it belongs to, by its place in `History.visits`."""
    left: datetime | None = None
    attempts: int = 1
    failures: tuple[tuple[datetime, str], ...] = ()
    """When attempts failed, and with which error: its name only, since its cause may quote what an API sent."""
    failed: bool = False
    """Whether the last attempt failed, so that the state was left by its Catch or ended the run."""
    waiting_since: datetime | None = None
    """When its task token was handed out (TaskSubmitted), for what comes back with the token."""
    stopped: bool = False
    """Whether it was left only because the run or the Parallel around it ended."""

    @property
    def errors(self) -> tuple[str, ...]:
        """The names of the errors that its attempts failed with."""
        return tuple(error for _, error in self.failures)


@dataclass
class History:
    """A run's history, read event by event. `client` is Step Functions'."""

    client: Any
    arn: str
    path: list[str] = field(default_factory=list)
    """The states entered so far, in order."""
    visits: list[Visit] = field(default_factory=list)
    """The same, with times, attempts and errors."""
    waiting_since: datetime | None = None
    """When the present wait for the story began; None while the run does not wait."""
    end: Moment | None = None
    """The moment of kind `ended`, once it has come."""
    events: list[Any] = field(default_factory=list, repr=False)
    """All events that were read, as AWS answers them. They hold the task token, so never show them."""
    _last: int = 0
    _visit_of: dict[int, int] = field(default_factory=dict)
    _opens: set[int] = field(default_factory=set)
    _answered: set[str] = field(default_factory=set)
    _waited: float | None = None
    """How long the wait took, in seconds, until its reason is known."""

    @property
    def exists(self) -> bool:
        """Whether anything of the run has been read yet."""
        return self._last > 0

    def read(self) -> list[Moment]:
        """Return what has happened since the last call; nothing for a run that does not exist (yet)."""
        return self.take(self._new_events())

    def take(self, events: Iterable[Any]) -> list[Moment]:
        """Add events, which follow those added before, in order; return what happened in them."""
        moments: list[Moment] = []
        for event in events:
            self.events.append(event)
            moments += self._moments(event)
        return moments

    def _new_events(self) -> list[Any]:
        """The events since the last call, in order.

        Read from the newest back to the last known one: usually one page, however long the run is.
        """
        found = []
        request = {"executionArn": self.arn, "reverseOrder": True, "maxResults": 200}
        while True:
            try:
                page = self.client.get_execution_history(**request)
            except self.client.exceptions.ExecutionDoesNotExist:
                return []
            for event in page["events"]:
                if event["id"] <= self._last:
                    break
                found.append(event)
            else:
                if page.get("nextToken"):
                    request["nextToken"] = page["nextToken"]
                    continue
            break
        if found:
            self._last = found[0]["id"]
        return found[::-1]

    def _moments(self, event: Any) -> Iterator[Moment]:
        at, entered, exited = event["timestamp"], event.get("stateEnteredEventDetails"), _exited(event)
        number = self._visited(event)
        state = self.visits[number].state if number is not None else ""
        if entered:
            self.path.append(state)
            yield Moment(at, "state", {"state": state})
        if (error := _error(event)) and number is not None:
            failures = (*self.visits[number].failures, (at, error))
            attempts = max(self.visits[number].attempts, len(failures))
            self._change(number, attempts=attempts, failures=failures, failed=True)
            yield Moment(at, "failure", {"state": state, "attempt": len(failures), "error": error})
        if event["type"] == "TaskSubmitted":
            self.waiting_since = at
            yield Moment(at, "waiting", {"state": state})
        if exited:
            yield from self._left(at, exited)
        if status := ENDS.get(event["type"]):
            self.end = Moment(at, "ended", _ending(status, event))
            self.waiting_since = None
            self._close(at, range(len(self.visits)))
            yield self.end

    def _visited(self, event: Any) -> int | None:
        """Find the visit that an event belongs to and update it; None for an event of the run itself."""
        at, kind, exited = event["timestamp"], event["type"], _exited(event)
        # In parallel branches the states' events alternate, so an event belongs to the state of its predecessor.
        before = event.get("previousEventId", 0)
        number = self._visit_of.get(before)
        if entered := event.get("stateEnteredEventDetails"):
            around = number if before in self._opens or number is None else self.visits[number].within
            self.visits.append(Visit(entered["name"], at, kind.removesuffix("StateEntered"), around))
            number = len(self.visits) - 1
        elif name := _state_named(event):
            number = self._entered(name, number)
        if number is None:
            return None
        self._visit_of[event["id"]] = number
        if kind in OPENS:
            self._opens.add(event["id"])
        if kind in SCHEDULES:
            # Count failures, not schedulings: an attempt whose arguments failed was never scheduled.
            tries = len(self.visits[number].failures) + 1
            self._change(number, attempts=tries, failed=False)
        if kind == "TaskSubmitted":
            self._change(number, waiting_since=at)
        if exited:
            self._change(number, left=at)
            self._close(at, [index for index in range(number, len(self.visits)) if self._is_within(index, number)])
        return number

    def _entered(self, state: str, number: int | None) -> int | None:
        """The visit of an event that names its state: the predecessor's own, or else the latest one not left yet."""
        if number is not None and self.visits[number].state == state and self.visits[number].left is None:
            return number
        numbers = range(len(self.visits) - 1, -1, -1)
        return next((n for n in numbers if self.visits[n].state == state and self.visits[n].left is None), None)

    def _is_within(self, index: int, outer: int) -> bool:
        around = self.visits[index].within
        return around is not None and (around == outer or self._is_within(around, outer))

    def _close(self, at: datetime, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self.visits[number].left is None:
                self._change(number, left=at, stopped=True)

    def _change(self, number: int, **changes: Any) -> None:
        self.visits[number] = replace(self.visits[number], **changes)

    def _left(self, at: datetime, exited: Any) -> Iterator[Moment]:
        yield from self._resumed(at, exited)
        # An API's answer is the output of the state that called it; the state it gives up to outputs the same answer.
        api = api_of_state(exited["name"])
        answer = _answer(exited.get("output"))
        if api and answer and api not in self._answered:
            self._answered.add(api)
            yield Moment(at, "api", {"api": api, **answer})

    def _resumed(self, at: datetime, exited: Any) -> Iterator[Moment]:
        """The end of the wait, once its reason is known: from the wait's Catch, or from the Choice after it."""
        reason = _reason(exited)
        if exited["name"] == WAIT and self.waiting_since:
            self._waited = round((at - self.waiting_since).total_seconds(), 3)
            self.waiting_since = None
            if reason is None:
                return
        if self._waited is not None:
            yield Moment(at, "resumed", {"state": WAIT, "seconds": self._waited, "reason": reason})
            self._waited = None


def follow(
    history: History,
    patience: Patience,
    show: Callable[[Moment], None],
    *,
    until: Callable[[], bool] = lambda: False,
    idle: Callable[[], None] = lambda: None,
) -> bool:
    """Show each moment as it comes, until the run has ended or `until()` holds; False if the patience ended first.

    `idle` is called before each pause, to show that time passes.
    """
    while True:
        moments = history.read()
        for moment in moments:
            show(moment)
        if history.end or until():
            return True
        idle()
        if not patience.pause(news=bool(moments)):
            return False


def await_run(history: History, seconds: float) -> bool:
    """Wait until the run exists, without reading from `history`; False after `seconds`."""
    probe = History(history.client, history.arn)
    return follow(probe, Patience(seconds), lambda _: None, until=lambda: probe.exists)


def _exited(event: Any) -> Any:
    return event.get("stateExitedEventDetails")


def _state_named(event: Any) -> str | None:
    """The state that an event names, whatever its predecessor is.

    AWS gives an EvaluationFailed mostly the predecessor of its state's entering, an exit of a Parallel the last event
    of a branch, and a later iteration of a Map an event of the iteration before (recorded on AWS in
    localstack/localstack's aws.validated snapshots).
    """
    if exited := _exited(event):
        return str(exited["name"])
    if failed := event.get("evaluationFailedEventDetails"):
        return failed.get("state")  # type: ignore[no-any-return]
    kind = event["type"]
    iteration = event.get(f"m{kind[1:]}EventDetails") if kind.startswith("MapIteration") else None
    return str(iteration["name"]) if iteration and iteration.get("name") else None


def _error(event: Any) -> str | None:
    """The error's name only: its cause may quote what an API sent."""
    for kind in FAILURES:
        details = event.get(f"{kind}EventDetails")
        if details is not None:
            return str(details.get("error") or kind)
    return None


def _reason(exited: Any) -> str | None:
    """The reason that the state assigned as it was left, by a Catch or not."""
    reason = loaded((exited.get("assignedVariables") or {}).get("reason"))
    return redacted(reason) if isinstance(reason, str) else None


def _answer(output: str | None) -> dict[str, Any] | None:
    answer = loaded_object(output).get("answer")
    if not isinstance(answer, dict) or not set(ANSWER).issubset(answer):  # the output of another state
        return None
    return {name: answer[name] for name in ANSWER}


def _ending(status: str, event: Any) -> dict[str, Any]:
    """The details of an `ended` moment. Only SUCCEEDED is approved; a failure is named by its error."""
    name = event["type"]
    details = event.get(f"{name[0].lower()}{name[1:]}EventDetails") or {}
    outcome = outcome_of(status, details.get("error"))
    return {"status": status, "outcome": outcome, "reason": redacted(details.get("cause")) or None}


def outcome_of(status: str, error: str | None = None) -> str:
    """Return the outcome that an execution's status and error mean.

    `approved` for SUCCEEDED, `cancelled` for ABORTED, `running` for RUNNING. For FAILED the error: the outcome that the
    ASL's `Fail` names, or an error of AWS's own, such as `States.Runtime`.
    """
    return {"SUCCEEDED": "approved", "ABORTED": "cancelled", "FAILED": error or "error"}.get(status, status.lower())
