"""The runs of a stage: executions of its state machine, given by name or ARN."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from storygate.stage.context import Context
from storygate.support.errors import NotFound, OperatorError

RUNNING = "RUNNING"


@dataclass(frozen=True)
class Run:
    """One execution as ListExecutions answers it; `ended` is None while it runs."""

    arn: str
    name: str
    status: str
    started: datetime
    ended: datetime | None


class Runs:
    """The executions of a stage's state machine."""

    def __init__(self, context: Context) -> None:
        self._stage, self._client = context.stage, context.client("stepfunctions")
        self._machine = context.machine_arn
        self._own = context.arn("states", f"execution:{self._stage.state_machine}:")

    def arn(self, execution: str) -> str:
        """Return the ARN of a run given by name or ARN; raises OperatorError for one of another state machine."""
        if not execution.startswith("arn:"):
            return self._own + execution
        if not execution.startswith(self._own):
            raise OperatorError(
                f"{execution} is not a run of stage {self._stage.name}, whose runs are {self._own}…",
                f"Give the stage it belongs to, or a run from `{self._stage.command('list')}`.",
            )
        return execution

    def describe(self, execution: str) -> Any:
        """Return DescribeExecution's answer for a run given by name or ARN; raises NotFound for an unknown one."""
        try:
            return self._client.describe_execution(executionArn=self.arn(execution))
        except (self._client.exceptions.ExecutionDoesNotExist, self._client.exceptions.InvalidArn) as error:
            raise NotFound(
                f"Stage {self._stage.name} has no run {execution}.",
                f"`{self._stage.command('list')}` shows its runs; Step Functions deletes a run 90 days after its end.",
            ) from error

    def latest(self, status: str | None = None, *, page: int = 100) -> Iterator[Run]:
        """Yield the runs, all or those of one status, newest first; pages, up to 1,000 runs, are fetched when needed.

        AWS sorts a running execution by its start and an ended one by its end (API reference, ListExecutions). Raises
        OperatorError if the stage has no state machine. Eventually consistent (API reference): a run that started this
        second may be missing.
        """
        request = {"stateMachineArn": self._machine} | ({"statusFilter": status} if status else {})
        pages = self._client.get_paginator("list_executions").paginate(**request, PaginationConfig={"PageSize": page})
        try:
            for listed in pages:
                yield from map(_run, listed["executions"])
        except self._client.exceptions.StateMachineDoesNotExist as error:
            raise self._not_deployed() from error

    def page(self, status: str | None, size: int, token: str | None = None) -> tuple[list[Run], str | None]:
        """Return at most `size` runs in the order of `latest`, and the token of the next page or None.

        One call. Raises NotFound for a token that has expired (after 24 hours, API reference), as well.
        """
        request: dict[str, Any] = {"stateMachineArn": self._machine, "maxResults": size}
        request |= ({"statusFilter": status} if status else {}) | ({"nextToken": token} if token else {})
        try:
            answer = self._client.list_executions(**request)
        except self._client.exceptions.StateMachineDoesNotExist as error:
            raise self._not_deployed() from error
        except self._client.exceptions.InvalidToken as error:
            raise NotFound(
                "This page of runs has expired; AWS keeps its place for 24 hours.",
                "Begin again with the newest runs.",
            ) from error
        return [_run(listed) for listed in answer["executions"]], answer.get("nextToken")

    def newest(self) -> Run:
        """Return the run that started last, among the newest running and the last ended; OperatorError without one."""
        # AWS sorts running executions by their start and the others by their end, so one list alone is not enough.
        candidates = [*islice(self.latest(RUNNING), 1), *islice(self.latest(), 1)]
        if not candidates:
            raise OperatorError(
                f"Stage {self._stage.name} has no runs.", f"Start one: {self._stage.command('start FILE')}"
            )
        return max(candidates, key=lambda run: run.started)

    def start(self, name: str, text: str) -> str:
        """Start a run with an input as JSON text; return its ARN."""
        answer = self._client.start_execution(stateMachineArn=self._machine, name=name, input=text)
        return str(answer["executionArn"])

    def start_once(self, name: str, text: str) -> bool:
        """Start a run unless one of that name exists, running or ended; return whether it was started.

        While a run of the same name and input goes on, AWS answers as if it had started it (StartExecution).
        """
        try:
            self.start(name, text)
        except self._client.exceptions.ExecutionAlreadyExists:
            return False
        except self._client.exceptions.StateMachineDoesNotExist as error:
            raise self._not_deployed() from error
        return True

    def stop(self, execution: str, cause: str) -> None:
        """Stop a run at once: no further state is entered (StopExecution). The cause is kept with the run."""
        longest = 32_768  # API reference
        self._client.stop_execution(executionArn=self.arn(execution), error="cancelled", cause=cause[:longest])

    def _not_deployed(self) -> OperatorError:
        return self._stage.not_deployed(f"there is no {self._machine}")


def name_of(execution: str) -> str:
    """Return the name of a run given by name or ARN."""
    return execution.rpartition(":")[2]


def _run(listed: Any) -> Run:
    return Run(listed["executionArn"], listed["name"], listed["status"], listed["startDate"], listed.get("stopDate"))
