"""`doctor`: check a stage against the production checklist, without changing anything."""

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import Any

from storygate.checks import Examination, Finding, examine
from storygate.checks.finding import WAITING_DAYS
from storygate.commands.arguments import add_command, context_of, number_between, print_json
from storygate.commands.findings import document, show
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
