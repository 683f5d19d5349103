"""The Jira of a stage, as the status function tells it how runs end.

The callback imports nothing of this.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import settings
from chalicelib.jira_api import Credentials, JiraApi, JiraAway
from chalicelib.jira_tell import Teller
from chalicelib.run_end import end_of

TELL_SECONDS = 40.0  # of the status function's 60


@dataclass(frozen=True)
class Clients:
    """The AWS clients that asking and telling need."""

    secretsmanager: Any
    dynamodb: Any
    s3: Any


@dataclass(frozen=True)
class StageJira:
    """A stage's Jira; `api` is the base of its calls, `machine_arn` the"""

    api: str
    secret: str
    clients: Clients
    table: str
    bucket: str
    tells: bool
    run_url: str | None

    @classmethod
    def of(
        cls, variables: Mapping[str, str], clients: Clients, *, secret: str, table: str, bucket: str
    ) -> "StageJira | None":
        """Return the Jira that a stage's variables name, None without one. Raises Misconfigured."""
        base = settings.jira_api(variables)
        if base is None:
            return None
        tells, run_url = settings.jira_tell(variables), settings.run_url(variables)
        return cls(base, f"{secret}-jira", clients, table, bucket, tells, run_url)

    def tell(self, detail: dict[str, Any]) -> None:
        """Tell how a run ended, by the detail of its status event. Print one line of JSON; raise nothing of Jira's."""
        end = end_of(detail, self.clients.s3, self.bucket) if self.tells else None
        if end is None:
            return
        told: list[str] = []
        try:
            api = JiraApi(self.api, self._credentials(), time.monotonic() + TELL_SECONDS)
            told, errors = self._teller(api).ended(end)
        except JiraAway as error:
            errors = [str(error)]
        line = {"log": "tell", "execution": end.execution, "story": end.story, "told": told, "errors": errors}
        print(json.dumps(line), flush=True)

    def _credentials(self) -> Credentials:
        return Credentials.read(self.clients.secretsmanager, self.secret)

    def _teller(self, api: JiraApi) -> Teller:
        return Teller(api, self.clients.dynamodb, self.table, self.run_url)
