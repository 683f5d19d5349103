"""The Jira of a stage, as the sweep asks it, and as the sweep and the status function tell it of runs.

The callback imports nothing of this.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib import settings
from chalicelib.jira_api import Credentials, JiraApi, JiraAway, OutOfTime
from chalicelib.jira_ask import ask
from chalicelib.jira_tell import Teller
from chalicelib.refusals import Misconfigured
from chalicelib.rules import Rules
from chalicelib.run_end import end_of
from chalicelib.run_request import request_of
from chalicelib.story_key import is_key
from chalicelib.sweep import Asked, WaitingStory
from chalicelib.verdicts import AWS_ERRORS, VerdictTable

ASKING = 0.7  # of the time that the sweep has left for Jira; the rest is for links
TELL_SECONDS = 40.0  # of the status function's 60


@dataclass(frozen=True)
class Clients:
    """The AWS clients that asking and telling need."""

    secretsmanager: Any
    dynamodb: Any
    s3: Any
    stepfunctions: Any


@dataclass(frozen=True)
class StageJira:
    """A stage's Jira, by its environment variables (settings.py); `secret` is the name of its credentials."""

    variables: Mapping[str, str]
    clients: Clients
    rules: Rules
    secret: str
    table: str
    bucket: str
    clock: Callable[[], float] = time.monotonic

    @property
    def is_known(self) -> bool:
        """Whether the stage names a Jira."""
        return bool(self.variables.get("STORYGATE_JIRA_SITE", "").strip())

    def ask(self, stories: list[WaitingStory], verdicts: VerdictTable, seconds: float, machine_arn: str) -> Asked:
        """Ask Jira about stories, deliver what it says, and keep the links of the runs that go on waiting.

        `machine_arn` is the state machine's. It takes at most so many seconds, and raises nothing of Jira's. If Jira
        cannot be used it prints a line of JSON, which an alarm counts.
        """
        answer = Asked(left=sum(len(story.executions) for story in stories))
        end = self.clock() + seconds
        try:
            api = self._api(end)
            try:
                asking = api.until(end - seconds * (1 - ASKING))
                ask(stories, asking, verdicts, self.rules, lambda: datetime.now(UTC), answer)
            except OutOfTime as error:  # the links have time of their own
                answer.errors.append(str(error))
            if settings.jira_tell(self.variables):
                self._link(stories, answer, self._teller(api), machine_arn, end)
        except OutOfTime as error:
            answer.errors.append(str(error))
        except (JiraAway, Misconfigured) as error:
            answer.errors.append(str(error))
            print(json.dumps({"log": "jira", "away": True, "error": str(error)}), flush=True)
        except AWS_ERRORS as error:
            answer.errors.append(f"Jira's links: {type(error).__name__}")
        return answer

    def tell(self, detail: dict[str, Any]) -> None:
        """Tell how a run ended, by the detail of its status event. Print one line of JSON, and raise nothing."""
        told: list[str] = []
        try:
            end = end_of(detail, self.clients.s3, self.bucket) if settings.jira_tell(self.variables) else None
            if end is None or not self.rules.gates(end.story):
                return
            told, errors = self._teller(self._api(self.clock() + TELL_SECONDS)).report_end(end)
        except (JiraAway, Misconfigured) as error:
            errors = [str(error)]
        except AWS_ERRORS as error:
            errors = [type(error).__name__]
        print(json.dumps({"log": "tell", "execution": detail.get("name"), "told": told, "errors": errors}), flush=True)

    def _link(self, stories: list[WaitingStory], answer: Asked, teller: Teller, machine_arn: str, end: float) -> None:
        executions, decided = machine_arn.replace(":stateMachine:", ":execution:"), set(answer.decided)
        for story in stories:
            if self.clock() > end:  # also where every link exists, a story costs a call to the table
                return
            waiting = [f"{executions}:{run}" for run in story.executions if run not in decided]
            if waiting and is_key(story.key) and self.rules.gates(story.key):
                answer.errors += teller.link_waiting(story.key, waiting, self._request)

    def _request(self, execution_arn: str) -> dict[str, Any] | None:
        """Return what a run was asked to do; None if that cannot be read: its link is made without it."""
        try:
            given = self.clients.stepfunctions.describe_execution(executionArn=execution_arn).get("input")
        except AWS_ERRORS:
            return None
        return request_of(self.clients.s3, self.bucket, given)

    def _api(self, deadline: float) -> JiraApi:
        base = settings.jira_api(self.variables)
        if base is None:
            raise Misconfigured("STORYGATE_JIRA_SITE names no Jira")
        return JiraApi(base, Credentials.read(self.clients.secretsmanager, self.secret), deadline, self.clock)

    def _teller(self, api: JiraApi) -> Teller:
        return Teller(api, self.clients.dynamodb, self.table, settings.run_url(self.variables))
