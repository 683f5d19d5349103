"""What a check is, what it finds, and where it looks."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from storygate.deployment.functions import rest_api_id
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.support.errors import AWS_ERRORS, OperatorError, error_code, explain

Status = Literal["ok", "warn", "fail", "skip"]

PATIENCE = 90.0  # seconds for one check; all but drift take well under one


@dataclass(frozen=True)
class Finding:
    """What one check found, why that matters, and the command that mends it (empty if there is nothing to mend)."""

    status: Status
    found: str
    fix: str = ""
    check: str = ""
    why: str = ""


def ok(found: str) -> Finding:
    """As it should be."""
    return Finding("ok", found)


def warn(found: str, fix: str) -> Finding:
    """It works, but not for ever, or not as well as it should."""
    return Finding("warn", found, fix)


def fail(found: str, fix: str) -> Finding:
    """Broken, or open, or about to lose something."""
    return Finding("fail", found, fix)


def skip(found: str) -> Finding:
    """Not looked at, and why."""
    return Finding("skip", found)


@dataclass(frozen=True)
class Site:
    """A stage as it is deployed, and when it is looked at. `account` and `partition` are the caller's."""

    project: Path
    stage: Stage
    aws: Aws
    account: str
    partition: str
    now: datetime
    waiting_days: int = 7
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        """The one client of a service; making clients is not safe in threads, using them is (boto3 guide)."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self.aws.client(service)
            return self._clients[service]

    def arn(self, service: str, resource: str) -> str:
        """An ARN of the stage's region and account."""
        return f"arn:{self.partition}:{service}:{self.stage.region}:{self.account}:{resource}"

    @property
    def machine(self) -> str:
        """The state machine's ARN."""
        return self.arn("states", f"stateMachine:{self.stage.state_machine}")

    @property
    def queue(self) -> str:
        """The on-failure queue's ARN."""
        return self.arn("sqs", self.stage.queue)

    @cached_property
    def api(self) -> str:
        """The REST API's id; raises OperatorError if there is none."""
        found = rest_api_id(self.project, self.stage, self.aws)
        if not found:
            raise OperatorError(f"Stage {self.stage.name} has no REST API here.", self.deploy)
        return found

    @property
    def deploy(self) -> str:
        """The command that brings the stage to what this checkout says."""
        return f"python -m storygate deploy --stage {self.stage.name}"

    def age(self, since: datetime) -> timedelta:
        """How long ago that was."""
        return self.now - since


Probe = Callable[[Site], Finding]


@dataclass(frozen=True)
class Check:
    """One line of the checklist."""

    name: str
    why: str
    probe: Probe

    def examine(self, site: Site, patience: float = PATIENCE) -> Finding:
        """The finding, whatever happens: an error of AWS's is a `fail` with its hint, and so is no answer in time."""
        found: list[Finding] = []
        # A thread that is given up ends with the process; nothing waits for it.
        worker = threading.Thread(target=lambda: found.append(self._find(site)), daemon=True)
        worker.start()
        worker.join(patience)
        finding = found[0] if found else fail(f"no answer within {patience:g} s", "Run this again; check the network.")
        return replace(finding, check=self.name, why=self.why)

    def _find(self, site: Site) -> Finding:
        try:
            return self.probe(site)
        except OperatorError as error:
            return fail(error.message, error.hint)
        except AWS_ERRORS as error:
            explained = explain(error)
            return fail(explained.message, explained.hint)
        except Exception as error:  # noqa: BLE001 - a surprise in one check must not take the others' lines away
            return fail(
                f"the check itself broke: {type(error).__name__}: {error}", "Look by hand, and report this line."
            )


def check(name: str, why: str) -> Callable[[Probe], Check]:
    """Makes a function a check."""
    return lambda probe: Check(name, why, probe)


@contextlib.contextmanager
def absent(*codes: str, found: str, fix: str) -> Any:
    """Turns AWS's answer that something does not exist into what to do about it."""
    try:
        yield
    except AWS_ERRORS as error:
        if error_code(error) in codes:
            raise OperatorError(found, fix) from error
        raise
