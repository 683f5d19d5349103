"""A run as people see it: one model for the report, the console and the terminal, made of the history only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from storygate.report.facts import ApiAnswer, Decision, Facts, LogEvent, answered
from storygate.report.graph import Mark, Phase
from storygate.runs.executions import RUNNING, Runs, name_of
from storygate.runs.history import History, Visit, outcome_of
from storygate.runs.inputs import environment_in
from storygate.stage.context import Context
from storygate.stage.definition import WAIT, api_of_state, apis_of
from storygate.support.redact import redacted
from storygate.support.times import iso, span


@dataclass(frozen=True)
class RunView:
    """A run at the moment `read_at`.

    `status` is AWS's, `outcome` that of the result; before there is one: `running`, or `waiting` for the story.
    `request` holds the fields that storygate knows, as they were given; `ignored` names the other ones.
    """

    execution: str
    status: str
    outcome: str
    started: datetime
    read_at: datetime
    definition: Mapping[str, Any]
    story: str | None = None
    story_url: str | None = None
    """The story's page in Jira; None for a stage that names no Jira."""
    started_by: str | None = None
    reason: str | None = None
    ended: datetime | None = None
    waiting_since: datetime | None = None
    deadline: datetime | None = None
    """When the wait for the story ends without a verdict."""
    phases: Mapping[str, Phase] = field(default_factory=dict)
    visits: tuple[Visit, ...] = ()
    apis: tuple[ApiAnswer, ...] = ()
    decision: Decision | None = None
    request: Mapping[str, Any] | None = None
    ignored: tuple[str, ...] = ()
    source: str | None = None
    """Where the request was read, `s3://…`; None if it was the execution's input itself."""
    log: tuple[LogEvent, ...] = ()
    result: str | None = None
    """Where the result is, `s3://…`; None if none was written."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of the packages; empty if the request has none, or no list."""
        given = (self.request or {}).get("packageIds")
        return tuple(map(str, given)) if isinstance(given, list) else ()

    @property
    def environment(self) -> str | None:
        """The request's `metadata.environment`; None if it is no text."""
        return environment_in(self.request or {})

    @property
    def seconds(self) -> float:
        """The time from the start to the end, or until now."""
        return ((self.ended or self.read_at) - self.started).total_seconds()

    @property
    def waited(self) -> float:
        """The seconds that it has waited for its story, also those of a wait that goes on."""
        waits = [visit for visit in self.visits if visit.state == WAIT and visit.waiting_since]
        return sum(
            ((visit.left or self.read_at) - (visit.waiting_since or visit.entered)).total_seconds() for visit in waits
        )


class RunReader:
    """Reads one run again and again: its new events each time, and once what does not change."""

    def __init__(self, context: Context, execution: str) -> None:
        """Find the run given by name or ARN, and the definition that it uses; raises NotFound for an unknown one."""
        client = context.client("stepfunctions")
        arn = Runs(context).describe(execution)["executionArn"]
        self._definition = json.loads(client.describe_state_machine_for_execution(executionArn=arn)["definition"])
        self._history, self._stage = History(client, arn), context.stage

    def read(self) -> RunView:
        """Return the run as it is now: one call of GetExecutionHistory, or more if much has happened since the last."""
        self._history.read()
        view = of_events(self._history.arn, self._history.events, self._definition)
        return replace(view, story_url=self._stage.story_url(view.story))


def read_view(context: Context, execution: str) -> RunView:
    """Read the run given by name or ARN once; raises NotFound for an unknown one."""
    return RunReader(context, execution).read()


def of_events(
    arn: str, events: Sequence[Any], definition: Mapping[str, Any], *, read_at: datetime | None = None
) -> RunView:
    """Return the run that has these events (GetExecutionHistory's, in order; empty if it has only just begun)."""
    history, name, read_at = History(None, arn), name_of(arn), read_at or datetime.now(UTC)
    history.take(events)
    facts = Facts(name)
    for event in events:
        facts.take(event)
    ended = history.end.details if history.end else {}
    seen = (api_of_state(visit.state) for visit in history.visits)  # a live picture does not know the definition
    called = dict.fromkeys((*apis_of(definition), *filter(None, seen)))
    apis = tuple(answered(api, facts.answers.get(api), history.visits) for api in called)
    return RunView(
        execution=name,
        status=ended.get("status", RUNNING),
        outcome="waiting" if history.waiting_since else ended.get("outcome", outcome_of(RUNNING)),
        started=events[0]["timestamp"] if events else read_at,
        read_at=read_at,
        definition=definition,
        story=facts.story,
        started_by=facts.started_by,
        reason=redacted(ended.get("reason") or (facts.reason if ended else None)),
        ended=history.end.at if history.end else None,
        waiting_since=history.waiting_since,
        deadline=facts.deadline,
        phases=_phases(history.visits, apis),
        visits=tuple(history.visits),
        apis=apis,
        decision=facts.decision,
        request=facts.request,
        ignored=facts.ignored,
        source=facts.source,
        log=facts.log,
        result=facts.result,
    )


