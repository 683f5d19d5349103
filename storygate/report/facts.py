"""The data in a run's history beyond its states' times: request, answers, decision, log.

The workflow keeps its data in variables, and the history records each assignment (`assignedVariables` of a state's
exit; API reference, StateExitedEventDetails), also those of a Catch (LocalStack's test_assign_in_catch_state, recorded
on AWS). So this module can read a run that has not ended, and a run whose files in S3 were deleted. The history also
holds the task token and the APIs' answers with their headers: this module takes named fields only, and passes texts of
APIs, Jira and operators through `redacted`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storygate.runs.history import Visit
from storygate.runs.input_rules import FIELDS
from storygate.runs.result_files import log_key, result_key
from storygate.stage.definition import RELEASE_ACTIONS, api_of_state
from storygate.support.json_text import loaded
from storygate.support.redact import redacted
from storygate.support.times import moment_of

CALLING, NOT_CALLED = "calling", "not called"


@dataclass(frozen=True)
class ApiAnswer:
    """One API's answer as the run understood it: `success` or `failed`; before that `calling` or `not called`."""

    name: str
    status: str = NOT_CALLED
    status_code: int | None = None
    attempts: int = 0
    response: Any = None
    error: str | None = None
    visit: Visit | None = None

    @property
    def title(self) -> str:
        """What was called, for people: `Validation`; for the release API `Release` or `Rollback`."""
        action = RELEASE_ACTIONS.get(self.visit.state) if self.visit else None
        return (action or self.name).capitalize()


@dataclass(frozen=True)
class Decision:
    """Jira's verdict, `approved` or `rejected`: by whom, and when by Jira's clock and by the callback's.

    `actor` is the display name, which people may change; `actor_id` is Jira's account id or user key.
    """

    decision: str
    status: str | None
    actor: str | None
    actor_id: str | None
    message: str | None
    decided_at: datetime | None
    received_at: datetime | None


@dataclass(frozen=True)
class LogEvent:
    """One line of the run's log."""

    at: datetime | None
    step: str
    message: str


class Facts:
    """The data in the events of an execution, added one event at a time."""

    def __init__(self, execution: str) -> None:
        self._execution = execution
        self._variables: dict[str, Any] = {}
        self._written: Any = None
        self._putting: Any = None
        self.answers: dict[str, Any] = {}
        self.result: str | None = None

    def take(self, event: Any) -> None:
        """Add one event, in order."""
        if exited := event.get("stateExitedEventDetails"):
            assigned = {name: loaded(text) for name, text in (exited.get("assignedVariables") or {}).items()}
            if assigned.get("request") is None:
                assigned.pop("request", None)  # InputIsValid clears it
            self._variables |= assigned
            if api := api_of_state(exited["name"]):
                self.answers[api] = _field(loaded(exited.get("output")), "answer") or self.answers.get(api)
        elif scheduled := event.get("taskScheduledEventDetails"):
            # Only of an S3 integration: the wait's parameters hold the task token.
            writes = (scheduled.get("resourceType"), scheduled.get("resource")) == ("aws-sdk:s3", "putObject")
            self._putting = loaded(scheduled.get("parameters")) if writes else None
            if _field(self._putting, "Key") == log_key(self._execution):
                self._written = _field(_field(self._putting, "Body"), "events")
        elif event["type"] == "TaskSucceeded" and _field(self._putting, "Key") == result_key(self._execution):
            self.result = f"s3://{_field(self._putting, 'Bucket')}/{_field(self._putting, 'Key')}"

    @property
    def story(self) -> str | None:
        """The story's key as the run understood it."""
        return _text(self._variables.get("story")) or None

    @property
    def started_by(self) -> str | None:
        """Who dropped the input, as S3 names them: `AWS:AROA…:ann`; None for a run that was started by hand."""
        return _text(self._variables.get("startedBy"))

    @property
    def reason(self) -> str | None:
        """The reason in the result, as far as the run has one."""
        return _text(self._variables.get("reason"))

    @property
    def deadline(self) -> datetime | None:
        """When the wait for the story ends without a verdict."""
        millis = self._variables.get("deadline")
        return datetime.fromtimestamp(millis / 1000, UTC) if isinstance(millis, int | float) else None

    @property
    def request(self) -> dict[str, Any] | None:
        """The fields of the request that storygate knows, as given."""
        given = self._variables.get("request")
        return redacted({name: given[name] for name in FIELDS if name in given}) if isinstance(given, dict) else None

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of the request's other fields."""
        given = self._variables.get("request")
        return tuple(name for name in given if name not in FIELDS) if isinstance(given, dict) else ()

    @property
    def source(self) -> str | None:
        """The request's place in S3; None if it was the execution's input itself."""
        bucket, key = self._variables.get("bucket"), self._variables.get("key")
        return f"s3://{bucket}/{key}" if key else None

    @property
    def decision(self) -> Decision | None:
        """The verdict that ended the wait."""
        given = self._variables.get("decision")
        if not isinstance(given, dict):
            return None
        texts = {name: redacted(_text(given.get(name))) for name in ("status", "actor", "actorId", "message")}
        times = (moment_of(given.get(name)) for name in ("decidedAt", "receivedAt"))
        return Decision(str(given.get("decision")), *texts.values(), *times)

    @property
    def log(self) -> tuple[LogEvent, ...]:
        """The log as it was written, or its lines until now."""
        events = self._written or self._variables.get("events") or ()
        return tuple(
            LogEvent(
                moment_of(_field(event, "at")), str(_field(event, "step")), str(redacted(_field(event, "message")))
            )
            for event in events
        )


def answered(name: str, answer: Any, visits: Sequence[Visit]) -> ApiAnswer:
    """Return one API's answer, or how far its call has come, from the visits of the state that calls it."""
    visit = next((visit for visit in visits if api_of_state(visit.state) == name), None)
    if visit is None:
        return ApiAnswer(name)
    if not isinstance(answer, dict):
        # Left without an answer: the run was stopped or failed meanwhile.
        status = CALLING if visit.left is None else "failed"
        errors = [*visit.errors, *(["the run was stopped before the API answered"] if visit.stopped else [])]
        return ApiAnswer(name, status, attempts=visit.attempts, error=", ".join(errors) or None, visit=visit)
    return ApiAnswer(
        name=name,
        status=str(answer.get("status")),
        status_code=answer.get("statusCode"),
        attempts=int(answer.get("attempts") or visit.attempts),
        response=redacted(answer.get("response")),
        error=redacted(_text(answer.get("error"))),
        visit=visit,
    )


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
