"""The runs of a stage: executions of its state machine, given by name or ARN."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from storygate.stage.config import Stage
from storygate.support.errors import OperatorError

RUNNING = "RUNNING"


@dataclass(frozen=True)
class Run:
    """One execution as ListExecutions tells it; `ended` is None while it runs."""

    arn: str
    name: str
    status: str
    started: datetime
    ended: datetime | None

    @property
    def moved(self) -> datetime:
        """What AWS sorts runs by: the start while it runs, the end after (API reference, ListExecutions)."""
        return self.ended or self.started


class Runs:
    """The executions of a stage's state machine. `caller` is what GetCallerIdentity answers."""

    def __init__(self, stage: Stage, client: Any, caller: Any) -> None:
        self._stage, self._client = stage, client
        partition, account = caller["Arn"].split(":")[1], caller["Account"]
        self._prefix = f"arn:{partition}:states:{stage.region}:{account}"
        self.machine = f"{self._prefix}:stateMachine:{stage.state_machine}"

    def arn(self, execution: str) -> str:
        """The ARN of a run given by name or ARN; raises OperatorError for one of another state machine."""
        own = f"{self._prefix}:execution:{self._stage.state_machine}:"
        if not execution.startswith("arn:"):
            return own + execution
        if not execution.startswith(own):
            raise OperatorError(
                f"{execution} is not a run of stage {self._stage.name}, whose runs are {own}…",
                f"Give its own stage, or one that `python -m storygate list --stage {self._stage.name}` shows.",
            )
        return execution

    def describe(self, execution: str) -> Any:
        """DescribeExecution of a run given by name or ARN; raises OperatorError for an unknown one."""
        try:
            return self._client.describe_execution(executionArn=self.arn(execution))
        except (self._client.exceptions.ExecutionDoesNotExist, self._client.exceptions.InvalidArn) as error:
            raise OperatorError(
                f"Stage {self._stage.name} knows no run {execution}.",
                f"`python -m storygate list --stage {self._stage.name}` shows those it knows; Step Functions forgets a "
                "run 90 days after its end.",
            ) from error

    def latest(self, status: str | None = None) -> Iterator[Run]:
        """The runs, newest first (see `Run.moved`), page by page as they are asked for; all, or those of one status.

        Raises OperatorError if the stage has no state machine. Eventually consistent (API reference): a run of this
        second may be missing.
        """
        request = {"stateMachineArn": self.machine} | ({"statusFilter": status} if status else {})
        pages = self._client.get_paginator("list_executions").paginate(**request, PaginationConfig={"PageSize": 100})
        try:
            for page in pages:
                yield from (_run(listed) for listed in page["executions"])
        except self._client.exceptions.StateMachineDoesNotExist as error:
            raise self._not_deployed() from error

    def page(self, status: str | None, size: int, token: str | None = None) -> tuple[list[Run], str | None]:
        """At most `size` runs in the order of `latest`, and the token of the next page, None after the last one.

        One call. Raises OperatorError for a token that has expired (after 24 hours, API reference), as well.
        """
        request: dict[str, Any] = {"stateMachineArn": self.machine, "maxResults": size}
        request |= ({"statusFilter": status} if status else {}) | ({"nextToken": token} if token else {})
        try:
            answer = self._client.list_executions(**request)
        except self._client.exceptions.StateMachineDoesNotExist as error:
            raise self._not_deployed() from error
        except self._client.exceptions.InvalidToken as error:
            raise OperatorError(
                "This page of runs can no longer be found; AWS keeps its place for 24 hours.",
                "Begin again with the newest runs.",
            ) from error
        return [_run(listed) for listed in answer["executions"]], answer.get("nextToken")

    def newest(self) -> Run:
        """The run that started last: of those that run, or the one that ended last. OperatorError if there is none."""
        # AWS sorts those that run by their start and the others by their end, so neither list alone would tell.
        candidates = [*islice(self.latest(RUNNING), 1), *islice(self.latest(), 1)]
        if not candidates:
            raise OperatorError(
                f"Stage {self._stage.name} has no runs.",
                f"Start one: python -m storygate start FILE --stage {self._stage.name}",
            )
        return max(candidates, key=lambda run: run.started)

    def start(self, name: str, text: str) -> str:
        """Starts a run with an input as JSON text; returns its ARN."""
        answer = self._client.start_execution(stateMachineArn=self.machine, name=name, input=text)
        return str(answer["executionArn"])

    def stop(self, execution: str, cause: str) -> None:
        """Stops a run (StopExecution: at once, without any state after it); the cause is kept with it."""
        longest = 32_768  # API reference
        self._client.stop_execution(executionArn=self.arn(execution), error="cancelled", cause=cause[:longest])

    def _not_deployed(self) -> OperatorError:
        return OperatorError(
            f"Stage {self._stage.name} is not deployed here: there is no {self.machine}.",
            f"Run `python -m storygate deploy --stage {self._stage.name}`, or check AWS_PROFILE and the region.",
        )


def name_of(execution: str) -> str:
    """The name of a run given by name or ARN."""
    return execution.rpartition(":")[2]


def _run(listed: Any) -> Run:
    return Run(listed["executionArn"], listed["name"], listed["status"], listed["startDate"], listed.get("stopDate"))