def marks(view: RunView) -> dict[str, Mark]:
    """Return the phase and the note of each state that was entered, for the graph."""
    return {state: Mark(phase, _note(view, state)) for state, phase in view.phases.items()}


def as_json(view: RunView) -> dict[str, Any]:
    """Return the view for scripts, without the definition; times as in results."""
    return {
        "execution": view.execution,
        "status": view.status,
        "outcome": view.outcome,
        "reason": view.reason,
        "jiraStoryId": view.story,
        "startedBy": view.started_by,
        "startedAt": iso(view.started),
        "endedAt": _iso(view.ended),
        "readAt": iso(view.read_at),
        "seconds": round(view.seconds, 3),
        "waitedSeconds": round(view.waited, 3),
        "waitingSince": _iso(view.waiting_since),
        "deadline": _iso(view.deadline),
        "phases": dict(view.phases),
        "visits": [_visit_json(visit) for visit in view.visits],
        "apis": {api.name: _api_json(api) for api in view.apis},
        "decision": _decision_json(view.decision) if view.decision else None,
        "request": view.request,
        "ignored": list(view.ignored),
        "source": view.source,
        "result": view.result,
        "log": [{"at": _iso(event.at), "step": event.step, "message": event.message} for event in view.log],
    }


def _visit_json(visit: Visit) -> dict[str, Any]:
    return {
        "state": visit.state,
        "enteredAt": iso(visit.entered),
        "leftAt": _iso(visit.left),
        "attempts": visit.attempts,
        "errors": list(visit.errors),
    }


def _api_json(api: ApiAnswer) -> dict[str, Any]:
    """Return the fields of `apis` in a result (README, "What comes out")."""
    return {
        "status": api.status,
        "statusCode": api.status_code,
        "attempts": api.attempts,
        "response": api.response,
        "error": api.error,
    }


def _decision_json(decision: Decision) -> dict[str, Any]:
    """Return the fields of `decision` in a result."""
    return {
        "decision": decision.decision,
        "status": decision.status,
        "actor": decision.actor,
        "actorId": decision.actor_id,
        "message": decision.message,
        "decidedAt": _iso(decision.decided_at),
        "receivedAt": _iso(decision.received_at),
    }


def _phases(visits: Sequence[Visit], apis: Sequence[ApiAnswer]) -> dict[str, Phase]:
    """The phase of each state that was entered: that of its last visit, if it had several."""
    phases: dict[str, Phase] = {}
    for visit in visits:
        phases[visit.state] = _phase(visit, again=phases.get(visit.state) in ("failed", "retried"))
    for api in apis:
        if api.status == "failed" and api.visit:
            phases[api.visit.state] = "failed"
    return phases


def _phase(visit: Visit, *, again: bool) -> Phase:
    if visit.left is None:
        return "waiting" if visit.waiting_since or visit.kind == "Wait" else "running"
    if visit.failed or visit.stopped:
        return "failed"
    return "retried" if visit.failures or again else "done"


def _note(view: RunView, state: str) -> str:
    visits = [visit for visit in view.visits if visit.state == state]
    attempts = sum(visit.attempts for visit in visits)
    times = f"{len(visits)} times" if len(visits) > 1 else f"{attempts} attempts" if attempts > 1 else ""
    # Without the time of a state that goes on: else the drawing of a waiting run would change at each look.
    left = [(visit.left - visit.entered).total_seconds() for visit in visits if visit.left]
    return ", ".join(filter(None, (times, span(sum(left), precise=True) if len(left) == len(visits) else "")))


def _iso(at: datetime | None) -> str | None:
    return iso(at) if at else None
