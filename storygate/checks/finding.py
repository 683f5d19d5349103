"""A check, the stage it examines, and its finding."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal

from storygate.deployment.functions import rest_api_id
from storygate.deployment.parts import missing_parts
from storygate.stage.context import Context
from storygate.support.errors import AWS_ERRORS, OperatorError, error_code, explain

Status = Literal["ok", "warn", "fail", "skip"]

WAITING_DAYS = 7
PATIENCE = 90.0  # seconds for one check; all but drift take well under one


@dataclass(frozen=True)
class Finding:
    """The result of one check: what it found, why that matters, and the command that fixes it, or an empty text."""

    status: Status
    found: str
    fix: str = ""
    check: str = ""
    why: str = ""


def ok(found: str) -> Finding:
    """Return a finding that nothing is wrong."""
    return Finding("ok", found)


def warn(found: str, fix: str) -> Finding:
    """Return a finding of something that works, but not for long or not well enough."""
    return Finding("warn", found, fix)


def fail(found: str, fix: str) -> Finding:
    """Return a finding of something that is broken, open to strangers, or about to lose data."""
    return Finding("fail", found, fix)


def skip(found: str) -> Finding:
    """Return a finding that says why the check was not made."""
    return Finding("skip", found)


@dataclass(frozen=True)
class Examination(Context):
    """A stage as the checks look at it: at one moment, and with a bound for how long a run should wait."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    waiting_days: int = WAITING_DAYS

    @property
    def queue_arn(self) -> str:
        """The ARN of the queue of drops that started no run."""
        return self.arn("sqs", self.stage.queue)

    @cached_property
    def api(self) -> str:
        """The REST API's id; raises OperatorError if there is none."""
        found = rest_api_id(self)
        if not found:
            raise OperatorError(f"Stage {self.stage.name} has no REST API here.", self.deploy_command)
        return found

    @cached_property
    def missing(self) -> list[str]:
        """The parts that `deploy` makes and that are not there; looked for once, and only if a check fails."""
        with contextlib.suppress(Exception):  # a look that breaks must not hide the finding of the check that failed
            return missing_parts(self)
        return []

    @property
    def deploy_command(self) -> str:
        """The command that brings the stage to what this checkout says."""
        return self.stage.command("deploy")

    def elapsed(self, since: datetime) -> timedelta:
        """Return the time from `since` to the examination."""
        return self.now - since


Probe = Callable[[Examination], Finding]


@dataclass(frozen=True)
class Check:
    """One line of the checklist."""

    name: str
    why: str
    probe: Probe

    def examine(self, context: Examination, patience: float = PATIENCE) -> Finding:
        """Return the finding. An error, and no answer within `patience` seconds, become a `fail` with a hint."""
        found: list[Finding] = []
        # A daemon thread: a check that hangs must not keep the process from ending.
        worker = threading.Thread(target=lambda: found.append(self._find(context)), daemon=True)
        worker.start()
        worker.join(patience)
        finding = found[0] if found else fail(f"no answer within {patience:g} s", "Run this again; check the network.")
        return replace(finding, check=self.name, why=self.why)

    def _find(self, context: Examination) -> Finding:
        found = self._probed(context)
        if found.status == "fail" and context.missing and context.deploy_command not in found.fix:
            # Of a stage that is half there most checks fail, and what mends them all is one deploy.
            return replace(found, fix=f"{context.deploy_command}, then run this again")
        return found

    def _probed(self, context: Examination) -> Finding:
        try:
            return self.probe(context)
        except (OperatorError, *AWS_ERRORS) as error:
            explained = explain(error)
            return fail(explained.message, explained.hint)
        except Exception as error:  # noqa: BLE001 - a bug in one check must not hide the findings of the others
            if context.missing:
                return fail(f"not to be checked without {', '.join(context.missing)}", context.deploy_command)
            return fail(
                f"the check itself broke: {type(error).__name__}: {error}", "Check it by hand, and report this bug."
            )


def check(name: str, why: str) -> Callable[[Probe], Check]:
    """Make a check of the decorated function."""
    return lambda probe: Check(name, why, probe)


@contextlib.contextmanager
def absent(*codes: str, found: str, fix: str) -> Iterator[None]:
    """Turn AWS's answer that a resource does not exist, by its error codes, into an OperatorError."""
    try:
        yield
    except AWS_ERRORS as error:
        if error_code(error) in codes:
            raise OperatorError(found, fix) from error
        raise
