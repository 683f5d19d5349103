"""`doctor`: check a stage against the production checklist, without changing anything."""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from storygate.checks import Examination, Finding, examine
from storygate.checks.finding import WAITING_DAYS
from storygate.commands.arguments import add_command, context_of, number_between, print_json
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "doctor",
        run,
        help="check a stage against the production checklist",
        description="Checks a stage against the production checklist: what was found, why it matters, and the command "
        "that fixes it. Changes nothing. Exits 1 if a check fails; warnings and skipped checks are shown.",
        example="--stage prod --json",
    )
    parser.add_argument(
        "--waiting-days",
        type=number_between(1, 365),
        default=WAITING_DAYS,
        metavar="N",
        help=f"warn of runs that wait longer (default {WAITING_DAYS})",
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Make all checks: 1 if one fails, else 0. Without credentials no check is made: botocore's error is raised."""
    context = context_of(args)
    examined = Examination(context.project, context.stage, context.aws, waiting_days=args.waiting_days)
    _ = examined.account  # raises botocore's error without credentials, which would fail every check
    findings = []
    for finding in examine(examined):
        findings.append(finding)
        if not args.json:
            show(finding, terminal)
    failed = any(finding.status == "fail" for finding in findings)
    if args.json:
        print_json(document(examined, findings))
    else:
        _show_summary(examined, findings, terminal)
    return 1 if failed else 0


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


def _show_summary(context: Examination, findings: Sequence[Finding], terminal: Terminal) -> None:
    counts = Counter(finding.status for finding in findings)
    line = f"stage {context.stage.name}: " + ", ".join(
        f"{counts[status]} {status}" for status in ("fail", "warn", "skip", "ok") if counts[status]
    )
    if counts["fail"]:
        terminal.fail(line)
    elif counts["warn"]:
        terminal.warn(line)
    else:
        terminal.done(line)
