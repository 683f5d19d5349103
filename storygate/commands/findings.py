"""Show the findings of checks, for people and for scripts."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from storygate.checks import Examination, Finding
from storygate.support.terminal import Terminal


def show(finding: Finding, terminal: Terminal) -> None:
    """Show one line for a check that is ok; else also why it matters and the command that fixes it."""
    marks: dict[str, Callable[[str], None]] = {"ok": terminal.done, "warn": terminal.warn, "fail": terminal.fail}
    marks.get(finding.status, terminal.detail)(f"{finding.status:<4}  {finding.check}: {finding.found}")
    if finding.status in {"warn", "fail"}:
        terminal.say(f"      why: {finding.why}")
        terminal.say(f"      fix: {finding.fix}")


def document(context: Examination, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what --json prints."""
    return {
        "stage": context.stage.name,
        "account": context.account,
        "region": context.region,
        "checkedAt": context.now.isoformat(timespec="seconds"),
        "healthy": not any(finding.status == "fail" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }
